"""Sentences and their translations, line by line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqbench.datamodules.sources import data_files, data_location, synthetic_pairs
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.sources.folder_layouts import SPLITS
from seqbench.utils.errors import SeqbenchError

Lines = tuple[list[str], list[str]]


@dataclass(frozen=True)
class SentencePairs:
    """Source and target sentences of each split; ``exact`` where each source has one right translation."""

    splits: Mapping[str, Lines]
    exact: bool = False


def read_sentence_pairs(location: DataLocation) -> SentencePairs:
    """Read the two sides of each split.

    Raises:
        SeqbenchError: a file is not the published one, not UTF-8 or empty, a sentence is empty, or the two sides
            differ in their number of lines (both are named).
    """
    if location.source == "synthetic":
        return SentencePairs(synthetic_pairs.make_splits(), exact=True)
    parts, _ = data_location.read_contents(location, "pairs")
    return SentencePairs({split: _both(location, split, parts) for split in SPLITS})


def _both(location: DataLocation, split: str, parts: Mapping[str, bytes]) -> Lines:
    names = [f"{split}/{language}" for language in location.languages]
    named = [", ".join(path.name for path in location.files.get(name, ())) or name for name in names]
    sides = [_lines(name, parts[part]) for name, part in zip(named, names, strict=True)]
    if len(sides[0]) != len(sides[1]):
        raise SeqbenchError(
            f"{named[0]} has {len(sides[0])} lines and {named[1]} has {len(sides[1])}: each line must be the "
            f"translation of the same line of the other; give files of equal length."
        )
    return sides[0], sides[1]


def _lines(name: str, data: bytes) -> list[str]:
    # Not splitlines: a sentence may hold one of the rarer separators of Unicode.
    lines = [line.strip() for line in data_files.decode_text(name, data).removesuffix("\n").split("\n")]
    empty = next((number for number, line in enumerate(lines, 1) if not line), None)
    if empty is not None:
        raise SeqbenchError(f"{name} has an empty sentence in line {empty}; remove it there and on the other side.")
    return lines
