"""Colours, markers and dashes of a page's series, and the small drawings in its tables: legend and strips.

A *slot* is the number of a series' style. It chooses the colour (by a class of the style sheet), the marker and the
dash pattern. Series without a slot are grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.task_data import RowData, TaskData
from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.svg import (
    DASHES,
    MARKERS,
    horizontal_line,
    svg_marker,
    svg_tag,
    vertical_line,
)

Slots = Mapping[str, int]
"""Slots by the label of a row."""

STRIP_WIDTH, STRIP_HEIGHT, STRIP_MARGIN = 120, 16, 3.0
"""Size of a strip, in pixels, and the space that stays free at its ends."""


def assign_slots(data: BoardData) -> dict[str, dict[str, int]]:
    """Assign a slot to the best rows of each task.

    The ten rows that are best over the whole board have the same slot in every task. Other rows among the best ten of a
    task take the slots that are free in it.

    Returns:
        By task and label a number below ``len(MARKERS)``, best row first; rows without one are grey.
    """
    fixed = board_slots(data)
    return {task.task: _task_slots(fixed, [row.label for row in rows_with_scores(task)]) for task in data.tasks}


def board_slots(data: BoardData) -> dict[str, int]:
    """Assign a slot to the ten rows that are best over the whole board; they have it in every task."""
    order = [row.label for row in data.overall.rows] if data.overall else []
    best_place: dict[str, int] = {}
    for task in data.tasks:
        for number, row in enumerate(rows_with_scores(task)):
            best_place[row.label] = min(best_place.get(row.label, number), number)
    order += sorted(best_place.keys() - set(order), key=lambda label: (best_place[label], label))
    return {label: slot for slot, label in enumerate(order[: len(MARKERS)])}


def _task_slots(fixed: Slots, labels: Sequence[str]) -> dict[str, int]:
    best = labels[: len(MARKERS)]
    free = iter(sorted(set(range(len(MARKERS))) - {fixed[label] for label in best if label in fixed}))
    return {label: fixed[label] if label in fixed else next(free) for label in best}


def rows_with_scores(task: TaskData) -> list[RowData]:
    """Return the rows of a task that have a mean score."""
    return [row for row in task.rows if row.mean is not None]


def best_last(rows: Sequence[RowData], slots: Slots) -> list[RowData]:
    """Return rows in the order in which they are drawn: grey ones first, and the best one on top."""
    return [
        *(row for row in reversed(rows) if row.label not in slots),
        *(row for row in reversed(rows) if row.label in slots),
    ]


def full_score(task: TaskData) -> float | None:
    """Return the score that counts as 1 in a task: the best possible one, or the anchor where that is unknown."""
    return task.anchor if task.best is None else task.best


def draw_legend(slots: Slots) -> list[tuple[str, Markup]]:
    """Return the labels of the rows that have a slot, each with a sample of its line and marker."""
    return [(label, _draw_swatch(slot)) for label, slot in slots.items()]


def _draw_swatch(slot: int) -> Markup:
    line = svg_tag("path", class_="line", d="M0 6H26", stroke_dasharray=DASHES[slot])
    sample = svg_tag("g", line, svg_marker(13.0, 6.0, slot), class_=f"series s{slot}")
    return svg_tag("svg", sample, class_="swatch", viewBox="0 0 26 12", aria_hidden="true")


def strip_axis(task: TaskData) -> Axis | None:
    """Return the axis that all strips of a task share; None where no seed has a score.

    It covers chance, the best possible score or the anchor, and all seeds. Better scores lie further to the right.
    """
    values = [seed.value for row in rows_with_scores(task) for seed in row.seeds if seed.value is not None]
    if not values:
        return None
    known = [value for value in (task.chance, full_score(task)) if value is not None]
    left, right = STRIP_MARGIN, STRIP_WIDTH - STRIP_MARGIN
    start, end = (left, right) if task.direction == "max" else (right, left)
    return Axis.over([*values, *known], start, end, pad=0.0)


def draw_strip(task: TaskData, row: RowData, axis: Axis, slot: int | None) -> Markup:
    """Draw the seeds of a row and the interval of their mean, for a cell of its table.

    Args:
        task: the task of the row.
        row: a row with a mean score.
        axis: the axis from `strip_axis`.
        slot: slot of the row; None for grey.
    """
    mean, half = row.mean or 0.0, row.half_width or 0.0
    levels = "".join(
        vertical_line(axis(value), 1.0, 15.0) for value in (task.chance, full_score(task)) if value is not None
    )
    low, high = sorted(min(max(axis(mean + side * half), 0.0), float(STRIP_WIDTH)) for side in (-1, 1))
    seeds = "".join(vertical_line(axis(seed.value), 4.0, 12.0) for seed in row.seeds if seed.value is not None)
    series = svg_tag(
        "g",
        svg_tag("path", class_="bar", d=horizontal_line(8.0, low, high)),
        svg_tag("path", class_="seeds", d=seeds),
        svg_tag("circle", class_="mark", cx=axis(mean), cy=8.0, r=2.6),
        class_="series" if slot is None else f"series s{slot}",
    )
    grid = svg_tag("path", class_="grid", d=levels or None)
    size = f"0 0 {STRIP_WIDTH} {STRIP_HEIGHT}"
    return svg_tag("svg", grid, series, class_="strip", viewBox=size, aria_hidden="true")
