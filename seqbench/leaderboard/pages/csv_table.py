"""A board as one long CSV table with a line for each seed, for pandas, R and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data.recorded_costs import MEASURED_COSTS
from seqbench.leaderboard.pages.cost_columns import COLUMNS
from seqbench.leaderboard.task_data import RowData, TaskData
from seqbench.utils.visible_text import visible_line

CsvCell = str | float | None
"""A value of the table; None where it is unknown."""

ROW = ("mean", "half_width", "above_chance", "solved")
"""Columns about all seeds of a row, repeated on each of its lines."""

SEED = ("seed", "status", "value", "score", "record", "checksum", "verified", "verification")
"""Columns about one seed."""

NAMES = (
    *("task", "tier", "metric", "direction", "label", "architecture", "distribution", "state", "reason", "rank"),
    *(*SEED[:4], *ROW, "chance", "best", "anchor"),
    *(column for column in COLUMNS if column != "distribution"),
    *(f"{name}_{end}" for name in MEASURED_COSTS for end in ("low", "high")),
    *SEED[4:],
)
"""All columns in their order.

``value`` is a seed's test score. ``score`` is its place between chance (0) and the best possible or the anchor (1).
Costs (bytes, seconds, FLOPs) are medians over the row's seeds; ``seconds_low`` and ``seconds_high`` are the lowest and
the highest seed, and empty where all seeds are equal. A token is a time step of a sequence. After these columns come
the board's secondary metrics of each seed, as ``test_accuracy_longer``.
"""

_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""First characters by which a spreadsheet may recognise a formula, some of them as wide characters."""


def render_csv(data: BoardData) -> str:
    r"""Return a board as CSV in UTF-8 with a header (RFC 4180, with ``\n`` as the end of a line).

    A row without records has one line without a seed. Floats have all digits, booleans are ``true`` and ``false``, and
    unknown values are empty. A text that a spreadsheet could take for a formula begins with ``'``.

    Args:
        data: the board's data.
    """
    names, lines = csv_rows(data)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_cell_text(line.get(name)) for name in names] for line in lines)
    return out.getvalue()


def csv_rows(data: BoardData) -> tuple[list[str], list[dict[str, CsvCell]]]:
    """Return the table as data.

    Returns:
        The names of the columns, and each line as a mapping from names; unknown values are missing or None.
    """
    secondary = dict.fromkeys(f"test_{line.metric}" for task in data.tasks for line in task.secondary)
    lines = [
        {**_task_cells(task, data.board.tier), **_row_cells(row), **seed_cells}
        for task in data.tasks
        for row in task.rows
        for seed_cells in _seed_cells(row)
    ]
    return [*NAMES, *secondary], lines


def _task_cells(task: TaskData, tier: str) -> dict[str, CsvCell]:
    return {
        "task": task.task,
        "tier": tier,
        "metric": task.metric,
        "direction": task.direction,
        "chance": task.chance,
        "best": task.best,
        "anchor": task.anchor,
    }


def _row_cells(row: RowData) -> dict[str, CsvCell]:
    return {
        **{name: row.costs.get(name) for name in COLUMNS},
        **{f"{name}_{end}": ends[k] for name, ends in row.cost_ranges.items() for k, end in enumerate(("low", "high"))},
        "label": row.label,
        "architecture": row.architecture,
        "state": row.state,
        "reason": row.reason,
        "rank": row.rank,
        "mean": row.mean,
        "half_width": row.half_width,
        "above_chance": row.above_chance,
        "solved": row.solved,
    }


def _seed_cells(row: RowData) -> Iterator[dict[str, CsvCell]]:
    """Yield the cells of each seed; a row without seeds has one line without such cells."""
    if not row.seeds:
        yield {}
    for seed in row.seeds:
        yield {
            "seed": seed.seed,
            "status": seed.status,
            "value": seed.value,
            "score": seed.score,
            "record": seed.record,
            "checksum": seed.checksum,
            "verified": seed.verified,
            "verification": seed.verification,
            # The reason of the seed replaces that of the row.
            "reason": seed.reason,
            **{f"test_{metric}": value for metric, value in seed.secondary.items()},
        }


def _cell_text(value: CsvCell) -> str:
    """Return the text of a cell: numbers with all digits, and no text that a spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = visible_line(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
