"""Plain text tables for a terminal, a pipe or a log: aligned columns without colours or boxes."""

from __future__ import annotations

from collections.abc import Sequence


def align_columns(rows: Sequence[Sequence[str]], indent: str = "") -> str:
    """Return rows of cells as lines whose columns are as wide as their widest cell.

    Args:
        rows: the rows, each with one cell for each column.
        indent: the text at the start of each line.

    >>> print(align_columns([("task", "score"), ("copy", "0.97")], indent="  "))
      task  score
      copy  0.97
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))] if rows else []
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(indent + line.rstrip() for line in lines)
