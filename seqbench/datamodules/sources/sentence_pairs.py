"""Sentence pairs: two files with one sentence per line, where each line translates the same line of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from seqbench.datamodules.sources import data_contents, synthetic_pairs
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.sources.text_decoding import decode_text, split_lines
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

PairedSentences = tuple[list[str], list[str]]
"""Source sentences and target sentences, in the same order."""

_ROLES = (("source", "src", "input"), ("target", "tgt", "trg", "output", "translation"))
"""Headers of the source file and of the target file."""

_LANGUAGE_NAMES = {
    **{"en": "english", "de": "german", "fr": "french", "es": "spanish", "it": "italian", "cs": "czech"},
    **{"pt": "portuguese", "nl": "dutch", "ru": "russian", "zh": "chinese", "ja": "japanese", "ar": "arabic"},
}
"""English names of languages, which may be headers; the code of a language may be one for every language."""


@dataclass(frozen=True)
class SentencePairs:
    """The splits of a data set of sentence pairs.

    Args:
        splits: source and target sentences of each split.
        exact: whether each source has exactly one right translation.
        notes: sentences on how files of a user were read; empty for published files.
        files: name of the source file and of the target file of each split.
        first_lines: number of the line with the first sentence of each split: 2 after a header.
    """

    splits: Mapping[str, PairedSentences]
    exact: bool = False
    notes: tuple[str, ...] = ()
    files: Mapping[str, tuple[str, str]] | None = None
    first_lines: Mapping[str, int] | None = None


@dataclass(frozen=True)
class _Side:
    """The lines of one file, before empty lines are refused."""

    name: str
    lines: list[str]
    note: str


def read_sentence_pairs(location: DataLocation) -> SentencePairs:
    """Read the source and target sentences of each split.

    Raises:
        SeqbenchError: a file is empty, is not a text, contains an empty sentence, has another number of lines
            than its translation, or is not the published one where it must be.
    """
    if location.source == "synthetic":
        return SentencePairs(synthetic_pairs.generate_pairs(), exact=True)
    parts, checksums = data_contents.read_contents(location, "pairs")
    sides = {split: _read_sides(location, split, parts) for split in SPLITS}
    headed = {split: _has_header(split, sides, location.languages) for split in SPLITS}
    splits = {split: _paired_sentences(*sides[split], headed[split]) for split in SPLITS}
    notes = [side.note for both in sides.values() for side in both if side.note]
    for split, (source, target) in sides.items():
        if headed[split]:
            words = f"'{source.lines[0]}' and '{target.lines[0]}'"
            notes.append(f"line 1 of {source.name} and {target.name} is read as a header: {words}")
    return SentencePairs(
        splits,
        notes=() if data_contents.is_published(location.dataset, checksums) else tuple(notes),
        files={split: (both[0].name, both[1].name) for split, both in sides.items()},
        first_lines={split: 1 + headed[split] for split in SPLITS},
    )


def _read_sides(location: DataLocation, split: str, parts: Mapping[str, bytes]) -> tuple[_Side, _Side]:
    sides = []
    for language in location.languages:
        part = f"{split}/{language}"
        name = ", ".join(path.name for path in location.files.get(part, ())) or part
        text, note = decode_text(name, parts[part])
        lines = [line.strip() for line in split_lines(text)]
        sides.append(_Side(name, lines[:-1] if lines[-1] == "" and text[-1:] in ("\n", "\r") else lines, note))
    return sides[0], sides[1]


def _paired_sentences(source: _Side, target: _Side, headed: bool) -> PairedSentences:
    """Return the sentences of both files.

    Args:
        source: file of the source language.
        target: file of the target language.
        headed: whether the first line of both is a header.

    Raises:
        SeqbenchError: the files have different numbers of lines, or an empty one.
    """
    for side in (source, target):
        empty = next((number for number, line in enumerate(side.lines, 1) if not line), None)
        if empty is not None:
            raise SeqbenchError(f"{side.name} has an empty sentence in line {empty}; remove this line from both files.")
    if len(source.lines) != len(target.lines):
        longer, other = sorted((source, target), key=lambda side: -len(side.lines))
        header = (
            f" Line 1 of {longer.name}, '{longer.lines[0]}', may be a header; remove it."
            if len(longer.lines) == len(other.lines) + 1 and len(longer.lines[0].split()) == 1
            else ""
        )
        raise SeqbenchError(
            f"{source.name} has {counted(len(source.lines), 'line')} and {target.name} has {len(target.lines):,}: "
            f"each line must be the translation of the same line of the other file; give files with equal numbers of "
            f"lines.{header}"
        )
    if headed and len(source.lines) == 1:
        raise SeqbenchError(
            f"{source.name} and {target.name} contain a header and no sentences; give at least one pair."
        )
    return source.lines[headed:], target.lines[headed:]


def _has_header(split: str, sides: Mapping[str, tuple[_Side, _Side]], languages: tuple[str, ...]) -> bool:
    """Return whether the first lines of both files of a split are names of the columns and no pair of sentences.

    They are if each names its role or its language, as in ``source`` and ``target``, or ``en`` and ``de``.

    Args:
        split: name of the split.
        sides: files of all splits.
        languages: source and target language.
    """
    first = [side.lines[0].strip("\"'").lower() if side.lines else "" for side in sides[split]]
    roles = all(line in names for line, names in zip(first, _ROLES, strict=True))
    codes = all(
        line in (code.lower(), _LANGUAGE_NAMES.get(code.lower())) for line, code in zip(first, languages, strict=True)
    )
    # The word "sentence" or "text" may be a real pair, but not as the first line of every file.
    general = all(line in ("sentence", "sentences", "text", *languages) for line in first) and all(
        both[0].lines[:1] + both[1].lines[:1] == [side.lines[0] for side in sides[split]] for both in sides.values()
    )
    return roles or codes or general
