"""Rows of a table of labelled sentences: lines with tabs, CSV, JSON, or lines of ``label sentence``."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from seqbench.datamodules.sources.folder_layouts import JSON_ENDINGS, ending_of
from seqbench.datamodules.sources.tables.column_names import find_columns
from seqbench.datamodules.sources.text_decoding import decode_text, split_lines
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

DELIMITERS = (",", ";", "|")
"""Delimiters of CSV files."""

FEW_ROWS = 10
"""Number of rows from which a file without a header may be recognised as CSV by its rows."""


class Row(NamedTuple):
    """The fields of a row, and the number of its first line."""

    fields: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Table:
    """The rows of one file.

    Args:
        name: path of the file, for error messages.
        form: ``tabs``, ``csv``, ``json`` or ``blanks`` (lines of ``label sentence``).
        rows: all rows, with the header if the file has one; blank lines are left out.
        notes: sentences on how the file was read.
        names: names of the columns of a JSON file; None for other forms.
        unit: what ``Row.line`` counts: lines, or the entries of a JSON list.
    """

    name: str
    form: str
    rows: list[Row]
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] | None = None
    unit: str = "line"

    @property
    def short(self) -> str:
        """Name of the file without its folder."""
        return Path(self.name).name

    def place(self, row: Row) -> str:
        """Return file and line of a row, for error messages."""
        return f"{self.name}, {self.unit} {row.line}"


def read_table(name: str, data: bytes) -> Table:
    """Return the rows of a file, whose form is recognised by its name and its contents.

    Raises:
        SeqbenchError: the file is not a text, or a line does not have the form of the others.
    """
    text, note = decode_text(name, data)
    notes = (note,) if note else ()
    ending, lines = ending_of(Path(name)), split_lines(text)
    first = next((line for line in lines if line.strip()), "")
    if ending in JSON_ENDINGS or first.lstrip().startswith('{"'):
        return _read_json(name, text, lines, notes)
    if "\t" in first or (ending != ".csv" and any("\t" in line for line in lines)):
        return _read_tabs(name, text, lines, notes)
    delimiter = max(DELIMITERS, key=lambda mark: len(_csv_fields(first, mark)))
    if ending == ".csv" or _looks_like_csv(lines, delimiter):
        if ending != ".csv":
            notes = (*notes, f"{Path(name).name} is read as CSV, because its lines have the form of CSV")
        return Table(name, "csv", _read_csv(name, text, delimiter), notes)
    rows = [
        Row((*line.strip().split(maxsplit=1), "")[:2], number) for number, line in enumerate(lines, 1) if line.strip()
    ]
    return Table(name, "blanks", rows, notes)


def _read_tabs(name: str, text: str, lines: list[str], notes: tuple[str, ...]) -> Table:
    filled = [Row((line,), number) for number, line in enumerate(lines, 1) if line.strip()]
    quoted = all(
        len(field := part.strip()) > 1 and field[0] == field[-1] == '"'
        for row in filled
        for part in row.fields[0].split("\t")
    )
    if quoted:
        return Table(name, "tabs", _read_csv(name, text, "\t"), (*notes, f"{Path(name).name}: quotation marks removed"))
    rows = [Row(tuple(field.strip() for field in row.fields[0].split("\t")), row.line) for row in filled]
    return Table(name, "tabs", rows, notes)


def _looks_like_csv(lines: list[str], delimiter: str) -> bool:
    """Return whether lines without tabs are CSV: by their header, or by the same fields in each, the last a label."""
    filled = [line for line in lines if line.strip()]
    first = _csv_fields(filled[0], delimiter) if filled else ()
    if len(first) < 2:
        return False
    if None not in find_columns(first):
        return True
    rows = [_csv_fields(line, delimiter) for line in filled]
    labels = {row[-1] for row in rows}
    return (
        len(rows) >= FEW_ROWS
        and all(len(row) == len(first) for row in rows)
        and 2 <= len(labels) <= len(rows) / 2
        and all(len(label.split()) == 1 for label in labels)
    )


def _csv_fields(line: str, delimiter: str) -> tuple[str, ...]:
    """Return the fields of one line of CSV; the whole line as one field if its quotation marks are not closed."""
    try:
        return tuple(field.strip() for field in next(csv.reader([line], delimiter=delimiter, strict=True), ()))
    except csv.Error:
        return (line,)


def _read_csv(name: str, text: str, delimiter: str) -> list[Row]:
    """Return the rows of CSV, in which a quoted field may contain line ends.

    Args:
        name: name of the file, for error messages.
        text: contents of the file.
        delimiter: character between two fields.

    Raises:
        SeqbenchError: quotation marks are not closed, or rows have different numbers of fields.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    limit = csv.field_size_limit(sys.maxsize)  # A document may be longer than the 131,072 characters of the library.
    rows: list[Row] = []
    line = 1
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                rows.append(Row(tuple(" ".join(field.split("\n")).strip() for field in fields), line))
            line = reader.line_num + 1
    except csv.Error as error:
        raise SeqbenchError(
            f'{name}, line {line}: the quotation marks of this row are not those of CSV ({error}); write " inside a '
            f'quoted field as "".'
        ) from error
    finally:
        csv.field_size_limit(limit)
    expected = len(rows[0].fields) if rows else 0
    wrong = next((row for row in rows if len(row.fields) != expected), None)
    if wrong is not None:
        raise SeqbenchError(
            f"{name}, line {wrong.line} has {counted(len(wrong.fields), 'field')} between '{delimiter}', but the first "
            f"row has {expected}; put quotation marks around a text that contains '{delimiter}'."
        )
    return rows


def _read_json(name: str, text: str, lines: list[str], notes: tuple[str, ...]) -> Table:
    """Return the rows of JSON: a list of objects, or one object in each line."""
    is_list = text.lstrip().startswith("[")
    if is_list:
        entries = _parse_json(name, 1, text)
        numbered = list(enumerate(entries if isinstance(entries, list) else [entries], 1))
    else:
        numbered = [(number, _parse_json(name, number, line)) for number, line in enumerate(lines, 1) if line.strip()]
    for number, entry in numbered:
        if not isinstance(entry, Mapping):
            raise SeqbenchError(
                f"{name}, entry {number} is {type(entry).__name__}; expected objects such as "
                f'{{"sentence": "so good", "label": 1}}.'
            )
    names = tuple(dict.fromkeys(str(key) for _, entry in numbered for key in entry))
    rows = [Row(tuple(_json_text(entry.get(key)) for key in names), number) for number, entry in numbered]
    return Table(name, "json", rows, notes, names, "entry" if is_list else "line")


def _parse_json(name: str, line: int, text: str) -> object:
    try:
        parsed: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SeqbenchError(f"{name}, line {line} is not valid JSON ({error}); correct it.") from error
    return parsed


def _json_text(value: object) -> str:
    """Return a value as a text in one line; null becomes empty."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    return " ".join(text.split("\n")).strip()
