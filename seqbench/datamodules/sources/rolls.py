"""Piano rolls: the keys of a piano that sound in each frame of a piece.

A published collection is a MATLAB file (cell arrays ``traindata``, ``validdata`` and ``testdata`` of matrices of 0
and 1). A collection of the user may also be a JSON file (``train``, ``valid`` and ``test``: lists of pieces, which
are lists of frames, which are lists of MIDI notes). Both become flat arrays, which are cached and memory-mapped.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from seqbench.datamodules.sources import chorales, data_contents, prepared_cache, synthetic_rolls, text_decoding
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.sources.synthetic_rolls import KEYS, LOWEST
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.number_format import counted

HIGHEST = LOWEST + KEYS - 1
"""MIDI note of the highest key."""

VERSION = 1
"""Version of the preparation, part of the cache key; raise it when the rolls change."""

_MATLAB_NAMES = dict(zip(SPLITS, ("traindata", "validdata", "testdata"), strict=True))
_JSON_NAMES = dict(zip(SPLITS, ("train", "valid", "test"), strict=True))

Pieces = Mapping[str, list[np.ndarray]]
"""Rolls ``(frames, 88)`` of 0 and 1 by split."""


@dataclass(frozen=True)
class RollSplits:
    """The splits of a collection of piano rolls.

    Args:
        frames: frames of all pieces of each split, ``(total, 88)`` uint8 of 0 and 1; column k is MIDI note k + 21.
        borders: start of each piece in ``frames``, and the end of the last one, ``(pieces + 1,)``, by split.
        best: best possible scores on the roll of the synthetic source; None for real music.
        best_melody: best possible scores on the melody of the synthetic source; None for real music.
        failed: number of pieces of a package that could not be parsed; None for other sources.
    """

    frames: Mapping[str, np.ndarray]
    borders: Mapping[str, np.ndarray]
    best: Mapping[str, float] | None = None
    best_melody: Mapping[str, float] | None = None
    failed: int | None = None

    def pieces(self, split: str) -> list[np.ndarray]:
        """Return the pieces of a split, each ``(frames, 88)``."""
        return np.split(self.frames[split], self.borders[split][1:-1])


def read_rolls(location: DataLocation) -> RollSplits:
    """Read a collection of piano rolls.

    Raises:
        SeqbenchError: a file is damaged, contains no piano rolls, or is not the published one where it must be.
    """
    if location.source == "synthetic":
        source = synthetic_rolls.RollSource()
        rolls = _unpack(_pack(source.splits()))
        return replace(rolls, best=source.best(), best_melody=source.best_melody())
    if location.source == "package":
        key = {**data_contents.file_checksums(location), "version": chorales.VERSION}
        arrays = prepared_cache.load_or_prepare("chorales", key, _pack_chorales)
        return replace(_unpack(arrays), failed=int(arrays["failed"][0]))
    parts, checksums = data_contents.read_contents(location, "rolls")
    name = location.part_name("all")
    return _unpack(
        prepared_cache.load_or_prepare(f"rolls-{VERSION}", checksums, lambda: _pack(_parse(name, parts["all"])))
    )


def _pack_chorales() -> prepared_cache.Arrays:
    collection = chorales.read_chorales()
    return {**_pack(collection.splits), "failed": np.array([collection.failed])}


def _pack(splits: Pieces) -> prepared_cache.Arrays:
    """Return one array of frames and one of borders per split."""
    arrays: prepared_cache.Arrays = {}
    for split, pieces in splits.items():
        arrays[f"{split}-frames"] = np.concatenate(pieces) if pieces else np.zeros((0, KEYS), np.uint8)
        arrays[f"{split}-borders"] = np.cumsum([0, *map(len, pieces)])
    return arrays


def _unpack(arrays: prepared_cache.Arrays) -> RollSplits:
    # np.asarray: indexing a ``np.memmap`` is slow.
    frames, borders = (
        {split: np.asarray(arrays[f"{split}-{kind}"]) for split in SPLITS} for kind in ("frames", "borders")
    )
    return RollSplits(frames, borders)


def _parse(name: str, data: bytes) -> Pieces:
    if not data.strip():
        raise SeqbenchError(f"{name} is empty; expected a MATLAB or JSON file of piano rolls.")
    # The format is recognised by the contents, not by the name: a MATLAB file never starts with a bracket.
    splits = _parse_json(name, data) if _starts_with_bracket(data) else _parse_matlab(name, data)
    for split, pieces in splits.items():
        if not pieces:
            raise SeqbenchError(f"{name} contains no pieces for {split}; give at least one in each split.")
    return splits


def _starts_with_bracket(data: bytes) -> bool:
    """Return whether data are JSON by their first character, in any encoding that JSON allows."""
    encoding = json.detect_encoding(data[:64])
    return data[:64].decode(encoding, errors="ignore").lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def _parse_matlab(name: str, data: bytes) -> Pieces:
    kind = text_decoding.file_kind(data)
    if kind is not None and not data.startswith(b"MATLAB 5.0"):
        raise SeqbenchError(f"{name} is {kind}. The piano rolls must be in a MATLAB or JSON file.")
    from scipy.io import loadmat, whosmat  # Imported here, because the import is slow.

    try:
        variables: dict[str, object] = loadmat(io.BytesIO(data), variable_names=list(_MATLAB_NAMES.values()))
        names = [str(variable[0]) for variable in whosmat(io.BytesIO(data))]
    # The reader raises exceptions of many types for damaged files and other formats.
    except Exception as error:
        raise SeqbenchError(
            f"{name} cannot be read as a MATLAB file ({one_line(error, 200)}), and it is not JSON, which starts with a "
            f"bracket; download it again, or save it in version 5 to 7 of MATLAB (save -v7), or as JSON."
        ) from error
    return {
        split: _matlab_pieces(f"{name}: {key}", _entry(name, variables, key, names))
        for split, key in _MATLAB_NAMES.items()
    }


def _entry(name: str, entries: Mapping[str, object], key: str, keys: Iterable[str]) -> object:
    if key not in entries:
        raise SeqbenchError(f"{name} has no '{key}'; expected one for each split, found {', '.join(keys) or 'none'}.")
    return entries[key]


def _matlab_pieces(place: str, cells: object) -> list[np.ndarray]:
    if not (isinstance(cells, np.ndarray) and cells.dtype == object):
        raise SeqbenchError(f"{place} is not a cell array; expected one cell (frames, {KEYS}) for each piece.")
    # MATLAB stores arrays by column.
    return [_check_roll(f"{place}[{number}]", cell) for number, cell in enumerate(cells.ravel(order="F"))]


def _check_roll(place: str, roll: object) -> np.ndarray:
    """Return a roll as uint8, after checks of its shape and values."""
    if not (isinstance(roll, np.ndarray) and roll.dtype.kind in "biuf"):
        raise SeqbenchError(f"{place} is not an array of real numbers; expected (frames, {KEYS}).")
    if roll.ndim != 2 or roll.shape[1] != KEYS:
        raise SeqbenchError(f"{place} has the shape {roll.shape}; expected (frames, {KEYS}), a column for each key.")
    if not np.isin(roll, (0, 1)).all():
        raise SeqbenchError(f"{place} has values other than 0 and 1; expected 1 where a key sounds, and 0 elsewhere.")
    return _check_length(place, roll.astype(np.uint8))


def _check_length(place: str, roll: np.ndarray) -> np.ndarray:
    if len(roll) < 2:
        raise SeqbenchError(
            f"{place} has {counted(len(roll), 'frame')}; expected at least 2, so that one predicts the next."
        )
    return roll


def _parse_json(name: str, data: bytes) -> Pieces:
    try:
        # From bytes, json recognises UTF-8, UTF-16 and UTF-32, with and without a byte-order mark.
        collection: object = json.loads(data, object_pairs_hook=_unique_names)
    except (ValueError, RecursionError) as error:
        raise SeqbenchError(f"{name} is not valid JSON ({error}); correct it, or download it again.") from error
    if not isinstance(collection, dict):
        raise SeqbenchError(
            f"{name} contains a {type(collection).__name__}; expected an object with train, valid and test."
        )
    return {
        split: _json_pieces(f"{name}: {key}", _entry(name, collection, key, map(str, collection)))
        for split, key in {**_JSON_NAMES, **_other_names(collection)}.items()
    }


def _unique_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return an object of JSON, whose last entry of a name would otherwise replace the others."""
    names = [name for name, _ in pairs]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"the name '{repeated}' occurs twice in an object")
    return dict(pairs)


