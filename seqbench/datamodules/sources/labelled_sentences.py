"""Sentences with a label each: lines of ``sentence<TAB>label``, or of ``label sentence``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from seqbench.datamodules.sources import data_files, data_location
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.sources.folder_layouts import SPLITS
from seqbench.utils.errors import SeqbenchError

_CUT_KEY = 20_130_819
"""Of the permutation that cuts one collection into splits: never change it, the splits hang on it."""


@dataclass(frozen=True)
class LabelledSentences:
    """Three splits of sentences, in the order of their lines.

    Args:
        texts: the sentences of each split.
        labels: the class of each, ``(sentences,)`` int64.
        classes: their names: the labels that occur in training, in order.
    """

    texts: Mapping[str, list[str]]
    labels: Mapping[str, np.ndarray]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _Line:
    text: str
    label: str
    where: str


def read_labelled_sentences(location: DataLocation) -> LabelledSentences:
    """Read labelled sentences; a collection in one piece is cut 80/10/10 after a fixed permutation.

    Raises:
        SeqbenchError: a file is no text, a line lacks its sentence or its label, a label occurs in evaluation
            only, or there are fewer than two classes.
    """
    parts, _ = data_location.read_contents(location, "sentences")
    split = {
        part: [line for name, piece in _pieces(location, part, data) for line in _lines(name, piece)]
        for part, data in parts.items()
    }
    lines = _cut(split["all"]) if "all" in split else split
    classes = _classes(lines["train"])
    numbers = {name: number for number, name in enumerate(classes)}
    for name in SPLITS:
        if not lines[name]:
            raise SeqbenchError(f"the {name} split has no sentences; give at least 10 lines in one file, or 1 in each.")
        for line in lines[name]:
            if line.label not in numbers:
                raise SeqbenchError(
                    f"{line.where}: label '{line.label}' does not occur in training, which knows "
                    f"{', '.join(classes[:10])}{' and others' if len(classes) > 10 else ''}; correct the line."
                )
    return LabelledSentences(
        {name: [line.text for line in lines[name]] for name in SPLITS},
        {name: np.array([numbers[line.label] for line in lines[name]], np.int64) for name in SPLITS},
        classes,
    )


def _pieces(location: DataLocation, part: str, data: bytes) -> list[tuple[str, bytes]]:
    """A part's files, by name: one that does not end its last line must not run into the next."""
    paths = location.files.get(part, ())
    if len(paths) > 1:
        return [(str(path), data_files.read_file(path)) for path in paths]
    return [(str(paths[0]) if paths else f"'{location.dataset}', {part}", data)]


def _lines(name: str, data: bytes) -> list[_Line]:
    # Not splitlines: it would also break a sentence at the rarer separators of Unicode.
    rows = [row.removesuffix("\r") for row in data_files.decode_text(name, data).split("\n")]
    if rows[0].strip().lower() == "index\tsentence":
        raise SeqbenchError(
            f"{name} has the header 'index<TAB>sentence' and no labels: GLUE keeps those of its test; put a "
            f"labelled file in its place, with lines of 'sentence<TAB>label'."
        )
    tabbed = any("\t" in row for row in rows)
    return list(_parsed(name, rows, tabbed))


def _parsed(name: str, rows: list[str], tabbed: bool) -> Iterator[_Line]:
    for number, row in enumerate(rows, 1):
        if not row.strip() or (number == 1 and row.strip().lower() == "sentence\tlabel"):
            continue
        if tabbed:
            text, _, label = (piece.strip() for piece in row.rpartition("\t"))
            text, label = (text, label) if "\t" in row else (label, "")
        else:
            label, text = (*row.strip().split(maxsplit=1), "")[:2]
        where = f"{name}, line {number}"
        if not label:
            raise SeqbenchError(f"{where} has no label; expected 'sentence<TAB>label', got '{row.strip()[:40]}'.")
        if not text:
            form = "sentence<TAB>label" if tabbed else "label sentence"
            raise SeqbenchError(f"{where} has no sentence beside its label '{label[:40]}'; expected '{form}'.")
        yield _Line(text, label, where)


def _classes(lines: list[_Line]) -> tuple[str, ...]:
    names = {line.label for line in lines}
    if len(names) < 2:
        raise SeqbenchError(
            f"the training split has {len(names)} different label(s) ({', '.join(sorted(names)) or 'no lines'}), at "
            f"least 2 are needed; check that lines read 'sentence<TAB>label' or 'label sentence'."
        )
    try:
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    except ValueError:
        return tuple(sorted(names))


def _cut(lines: list[_Line]) -> dict[str, list[_Line]]:
    order = np.random.Generator(np.random.Philox(key=_CUT_KEY)).permutation(len(lines))
    first, second = int(len(lines) * 0.8), int(len(lines) * 0.9)
    pieces = (order[:first], order[first:second], order[second:])
    return {name: [lines[place] for place in piece] for name, piece in zip(SPLITS, pieces, strict=True)}
