"""The overview of a board: one line for each architecture, one column for each task.

Cells hold the normalised score, from chance (0) to the best possible score or the anchor (1). A task without such a
scale is in the overview with its own metric and without a colour.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data.checked_records import UNVERIFIED
from seqbench.leaderboard.pages import anchors, score_text, wording
from seqbench.leaderboard.pages.overview.first_groups import first_group
from seqbench.leaderboard.task_data import INCOMPLETE, MISSING, NOT_APPLICABLE, RowData, TaskData
from seqbench.utils import number_format
from seqbench.utils.visible_text import visible_line

TOP = 30
"""Number of rows of a table that a page shows first, unless the command that builds it names another number."""

LEVELS = 10
"""Number of the darkest colour of a cell; the lightest is 0."""

RELATIVE_COSTS = {"flops_per_token": "FLOPs", "seconds": "Time"}
"""Costs that the overview compares between rows, with the heads of their columns."""


@dataclass(frozen=True)
class OverviewTask:
    """A column of the overview.

    Args:
        name: name of the task.
        anchor: anchor of its section.
        scaled: whether its scores have a scale from chance to the best possible score or an anchor.
        metric: the deciding metric, with an arrow towards better scores.
    """

    name: str
    anchor: str
    scaled: bool
    metric: str


@dataclass(frozen=True)
class OverviewCell:
    """The result of a row on a task.

    Args:
        text: the normalised score, the score of a task without a scale, or a word for its absence.
        level: number of the cell's colour, at most ``LEVELS``; None without a scale or a score.
        number: the number by which it is sorted; None without a score.
        first: whether the row is in the first rank group of a task that separates rows.
        unverified: whether a record of the cell is not verified.
        partial: whether a seed of the cell has no record.
        absent: whether the cell has no score.
        title: the score with its interval, rank and remarks, as a phrase.
    """

    text: str
    level: int | None = None
    number: float | None = None
    first: bool = False
    unverified: bool = False
    partial: bool = False
    absent: bool = False
    title: str = ""


@dataclass(frozen=True)
class OverviewRow:
    """A line of the overview.

    Args:
        label: name of the row.
        cells: one cell for each task.
        firsts: number of tasks on which the row is in the first group.
        ranked: number of tasks that separate rows and rank this one.
        overall: the interquartile mean over all tasks with its interval; empty without an order over tasks.
        costs: FLOPs and time as multiples of the median row's, each as text and number; empty and None if unknown.
    """

    label: str
    cells: Sequence[OverviewCell]
    firsts: int
    ranked: int
    overall: str
    costs: Sequence[tuple[str, float | None]]


@dataclass(frozen=True)
class Overview:
    """The overview of a board.

    Args:
        tasks: its columns.
        rows: its lines.
        cost_heads: heads of the columns of relative costs.
        order: the order of the lines, as a sentence.
        has_order: whether rows are in an order over all tasks.
        has_ranks: whether some task separates rows.
        has_partial: whether a cell lacks seeds.
        has_unverified: whether a cell is marked as not verified.
        nothing_verified: whether no record is verified; no single cell is marked then.
        unscaled: names of the tasks without a scale.
    """

    tasks: Sequence[OverviewTask]
    rows: Sequence[OverviewRow]
    cost_heads: Sequence[str]
    order: str
    has_order: bool
    has_ranks: bool
    has_partial: bool
    has_unverified: bool
    nothing_verified: bool
    unscaled: Sequence[str]


def build_overview(data: BoardData) -> Overview:
    """Return the overview of a board; it has no lines if no record counts."""
    names = anchors.task_anchors(task.task for task in data.tasks)
    scaled = {task.task for task in data.tasks if _has_scale(task)}
    groups = {task.task: first_group(task) for task in data.tasks}
    nothing_verified = data.records == data.verification[UNVERIFIED]
    found: dict[str, dict[str, RowData]] = {}
    for task in data.tasks:
        for row in task.rows:
            found.setdefault(row.label, {})[task.task] = row
    ratios = {key: ratio for key in RELATIVE_COSTS if (ratio := relative_costs(data.tasks, key))}
    overall = overall_texts(data)
    rows = [
        OverviewRow(
            label=label,
            cells=[
                _cell(task, rows.get(task.task), task.task in scaled, groups[task.task], not nothing_verified)
                for task in data.tasks
            ],
            firsts=sum(label in group for group in groups.values()),
            ranked=sum(bool(groups[name]) and row.rank is not None for name, row in rows.items()),
            overall=overall.get(label, ""),
            costs=[_relative_cost(ratio.get(label)) for ratio in ratios.values()],
        )
        for label, rows in found.items()
    ]
    return Overview(
        tasks=[
            OverviewTask(
                task.task,
                names[task.task],
                task.task in scaled,
                score_text.metric_with_arrow(task.metric, task.direction),
            )
            for task in data.tasks
        ],
        rows=_sorted_rows([row for row in rows if not all(cell.absent for cell in row.cells)], list(overall)),
        cost_heads=[RELATIVE_COSTS[key] for key in ratios],
        order=_order_sentence(bool(overall), any(groups.values())),
        has_order=bool(overall),
        has_ranks=any(groups.values()),
        has_partial=any(cell.partial for row in rows for cell in row.cells),
        has_unverified=any(cell.unverified for row in rows for cell in row.cells),
        nothing_verified=nothing_verified,
        unscaled=[task.task for task in data.tasks if task.task not in scaled],
    )


def overall_texts(data: BoardData) -> dict[str, str]:
    """Return the interquartile means with their intervals by label, best first; nothing below ten compared tasks."""
    overall = data.overall
    if overall is None or not overall.ordered:
        return {}
    return {
        row.label: score_text.format_estimate(row.iqm, row.low, row.high) for row in overall.rows if row.iqm is not None
    }


def relative_costs(tasks: Sequence[TaskData], key: str) -> dict[str, float]:
    """Return a cost of each row as a multiple of the median of all rows: the geometric mean over the tasks of the row.

    A task whose rows come from different machines is left out for a cost that depends on the machine.

    Args:
        tasks: the tasks.
        key: name of the cost, of ``RELATIVE_COSTS``.
    """
    logs: dict[str, list[float]] = {}
    for task in tasks:
        rows = [row for row in task.rows if isinstance(row.costs.get(key), int | float) and float(row.costs[key]) > 0]
        machines = {machine for row in rows for machine in row.machines}
        if len(rows) < 2 or (key == "seconds" and len(machines) > 1):
            continue
        usual = statistics.median(float(row.costs[key]) for row in rows)
        for row in rows:
            logs.setdefault(row.label, []).append(math.log(float(row.costs[key]) / usual))
    return {label: math.exp(statistics.fmean(values)) for label, values in logs.items()}


def _relative_cost(ratio: float | None) -> tuple[str, float | None]:
    if ratio is None:
        return "", None
    return f"×{ratio:.1f}" if 0.095 <= ratio < 99.95 else f"×{ratio:.2g}", ratio


def _has_scale(task: TaskData) -> bool:
    return any(row.mean_score is not None for row in task.rows)


def _cell(task: TaskData, row: RowData | None, scaled: bool, group: Sequence[str], mark: bool) -> OverviewCell:
    """Return a cell of the overview.

    Args:
        task: the task.
        row: the row on this task; None if the task does not have it.
        scaled: whether the task has a scale.
        group: labels of the task's first group.
        mark: whether cells whose records are not verified are marked.
    """
    if row is None or row.mean is None:
        state = row.state if row else MISSING
        text = "n/a" if state == NOT_APPLICABLE else "–"
        reason = visible_line(row.reason) if row else "no record that counts"
        state_text = state if state in (MISSING, NOT_APPLICABLE) else "no score"
        return OverviewCell(text, absent=True, title=f"{state_text}: {reason}")
    score = row.mean_score
    known = "–" if score is None else f"{score:.2f}"
    sign = 1.0 if task.direction == "max" else -1.0
    return OverviewCell(
        text=known if scaled else f"{row.mean:#.3g}".rstrip("."),
        level=None if score is None else max(0, min(LEVELS, round(LEVELS * score))),
        number=score if scaled else sign * row.mean,
        first=row.label in group,
        unverified=mark and bool(row.unverified),
        partial=row.state == INCOMPLETE,
        title=_cell_title(task, row),
    )


def _cell_title(task: TaskData, row: RowData) -> str:
    score = f"{task.metric} {number_format.format_mean(row.mean, row.half_width)}"
    rank = f"rank {row.rank}" if row.rank is not None else "not ranked"
    solved = f"{wording.format_solved(row)} seeds solved it" if row.solved is not None else ""
    remarks = (remark for remark, _ in wording.row_remarks(row))
    return ", ".join(filter(None, (score, rank, solved, *remarks)))


def _sorted_rows(rows: Sequence[OverviewRow], order: Sequence[str]) -> list[OverviewRow]:
    """Return the lines in the order over tasks where there is one, then by first groups, mean score and label."""
    places: Mapping[str, int] = {label: place for place, label in enumerate(order)}

    def key(row: OverviewRow) -> tuple[float, float, float, str]:
        levels = [cell.number for cell in row.cells if cell.level is not None and cell.number is not None]
        mean = statistics.fmean(levels) if levels else -math.inf
        return places.get(row.label, math.inf), -row.firsts, -mean, row.label

    return sorted(rows, key=key)


def _order_sentence(has_order: bool, has_ranks: bool) -> str:
    if has_order:
        return "Rows are in the order of the interquartile mean over all compared tasks."
    if has_ranks:
        return "Rows with more first groups are further up; this is not an overall order."
    return "Rows with a higher mean score are further up; this is not an overall order."
