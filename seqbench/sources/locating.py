"""Text data sets: find the files, read them, check them, and give three splits.

``locate`` only looks (no torch, no large read), so that a run without data fails at once; ``read`` reads what
``locate`` found. Looked for in this order: the folder the user names, ``$SEQBENCH_DATA``, the hub.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seqbench.errors import SeqbenchError
from seqbench.sources import hub, table

SPLITS = ("train", "validation", "test")
_SPLIT_WORDS = {
    "train": "train",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class Location:
    """Where a text is: files by split (several are joined), or none, which means the hub."""

    dataset: str
    files: Mapping[str, tuple[Path, ...]] | None
    strict: bool
    """Whether the files must be the published ones; a folder the user names may hold another text."""


@dataclass(frozen=True)
class Text:
    """Three splits of a text and what they were made of.

    ``checksums`` are SHA-256 by ``split/file``; ``published`` says whether they are the data set's own.
    """

    splits: Mapping[str, str]
    checksums: Mapping[str, str]
    published: bool


def locate(dataset: str, data_dir: str | None = None) -> Location:
    """Find a text without reading it.

    Raises:
        SeqbenchError: there is no such data set, the folder holds no text, or there is neither a folder nor
            a network (said within two seconds, with the ways out).
    """
    entry = table.get(dataset)
    if data_dir is not None:
        return _in_folder(dataset, _place(data_dir))
    root = os.environ.get("SEQBENCH_DATA")
    if root:
        folder = Path(root).expanduser() / entry.folder
        if all((folder / name).is_file() for name in entry.files.values()):
            return Location(dataset, {s: (folder / name,) for s, name in entry.files.items()}, strict=True)
    if not hub.reachable():
        wanted = ", ".join(entry.files.values())
        beside = f"{Path(root).expanduser() / entry.folder} lacks them" if root else "SEQBENCH_DATA is not set"
        raise SeqbenchError(
            f"the text '{dataset}' ({wanted}) is not at hand: {beside}, and the hub ({entry.hub}) cannot be "
            f"reached. Three ways out: (1) put the files into a folder and add --task.data_dir FOLDER; "
            f"(2) put them into {entry.folder}/ of a data folder and set SEQBENCH_DATA to it; "
            f"(3) connect to the network (or unset HF_HUB_OFFLINE) and run again."
        )
    return Location(dataset, None, strict=True)


def _place(data_dir: str) -> Path:
    if not isinstance(data_dir, str) or not data_dir.strip():
        raise SeqbenchError(f"--task.data_dir must name a folder or a file, got {data_dir!r}.")
    try:
        place = Path(data_dir).expanduser()
        place.is_dir()  # Raises where the name is impossible, or a folder above may not be searched.
    except (OSError, RuntimeError, ValueError) as error:
        raise SeqbenchError(f"--task.data_dir {data_dir} cannot be looked at: {error}.") from None
    return place


def _in_folder(dataset: str, place: Path) -> Location:
    entry = table.get(dataset)
    if place.is_file():
        return Location(dataset, {"all": (place,)}, strict=False)
    if not place.is_dir():
        raise SeqbenchError(f"--task.data_dir {place} is neither a folder nor a file; give one that exists.")
    for folder in (place, place / entry.folder):
        if all((folder / name).is_file() for name in entry.files.values()):
            return Location(dataset, {s: (folder / name,) for s, name in entry.files.items()}, strict=False)
    found = sorted(path for path in place.iterdir() if path.suffix == ".txt" and path.is_file())
    if not found:
        raise SeqbenchError(
            f"{place} holds no text: expected {', '.join(entry.files.values())} (the published files of "
            f"'{dataset}') or any *.txt, found {_listing(place)}."
        )
    return Location(dataset, _by_name(found), strict=False)


def _by_name(files: list[Path]) -> dict[str, tuple[Path, ...]]:
    """Files by split where their names tell (each of the three at least once), else all together."""
    splits: dict[str, tuple[Path, ...]] = {}
    for path in files:
        words = path.stem.lower().replace("-", ".").replace("_", ".").split(".")
        split = next((_SPLIT_WORDS[w] for w in words if w in _SPLIT_WORDS), None)
        if split is not None:
            splits[split] = (*splits.get(split, ()), path)
    return splits if set(splits) == set(SPLITS) else {"all": tuple(files)}


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "nothing"


def checksums(location: Location) -> dict[str, str]:
    """SHA-256 (hex) of each file by ``split/file``: what tells this text from another."""
    if location.files is None:
        return _published_sums(table.get(location.dataset))
    return {
        f"{split}/{path.name}": hashlib.sha256(_bytes(path)).hexdigest()
        for split, paths in location.files.items()
        for path in paths
    }


def is_published(dataset: str, sums: Mapping[str, str]) -> bool:
    """Whether checksums by ``split/file`` are, split by split, the data set's own."""
    return _by_split(sums) == _by_split(_published_sums(table.get(dataset)))


def _published_sums(entry: table.Dataset) -> dict[str, str]:
    return {f"{split}/{name}": entry.sha256[name] for split, name in entry.files.items()}


def _by_split(sums: Mapping[str, str]) -> list[tuple[str, str]]:
    """Without file names: a copy under another name is the same text."""
    return [(name.partition("/")[0], value) for name, value in sorted(sums.items())]


def read(dataset: str, data_dir: str | None = None) -> Text:
    """Find and read a text.

    Raises:
        SeqbenchError: as ``locate``, or a file is empty, not UTF-8 text, or not the published one.
    """
    location = locate(dataset, data_dir)
    entry = table.get(dataset)
    if location.files is None:
        parts = hub.read_text(entry)
        if "all" in entry.files:
            parts = {"all": "".join(parts[split] for split in SPLITS)}
        sums = {f"{s}/{entry.files[s]}": hashlib.sha256(t.encode()).hexdigest() for s, t in parts.items()}
    else:
        parts = {split: "".join(_decode(path) for path in paths) for split, paths in location.files.items()}
        sums = checksums(location)
    published = is_published(dataset, sums)
    if location.strict and not published:
        expected = _published_sums(entry)
        wrong = sorted(name for name, value in sums.items() if expected.get(name) != value)
        names = ", ".join(name.partition("/")[2] for name in wrong)
        where = "the hub" if location.files is None else str(next(iter(location.files.values()))[0].parent)
        raise SeqbenchError(
            f"{names} of '{dataset}' from {where} is not the published file (its SHA-256 differs: "
            f"{sums[wrong[0]][:16]}…, expected {expected[wrong[0]][:16]}…); fetch it again, or name "
            f"the folder with --task.data_dir to run on your own text."
        )
    return Text(_split(parts["all"]) if "all" in parts else parts, sums, published)


def _split(text: str) -> dict[str, str]:
    """A text cut 90/5/5, in order."""
    first, second = int(len(text) * 0.90), int(len(text) * 0.95)
    return {"train": text[:first], "validation": text[first:second], "test": text[second:]}


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SeqbenchError(f"{path} cannot be read: {error.strerror or error}.") from error


def _decode(path: Path) -> str:
    data = _bytes(path)
    if not data:
        raise SeqbenchError(f"{path} is empty; expected a text in UTF-8.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SeqbenchError(
            f"{path} is not a text in UTF-8 (byte {error.start} is 0x{data[error.start]:02x}); "
            f"remove it from the folder, or convert it."
        ) from None
    if "\0" in text:
        raise SeqbenchError(f"{path} holds zero bytes, so it is no text; remove it from the folder.")
    return text
