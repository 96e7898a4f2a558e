"""Piano rolls: which of the piano's 88 keys sound in each frame, piece by piece.

A published collection is a MATLAB file (cell arrays ``traindata``, ``validdata``, ``testdata`` of 0/1 matrices) or a
JSON one (``train``, ``valid``, ``test``: pieces of frames of MIDI notes). Both become flat arrays, memory-mapped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbench.datamodules.sources import chorales, data_location, matlab, prepared_cache, synthetic_rolls
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.sources.folder_layouts import SPLITS
from seqbench.datamodules.sources.synthetic_rolls import KEYS, LOWEST
from seqbench.utils.errors import SeqbenchError

HIGHEST = LOWEST + KEYS - 1
VERSION = 1
"""Of the preparation: part of the cache's key, raised when its outcome changes."""

_IN_MAT = dict(zip(SPLITS, ("traindata", "validdata", "testdata"), strict=True))
_IN_JSON = dict(zip(SPLITS, ("train", "valid", "test"), strict=True))
Splits = Mapping[str, list[np.ndarray]]


@dataclass(frozen=True)
class RollSplits:
    """Three splits of piano rolls.

    Args:
        frames: of each split, all pieces one after another, ``(total, 88)`` uint8 of 0 and 1; column k is MIDI
            note k + 21.
        borders: of each split, where pieces begin and end, ``(pieces + 1,)``.
        best: of a synthetic source, the best possible scores on the roll; None for real music.
        best_melody: the same on the next note of the highest voice.
        failed: pieces of a package that could not be parsed; None for other sources.
    """

    frames: Mapping[str, np.ndarray]
    borders: Mapping[str, np.ndarray]
    best: Mapping[str, float] | None = None
    best_melody: Mapping[str, float] | None = None
    failed: int | None = None

    def pieces(self, split: str) -> list[np.ndarray]:
        """The split's pieces, each ``(T, 88)``."""
        return np.split(self.frames[split], self.borders[split][1:-1])


def read_rolls(location: DataLocation) -> RollSplits:
    """Read a collection of piano rolls.

    Raises:
        SeqbenchError: a file is broken, not the published one, or holds what is no piano roll.
    """
    if location.source == "synthetic":
        source = synthetic_rolls.RollSource()
        return _rolls(_packed(source.splits()), best=source.best(), best_melody=source.best_melody())
    if location.source == "package":
        key = {**data_location.file_checksums(location), "version": chorales.VERSION}
        arrays = prepared_cache.load_or_prepare("chorales", key, _of_package)
        return _rolls(arrays, failed=int(arrays["failed"][0]))
    parts, sums = data_location.read_contents(location, "rolls")
    name = ", ".join(map(str, location.files.get("all", ()))) or f"'{location.dataset}'"
    arrays = prepared_cache.load_or_prepare(f"rolls-{VERSION}", sums, lambda: _packed(_parse(name, parts["all"])))
    return _rolls(arrays)


def _of_package() -> prepared_cache.Arrays:
    found = chorales.read_chorales()
    return {**_packed(found.splits), "failed": np.array([found.failed])}


def _packed(splits: Splits) -> prepared_cache.Arrays:
    """All frames of a split in one array, and where its pieces begin and end."""
    arrays: prepared_cache.Arrays = {}
    for split, pieces in splits.items():
        arrays[f"{split}-frames"] = np.concatenate(pieces) if pieces else np.zeros((0, KEYS), np.uint8)
        arrays[f"{split}-borders"] = np.cumsum([0, *map(len, pieces)])
    return arrays


def _rolls(arrays: prepared_cache.Arrays, **known: Any) -> RollSplits:
    # Plain views of what is mapped: `np.memmap` itself is slow to index.
    frames, borders = ({s: np.asarray(arrays[f"{s}-{what}"]) for s in SPLITS} for what in ("frames", "borders"))
    return RollSplits(frames, borders, **known)