def _other_names(collection: Mapping[str, object]) -> dict[str, str]:
    """Return the other names under which a collection has its validation split."""
    names = (_JSON_NAMES["validation"], "validation", "val", "dev")
    return {"validation": next((name for name in names if name in collection), names[0])}


def _json_pieces(place: str, pieces: object) -> list[np.ndarray]:
    if not isinstance(pieces, list):
        raise SeqbenchError(f"{place} is a {type(pieces).__name__}; expected a list of pieces.")
    return [_roll_from_notes(f"{place}[{number}]", piece) for number, piece in enumerate(pieces)]


def _roll_from_notes(place: str, piece: object) -> np.ndarray:
    """Return the roll of a piece that is given as the MIDI notes of each frame."""
    if not isinstance(piece, list) or not all(isinstance(frame, list) for frame in piece):
        raise SeqbenchError(f"{place} is not a list of frames; expected [[60, 64], [60], …], MIDI notes of each frame.")
    roll = np.zeros((len(piece), KEYS), np.uint8)
    for number, frame in enumerate(piece):
        for note in frame:
            roll[number, _piano_key(f"{place}[{number}]", note)] = 1
    return _check_length(place, roll)


def _piano_key(place: str, note: object) -> int:
    """Return the column of a MIDI note, which may be a float without a fraction, as some collections store it.

    Args:
        place: name of the frame, for error messages.
        note: value in a JSON file.

    Raises:
        SeqbenchError: the value is not a whole number, or not a key of a piano.
    """
    if isinstance(note, bool) or not isinstance(note, int | float):
        raise SeqbenchError(f"{place} has the note {note!r}, which is not a number; expected MIDI notes such as 60.")
    if isinstance(note, float) and not note.is_integer():
        raise SeqbenchError(
            f"{place} has the note {note!r}, which is not whole; expected MIDI notes such as 60 or 60.0, and no note "
            f"for a voice that rests."
        )
    if not LOWEST <= note <= HIGHEST:
        raise SeqbenchError(
            f"{place} has the note {note!r}; expected MIDI notes from {LOWEST} to {HIGHEST}, the keys of a piano, and "
            f"no note for a voice that rests."
        )
    return int(note) - LOWEST
