"""Labelled sentences: tables with a sentence and a label in each row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from seqbench.datamodules.sources import data_contents
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.sources.split_names import join_names
from seqbench.datamodules.sources.tables.table_columns import Arranged, arrange_tables
from seqbench.datamodules.sources.tables.table_rows import Row, Table, read_table
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

_DIVISION_KEY = 20_130_819
"""Key of the permutation that divides one collection into splits. A change would change the splits."""

FEW_CLASSES = 20
"""Number of classes that any data set may have; more classes need several sentences each."""


@dataclass(frozen=True)
class LabelledSentences:
    """The splits of a data set of labelled sentences, in the order of the lines.

    Args:
        texts: sentences of each split.
        labels: class number of each sentence, ``(sentences,)`` int64.
        classes: names of the classes, which are the labels that occur in training.
        files: names of the files.
        places: file (its number in ``files``) and line of each sentence, ``(sentences, 2)`` int64.
        notes: sentences on how files of a user were read; empty for published files.
    """

    texts: Mapping[str, list[str]]
    labels: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    files: tuple[str, ...] = ()
    places: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Line:
    """A sentence with its label, its file and its line."""

    text: str
    label: str
    table: Table
    row: Row

    @property
    def place(self) -> str:
        return self.table.place(self.row)


def read_labelled_sentences(location: DataLocation) -> LabelledSentences:
    """Read labelled sentences; a collection without splits is divided 80/10/10 after a fixed permutation.

    Raises:
        SeqbenchError: a file is not a text or not the published one where it must be, a line has no sentence or no
            label, a label does not occur in training, or there are fewer than two classes or too many.
    """
    parts, checksums = data_contents.read_contents(location, "sentences")
    order = [part for part in ("all", *SPLITS) if part in parts]  # Training first, whose header names the columns.
    tables = [
        (part, read_table(name, contents))
        for part in order
        for name, contents in data_contents.contents_by_file(location, part, parts[part])
    ]
    arranged = arrange_tables([table for _, table in tables])
    lines: dict[str, list[_Line]] = {part: [] for part in order}
    for (part, _), one in zip(tables, arranged, strict=True):
        lines[part] += _lines(one)
    notes = [note for one in arranged for note in (*one.table.notes, *one.notes)]
    if "all" in lines:
        notes.append(_division_note(location, len(lines["all"])))
    splits = _divide(lines["all"]) if "all" in lines else lines
    classes = _class_names(splits["train"])
    _check_number_of_classes(splits["train"], classes)
    for split in SPLITS:
        _check_labels(split, splits[split], classes)
    notes += _class_notes(splits["train"], classes)
    published = data_contents.is_published(location.dataset, checksums)
    return _as_arrays(splits, classes, arranged, () if published else tuple(notes))


def _as_arrays(
    splits: Mapping[str, list[_Line]], classes: tuple[str, ...], arranged: list[Arranged], notes: tuple[str, ...]
) -> LabelledSentences:
    """Return the lines of each split as texts, class numbers and places."""
    numbers = {name: number for number, name in enumerate(classes)}
    files = {id(one.table): number for number, one in enumerate(arranged)}
    return LabelledSentences(
        {split: [line.text for line in splits[split]] for split in SPLITS},
        {split: np.array([numbers[line.label] for line in splits[split]], np.int64) for split in SPLITS},
        classes,
        tuple(one.table.short for one in arranged),
        {
            split: np.array([[files[id(line.table)], line.row.line] for line in splits[split]], np.int64)
            for split in SPLITS
        },
        notes,
    )


def _lines(arranged: Arranged) -> Iterator[_Line]:
    """Yield the lines of a table.

    Raises:
        SeqbenchError: a row has no sentence or no label.
    """
    table = arranged.table
    form = "label sentence" if table.form == "blanks" else "sentence<TAB>label"
    form = form if table.form in ("tabs", "blanks") else "a sentence and a label"
    for text, label, row in arranged.examples():
        if not label:
            raise SeqbenchError(
                f"{table.place(row)} has no label; expected '{form}', got '{' '.join(row.fields)[:40].strip()}'."
            )
        if not text:
            raise SeqbenchError(f"{table.place(row)} has the label '{label[:40]}' but no sentence; expected '{form}'.")
        yield _Line(text, label, table, row)


def _check_labels(split: str, lines: list[_Line], classes: tuple[str, ...]) -> None:
    if not lines:
        raise SeqbenchError(f"the {split} split has no sentences; give at least 10 lines in one file, or 1 per split.")
    known = set(classes)
    for line in lines:
        if line.label not in known:
            raise SeqbenchError(
                f"{line.place}: label '{line.label[:60]}' does not occur in training, which has "
                f"{counted(len(classes), 'label')} "
                f"({', '.join(name[:20] for name in classes[:10])}{' and others' if len(classes) > 10 else ''}); "
                f"correct the line. The label must be in the same column of all files."
            )


def _check_number_of_classes(lines: list[_Line], classes: tuple[str, ...]) -> None:
    """Check that the labels are no sentences.

    Raises:
        SeqbenchError: there are hundreds of classes, with fewer than two sentences each.
    """
    if len(classes) <= FEW_CLASSES or len(lines) >= 2 * len(classes):
        return
    table, first = lines[0].table, lines[0]
    ways = {
        "blanks": "expected 'label sentence'; a CSV file must have a name in .csv, or a header",
        "tabs": "expected 'sentence<TAB>label'; put the label last, or add a header such as 'label<TAB>sentence'",
    }
    raise SeqbenchError(
        f"{table.name} has {len(classes):,} different labels for {len(lines):,} training sentences, such as "
        f"'{first.label[:40]}', so they seem to be no classes. It is read as a table with {_FORMS[table.form]}, whose "
        f"line {first.row.line} has the sentence '{first.text[:40]}'; "
        f"{ways.get(table.form, 'add a header that names the columns sentence and label')}."
    )


_FORMS = {
    "tabs": "tabs between the columns",
    "csv": "comma-separated values",
    "json": "JSON objects",
    "blanks": "the label before the first blank",
}


def _class_notes(lines: list[_Line], classes: tuple[str, ...]) -> list[str]:
    """Return sentences on many classes, and on classes with a single training sentence."""
    counts = Counter(line.label for line in lines)
    single = {line.label: line for line in lines if counts[line.label] == 1}
    notes = [f"there are {counted(len(classes), 'class', 'classes')}"] if len(classes) > FEW_CLASSES else []
    if single and len(lines) > len(classes):
        named = [
            f"'{name[:30]}' ({line.table.short}, {line.table.unit} {line.row.line})"
            for name, line in list(single.items())[:3]
        ]
        more = f" and {len(single) - 3} more" if len(single) > 3 else ""
        notes.append(f"one training sentence only for class {', '.join(named)}{more}")
    return notes


def _division_note(location: DataLocation, count: int) -> str:
    sizes = [len(part) for part in np.split(np.arange(count), _borders(count))]
    files = location.files.get("all", (Path(location.dataset),))
    joined = " are joined and divided" if len(files) > 1 else " is divided"
    return (
        f"{join_names(files)}{joined} into {sizes[0]:,} training, {sizes[1]:,} validation and {sizes[2]:,} test "
        f"sentences after a fixed permutation"
    )


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
    places = np.split(order, _borders(len(lines)))
    return {split: [lines[place] for place in chosen] for split, chosen in zip(SPLITS, places, strict=True)}


def _borders(count: int) -> list[int]:
    """Return the ends of training and validation in a collection that is divided."""
    return [int(count * 0.8), int(count * 0.9)]
