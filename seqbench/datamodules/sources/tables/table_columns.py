"""Headers and columns of tables of labelled sentences.

A first row is a header if it names the column of the sentence and that of the label, or if its label occurs nowhere
else and it looks like names. A first row whose label is that of another row is an example, whatever its words are.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seqbench.datamodules.sources.tables.column_names import LABELS, TEXTS, find_columns, is_name, require_one_text
from seqbench.datamodules.sources.tables.table_rows import Row, Table
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

SAMPLED = 2000
"""Number of rows of a file from which the columns of a file without a header are chosen."""


@dataclass(frozen=True)
class Columns:
    """The places of the sentence and of the label in a row.

    Args:
        text: number of the field with the sentence.
        label: number of the field with the label.
        count: number of fields of each row; 0 if the sentence consists of all fields but the label.
    """

    text: int
    label: int
    count: int = 0


LABEL_LAST, LABEL_FIRST = Columns(0, -1), Columns(1, 0)
"""Columns of files without a header: ``sentence<TAB>label`` and ``label<TAB>sentence``."""


@dataclass(frozen=True)
class Arranged:
    """A table with its columns.

    Args:
        table: the table.
        columns: its columns.
        header: its header; None if it has none.
        notes: sentences on header and columns.
    """

    table: Table
    columns: Columns
    header: Row | None
    notes: tuple[str, ...]

    def examples(self) -> Iterator[tuple[str, str, Row]]:
        """Yield sentence, label and row of each example.

        Raises:
            SeqbenchError: a row has another number of fields than the header.
        """
        for row in self.table.rows:
            # A file that was joined from several has its header several times.
            if self.header is None or row.fields != self.header.fields:
                yield (*_split_row(self.table, row, self.columns), row)


def arrange_tables(tables: Sequence[Table]) -> list[Arranged]:
    """Return the tables with their headers and columns; the tables of training come first.

    Raises:
        SeqbenchError: a header or a JSON file does not name the sentence and the label, or names several sentences.
    """
    default = _usual_columns(tables)
    headers = [_find_header(table, tables, default) for table in tables]
    named = [_named_columns(table, header) for table, header in zip(tables, headers, strict=True)]
    # A file without a header has the columns of the first file that has one.
    known = next((columns for columns in named if columns), None)
    return [
        _arrange(table, header, columns, known, default)
        for table, header, columns in zip(tables, headers, named, strict=True)
    ]


def _arrange(
    table: Table, header: Row | None, named: Columns | None, known: Columns | None, default: Columns
) -> Arranged:
    """Return a table with its columns and the notes on them.

    Args:
        table: the table.
        header: its header.
        named: columns that its header names.
        known: columns that the header of another table names.
        default: columns of tables without a header.
    """
    notes = []
    columns = named or (LABEL_FIRST if table.form == "blanks" else default)
    if named is None and known is not None and table.form in ("tabs", "csv"):
        fits = all(len(row.fields) == known.count for row in table.rows)
        columns = known if fits or not known.count else columns
    names = table.names or (header.fields if header else None)
    if header is not None and tuple(map(str.lower, header.fields)) != ("sentence", "label"):
        repeated = sum(row.fields == header.fields for row in table.rows) - 1
        more = f", and {repeated} more lines that equal it" if repeated else ""
        notes.append(f"{table.short}, line {header.line} is read as a header: {' | '.join(header.fields)[:80]}{more}")
    if names is not None and columns.count > 2:
        rest = [name for place, name in enumerate(names) if place not in (columns.text, columns.label)]
        notes.append(
            f"{table.short}: sentences are '{names[columns.text]}' and labels '{names[columns.label]}'; not read: "
            f"{', '.join(rest)}"
        )
    elif columns == LABEL_FIRST and named is None and table.form != "blanks":
        notes.append(f"{table.short}: the first column is read as the label, because it has few values")
    counts = {len(row.fields) for row in table.rows}
    if not columns.count and len(counts) == 1 and max(counts) > 2 and len(table.rows) > 1:
        which = "first" if columns.label == 0 else "last"
        notes.append(
            f"{table.short}: the {which} of {counted(max(counts), 'column')} is read as the label, and all others "
            f"as the sentence; add a header, such as id, sentence, label, to choose"
        )
    return Arranged(table, columns, header, tuple(notes))


def _named_columns(table: Table, header: Row | None) -> Columns | None:
    """Return the columns that a header or the names of a JSON file give; None for a file without names.

    Raises:
        SeqbenchError: the names are not those of one sentence and one label.
    """
    names = table.names or (header.fields if header else None)
    if names is None:
        return None
    place = table.name if header is None else table.place(header)
    require_one_text(place, names)
    text, label = find_columns(names)
    if text is not None and label is not None:
        return Columns(text, label, 0 if len(names) == 2 and table.form == "tabs" else len(names))
    if len(names) == 2 and (text is not None or label is not None):
        text = 1 - label if text is None and label is not None else text  # The other name is the other column's.
        return Columns(text or 0, 1 - (text or 0), 0 if table.form == "tabs" else 2)
    if table.names is None and len(names) == 2:
        return None  # Names of other words, in the usual order.
    raise SeqbenchError(
        f"{place} names the columns {', '.join(names)[:120]}, of which none is known as the "
        f"{'sentence' if text is None else 'label'}; rename the columns to 'sentence' and 'label'."
    )


def _find_header(table: Table, tables: Sequence[Table], default: Columns) -> Row | None:
    """Return the header of a table; None if its first row is an example.

    Raises:
        SeqbenchError: the header names a sentence and no label.
    """
    if table.names is not None or not table.rows:
        return None
    first = table.rows[0]
    text, label = find_columns(first.fields)
    if text is not None and label is None and len(first.fields) > 1 and all(map(is_name, first.fields)):
        raise SeqbenchError(
            f"{table.name} has the header '{' | '.join(first.fields)}', so it has no labels (those of the GLUE test "
            f"sets are not public); replace it by a file with a sentence and a label in each line."
        )
    named = text is not None and label is not None and all(len(field.split()) <= 3 for field in first.fields)
    columns = LABEL_FIRST if table.form == "blanks" else default
    if named and label is not None and table.form != "blanks":
        return None if _occurs_elsewhere(first, tables, label, len(first.fields)) else first
    return first if _looks_like_names(first, tables, columns) else None


def _occurs_elsewhere(first: Row, tables: Sequence[Table], label: int, count: int) -> bool:
    """Return whether another row has the label of a first row that names columns; rows that equal it do not count."""
    name = first.fields[label].lower()
    return any(
        len(row.fields) == count and row.fields[label].lower() == name and row.fields != first.fields
        for table in tables
        for row in table.rows
    )


def _looks_like_names(first: Row, tables: Sequence[Table], columns: Columns) -> bool:
    """Return whether a first row is a header by its words: its label occurs nowhere else, and it looks like names."""
    if len(first.fields) < 2:
        return False
    text, label = _unnamed(first, columns)
    rows = [
        row
        for table in tables
        for place, row in enumerate(table.rows)
        if row is not first and (place > 0 or row.fields != first.fields)
    ]
    if (
        not rows
        or any(map(_is_number, first.fields))
        or len(text.split()) > 3
        or any(_unnamed(row, columns)[1] == label for row in rows)
    ):
        return False
    others = [_unnamed(row, columns) for row in rows]
    same = sum(bool(table.rows) and table.rows[0].fields == first.fields for table in tables)
    only_numbers = all(_is_number(other) for _, other in others)
    usual_words = statistics.median(len(other.split()) for other, _ in others)
    one_word = len(text.split()) == 1 and usual_words >= 3
    return any(map(is_name, first.fields)) or only_numbers or one_word or same == len(tables) > 1


def _usual_columns(tables: Sequence[Table]) -> Columns:
    """Return the columns of tables without a header: the label is last, unless the first column alone can be labels."""
    rows = [row.fields for table in tables if table.form in ("tabs", "csv") for row in table.rows[1:SAMPLED]]
    rows = [fields for fields in rows if len(fields) > 1]
    if not rows:
        return LABEL_LAST
    first, last = ([fields[place] for fields in rows] for place in (0, -1))
    words = [statistics.fmean(len(field.split()) for field in column) for column in (first, last)]
    few = 2 <= len(Counter(first)) <= len(Counter(last)) / 2 and max(map(len, first)) <= 40
    return LABEL_FIRST if few and words[0] <= 2 and words[1] >= 2 * words[0] else LABEL_LAST


def _split_row(table: Table, row: Row, columns: Columns) -> tuple[str, str]:
    """Return sentence and label of a row.

    Raises:
        SeqbenchError: the row has another number of fields than the header.
    """
    if not columns.count:
        return _unnamed(row, columns)
    if len(row.fields) != columns.count:
        raise SeqbenchError(
            f"{table.place(row)} has {counted(len(row.fields), 'column')}, but the header has {columns.count}; "
            f"correct the line, or remove a tab inside a sentence."
        )
    return row.fields[columns.text], row.fields[columns.label]


def _unnamed(row: Row, columns: Columns) -> tuple[str, str]:
    """Return sentence and label of a row, of which the sentence may contain tabs."""
    if len(row.fields) == 1:
        return row.fields[0], ""
    if columns.label == 0:
        return "\t".join(row.fields[1:]), row.fields[0]
    return "\t".join(row.fields[:-1]), row.fields[-1]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


__all__ = ["LABELS", "TEXTS", "Arranged", "Columns", "arrange_tables"]
