"""Labelled sentences: files with lines of ``sentence<TAB>label`` or ``label sentence``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from seqbench.datamodules.sources import data_contents, data_files
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

_DIVISION_KEY = 20_130_819
"""Key of the permutation that divides one collection into splits. A change would change the splits."""


@dataclass(frozen=True)
class LabelledSentences:
    """The splits of a data set of labelled sentences, in the order of the lines.

    Args:
        texts: sentences of each split.
        labels: class number of each sentence, ``(sentences,)`` int64.
        classes: names of the classes, which are the labels that occur in training.
    """

    texts: Mapping[str, list[str]]
    labels: Mapping[str, np.ndarray]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class _Line:
    """A sentence with its label and its place, for error messages."""

    text: str
    label: str
    place: str


def read_labelled_sentences(location: DataLocation) -> LabelledSentences:
    """Read labelled sentences; a collection without splits is divided 80/10/10 after a fixed permutation.

    Raises:
        SeqbenchError: a file is not a text or not the published one where it must be, a line has no sentence or no
            label, a label does not occur in training, or there are fewer than two classes.
    """
    parts, _ = data_contents.read_contents(location, "sentences")
    lines = {
        part: [line for name, contents in _named_contents(location, part, data) for line in _read_lines(name, contents)]
        for part, data in parts.items()
    }
    splits = _divide(lines["all"]) if "all" in lines else lines
    classes = _class_names(splits["train"])
    numbers = {name: number for number, name in enumerate(classes)}
    for split in SPLITS:
        _check_labels(split, splits[split], classes)
    return LabelledSentences(
        {split: [line.text for line in splits[split]] for split in SPLITS},
        {split: np.array([numbers[line.label] for line in splits[split]], np.int64) for split in SPLITS},
        classes,
    )


def _check_labels(split: str, lines: list[_Line], classes: tuple[str, ...]) -> None:
    if not lines:
        raise SeqbenchError(f"the {split} split has no sentences; give at least 10 lines in one file, or 1 per split.")
    known = set(classes)
    for line in lines:
        if line.label not in known:
            raise SeqbenchError(
                f"{line.place}: label '{line.label}' does not occur in training, whose labels are "
                f"{', '.join(classes[:10])}{' and others' if len(classes) > 10 else ''}; correct the line."
            )


def _named_contents(location: DataLocation, part: str, data: bytes) -> list[tuple[str, bytes]]:
    """Return name and contents of each file of a part, because the last line of a file may have no line end."""
    paths = location.files.get(part, ())
    if len(paths) > 1:
        return [(str(path), data_files.read_file(path)) for path in paths]
    return [(location.part_name(part), data)]


def _read_lines(name: str, data: bytes) -> list[_Line]:
    # Not splitlines, which also splits at rare Unicode separators inside a sentence.
    rows = [row.removesuffix("\r") for row in data_files.decode_text(name, data).split("\n")]
    if rows[0].strip().lower() == "index\tsentence":
        raise SeqbenchError(
            f"{name} has the header 'index<TAB>sentence', so it has no labels (those of the GLUE test set are not "
            f"public); replace it by a file with lines of 'sentence<TAB>label'."
        )
    tabbed = any("\t" in row for row in rows)
    return list(_parse_rows(name, rows, tabbed))


def _parse_rows(name: str, rows: list[str], tabbed: bool) -> Iterator[_Line]:
    for number, row in enumerate(rows, 1):
        if not row.strip() or (number == 1 and row.strip().lower() == "sentence\tlabel"):
            continue
        if tabbed:
            text, _, label = (field.strip() for field in row.rpartition("\t"))
            text, label = (text, label) if "\t" in row else (label, "")
        else:
            label, text = (*row.strip().split(maxsplit=1), "")[:2]
        place = f"{name}, line {number}"
        if not label:
            raise SeqbenchError(f"{place} has no label; expected 'sentence<TAB>label', got '{row.strip()[:40]}'.")
        if not text:
            form = "sentence<TAB>label" if tabbed else "label sentence"
            raise SeqbenchError(f"{place} has the label '{label[:40]}' but no sentence; expected '{form}'.")
        yield _Line(text, label, place)


def _class_names(lines: list[_Line]) -> tuple[str, ...]:
    """Return the labels of the training split, in numerical order if all are integers."""
    names = {line.label for line in lines}
    if len(names) < 2:
        raise SeqbenchError(
            f"the training split has {counted(len(names), 'different label')} "
            f"({', '.join(sorted(names)) or 'no lines'}), but at least 2 are needed; "
            f"check that lines have the form 'sentence<TAB>label' or 'label sentence'."
        )
    try:
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    except ValueError:
        return tuple(sorted(names))


def _divide(lines: list[_Line]) -> dict[str, list[_Line]]:
    order = np.random.Generator(np.random.Philox(key=_DIVISION_KEY)).permutation(len(lines))
    places = np.split(order, [int(len(lines) * 0.8), int(len(lines) * 0.9)])
    return {split: [lines[place] for place in chosen] for split, chosen in zip(SPLITS, places, strict=True)}
