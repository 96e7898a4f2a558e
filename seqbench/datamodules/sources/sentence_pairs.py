"""Sentence pairs: two files with one sentence per line, where each line translates the same line of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqbench.datamodules.sources import data_contents, data_files, synthetic_pairs
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

PairedSentences = tuple[list[str], list[str]]
"""Source sentences and target sentences, in the same order."""


@dataclass(frozen=True)
class SentencePairs:
    """The splits of a data set of sentence pairs.

    Args:
        splits: source and target sentences of each split.
        exact: whether each source has exactly one right translation.
    """

    splits: Mapping[str, PairedSentences]
    exact: bool = False


def read_sentence_pairs(location: DataLocation) -> SentencePairs:
    """Read the source and target sentences of each split.

    Raises:
        SeqbenchError: a file is empty, is not UTF-8 text, contains an empty sentence, has another number of lines
            than its translation, or is not the published one where it must be.
    """
    if location.source == "synthetic":
        return SentencePairs(synthetic_pairs.generate_pairs(), exact=True)
    parts, _ = data_contents.read_contents(location, "pairs")
    return SentencePairs({split: _read_split(location, split, parts) for split in SPLITS})


def _read_split(location: DataLocation, split: str, parts: Mapping[str, bytes]) -> PairedSentences:
    part_names = [f"{split}/{language}" for language in location.languages]
    file_names = [", ".join(path.name for path in location.files.get(part, ())) or part for part in part_names]
    source, target = (_sentence_lines(name, parts[part]) for name, part in zip(file_names, part_names, strict=True))
    if len(source) != len(target):
        raise SeqbenchError(
            f"{file_names[0]} has {counted(len(source), 'line')} and {file_names[1]} has {len(target):,}: each line "
            f"must be the translation of the same line of the other file; give files with equal numbers of lines."
        )
    return source, target


def _sentence_lines(name: str, data: bytes) -> list[str]:
    # Not splitlines, which also splits at rare Unicode separators inside a sentence.
    lines = [line.strip() for line in data_files.decode_text(name, data).removesuffix("\n").split("\n")]
    empty = next((number for number, line in enumerate(lines, 1) if not line), None)
    if empty is not None:
        raise SeqbenchError(f"{name} has an empty sentence in line {empty}; remove this line from both files.")
    return lines
