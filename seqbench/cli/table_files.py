"""Tables of results as files: CSV, JSON or Markdown, chosen by the ending of the file's name."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import to_json

TableValue = str | int | float | None
"""Value of a cell of a table; None where it is unknown."""

Line = Mapping[str, TableValue]
"""One line of a table: values by the name of the column."""

FORMATS = (".csv", ".json", ".md")


def check_table_path(path: Path, option: str) -> None:
    """Check that a table can be written to a path, before hours of work.

    Args:
        path: path of the file.
        option: name of the option that gives it, for error messages.

    Raises:
        SeqbenchError: the ending is unknown, the folder does not exist, or the path is a folder.
    """
    if path.suffix.lower() not in FORMATS:
        raise SeqbenchError(f"{option} must name a file that ends in {', '.join(FORMATS)}, got {path}.")
    if path.is_dir():
        raise SeqbenchError(f"{option} {path} is a folder; give the path of a file.")
    if not path.absolute().parent.is_dir():
        raise SeqbenchError(f"{option} {path} cannot be written: there is no folder {path.parent}; create it first.")


def write_table(lines: Sequence[Line], path: Path) -> None:
    """Write a table to a file; its columns are those of all lines, in the order of their first use.

    Args:
        lines: the lines; a missing value is empty (null in JSON).
        path: path of the file; its ending chooses the format.

    Raises:
        SeqbenchError: the file cannot be written.
    """
    columns = list(dict.fromkeys(column for line in lines for column in line))
    complete = [{column: line.get(column) for column in columns} for line in lines]
    formats = {".csv": _to_csv, ".json": _to_json, ".md": _to_markdown}
    atomic_files.write_text(path, formats[path.suffix.lower()](columns, complete))


def _to_csv(columns: Sequence[str], lines: Sequence[Line]) -> str:
    """Return a table as CSV in UTF-8 with a header; numbers have all digits."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(["" if value is None else value for value in line.values()] for line in lines)
    return out.getvalue()


def _to_json(columns: Sequence[str], lines: Sequence[Line]) -> str:
    return to_json([dict(line) for line in lines])


def _to_markdown(columns: Sequence[str], lines: Sequence[Line]) -> str:
    """Return a table in Markdown; numbers have four significant digits and are aligned to the right."""
    from seqbench.leaderboard.pages.markdown_text import escape_markdown, render_table
    from seqbench.utils.number_format import format_number

    def text(value: TableValue) -> str:
        if value is None:
            return ""
        return escape_markdown(value) if isinstance(value, str) else format_number(value)

    texts = [place for place, name in enumerate(columns) if any(isinstance(line[name], str) for line in lines)]
    rows = [[escape_markdown(name) for name in columns], *([text(line[name]) for name in columns] for line in lines)]
    return f"{render_table(rows, texts)}\n"
