"""Labels of the rows of a board: the records with one label form one row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from seqbench.leaderboard.data.checked_records import CheckedRecord, OptionValue
from seqbench.utils.plain_data import json_digest

RowKey = tuple[str, str, tuple[tuple[str, OptionValue], ...]]
"""Identity of a row: architecture, distribution, and the options that distinguish its configurations."""


def label_rows(
    records: Mapping[str, Sequence[CheckedRecord]], title: Callable[[str], str] = str
) -> Callable[[CheckedRecord], str]:
    """Return a function that gives the row label of each of these records.

    A label is the title of the architecture, followed in brackets by what distinguishes the row from others: the
    distribution if several offer that name, and each option that has several values on one task. A width or a learning
    rate that was chosen for each task counts as one value, because it may differ between tasks.

    Args:
        records: the records that count, by task.
        title: returns the title of an architecture; by default its name.
    """
    varying = _varying_options(records)

    def key(record: CheckedRecord) -> RowKey:
        options = _own_options(record)
        names = sorted(varying[record.architecture, record.distribution])
        return record.architecture, record.distribution, tuple((name, options.get(name)) for name in names)

    labels = _unique_labels((key(record) for group in records.values() for record in group), title)
    return lambda record: labels[key(record)]


def _varying_options(records: Mapping[str, Sequence[CheckedRecord]]) -> dict[tuple[str, str], set[str]]:
    """Return, by architecture and distribution, the options that have several values on one task."""
    values: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for task, group in records.items():
        for record in group:
            for name, value in _own_options(record).items():
                values[record.architecture, record.distribution, task, name].add(repr(value))
    varying: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (architecture, distribution, _, name), different in values.items():
        if len(different) > 1:
            varying[architecture, distribution].add(name)
    return varying


def _own_options(record: CheckedRecord) -> dict[str, OptionValue]:
    """Return the options of a record; those that were chosen for a number of parameters have one value, ``chosen``."""
    return {name: "chosen" if name in record.matched_options else value for name, value in record.options.items()}


def _unique_labels(keys: Iterable[RowKey], title: Callable[[str], str]) -> dict[RowKey, str]:
    """Return a label for each row; no two rows have the same."""
    known = sorted(set(keys), key=repr)
    distributions: dict[str, set[str]] = defaultdict(set)
    for architecture, distribution, _ in known:
        distributions[architecture].add(distribution)
    labels: dict[RowKey, str] = {}
    for key in known:
        architecture, distribution, options = key
        words = [distribution or "by its path"] if len(distributions[architecture]) > 1 else []
        words += [f"{name.removeprefix('arch.')}={'none' if value is None else value}" for name, value in options]
        shown = title(architecture)
        label = f"{shown} ({', '.join(words)})" if words else shown
        # A plug-in may name its architecture like the label of another row.
        labels[key] = label if label not in labels.values() else f"{label} [{json_digest(key)[:8]}]"
    return labels