def _parse(name: str, data: bytes) -> Splits:
    if not data.strip():
        raise SeqbenchError(f"{name} is empty; expected a MATLAB or JSON file of piano rolls.")
    # No MATLAB file begins with a bracket, whatever its name says.
    parse = _of_json if data.lstrip()[:1] in (b"{", b"[") else _of_mat
    splits = parse(name, data)
    for split, pieces in splits.items():
        if not pieces:
            raise SeqbenchError(f"{name} holds no pieces for {split}; give at least one in each split.")
    return splits


def _of_mat(name: str, data: bytes) -> Splits:
    try:
        found = matlab.read_matlab(data)
    except ValueError as error:
        raise SeqbenchError(
            f"{name} cannot be read as a MATLAB file ({error}); fetch it again, save it in MATLAB's format 5 to 7, or "
            f"give the pieces as JSON."
        ) from error
    return {split: _cells(name, key, _entry(name, found, key, list(found))) for split, key in _IN_MAT.items()}


def _entry(name: str, found: Mapping[str, Any], key: str, keys: Sequence[str]) -> Any:
    if key not in found:
        raise SeqbenchError(f"{name} has no '{key}'; expected one for each split, found {', '.join(keys) or 'none'}.")
    return found[key]


def _cells(name: str, key: str, cells: Any) -> list[np.ndarray]:
    if not isinstance(cells, list):
        raise SeqbenchError(f"{name}: {key} is no cell array; expected one cell (T, {KEYS}) for each piece.")
    return [_checked(f"{name}: {key}[{number}]", cell) for number, cell in enumerate(cells)]


def _checked(where: str, roll: Any) -> np.ndarray:
    """A roll as uint8, after looking at its shape and values; pieces and frames are counted from 0."""
    if not isinstance(roll, np.ndarray) or roll.ndim != 2 or roll.shape[1] != KEYS:
        found = f"of shape {roll.shape}" if isinstance(roll, np.ndarray) else "no array of numbers"
        raise SeqbenchError(f"{where} is {found}; expected (T, {KEYS}), one column for each key of a piano.")
    if not np.isin(roll, (0, 1)).all():
        raise SeqbenchError(f"{where} holds other values than 0 and 1; a piano roll has 1 where a key sounds.")
    return _long_enough(where, roll.astype(np.uint8))


def _long_enough(where: str, roll: np.ndarray) -> np.ndarray:
    if len(roll) < 2:
        raise SeqbenchError(f"{where} has {len(roll)} frames; a piece needs at least 2, one to predict from the other.")
    return roll


def _of_json(name: str, data: bytes) -> Splits:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SeqbenchError(f"{name} is no JSON file ({error}); fetch it again or mend it.") from error
    if not isinstance(found, dict):
        raise SeqbenchError(f"{name} holds a {type(found).__name__}; expected an object of train, valid and test.")
    splits = {split: _entry(name, found, key, list(found)) for split, key in _IN_JSON.items()}
    for split, key in _IN_JSON.items():
        if not isinstance(splits[split], list):
            raise SeqbenchError(f"{name}: {key} is a {type(splits[split]).__name__}; expected a list of pieces.")
    return {
        split: [_roll(f"{name}: {_IN_JSON[split]}[{number}]", piece) for number, piece in enumerate(pieces)]
        for split, pieces in splits.items()
    }


def _roll(where: str, piece: Any) -> np.ndarray:
    """The roll of one piece's frames of MIDI notes."""
    if not isinstance(piece, list) or not all(isinstance(frame, list) for frame in piece):
        raise SeqbenchError(f"{where} is no list of frames; expected [[60, 64], [60], …], MIDI notes of each frame.")
    roll = np.zeros((len(piece), KEYS), np.uint8)
    for number, frame in enumerate(piece):
        for note in frame:
            if type(note) is not int or not LOWEST <= note <= HIGHEST:
                raise SeqbenchError(
                    f"{where}[{number}] holds the note {note!r}; expected MIDI notes from {LOWEST} to {HIGHEST}, "
                    f"the keys of a piano."
                )
            roll[number, note - LOWEST] = 1
    return _long_enough(where, roll)
