"""The charts of a task: scores over steps and lengths, scores over tuning budget, scores against costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from seqbench.leaderboard.pages import chart_axes, cost_charts
from seqbench.leaderboard.pages.chart_axes import XAxis
from seqbench.leaderboard.pages.cost_charts import sizes_are_equal as sizes_are_equal
from seqbench.leaderboard.pages.series_style import Slots, best_last, rows_with_scores
from seqbench.leaderboard.task_data import Curve, RowData, TaskData
from seqbench.utils.drawing.chart_parts import Line, Point

MOST_POINTS, MOST_GREY_POINTS = 60, 24
"""Largest numbers of points of a coloured and of a grey line; a chart of 300 pixels shows no more."""


@dataclass(frozen=True)
class Chart:
    """A drawing and the caption below it."""

    caption: str
    drawing: Markup


def task_charts(task: TaskData, slots: Slots) -> list[Chart]:
    """Draw the charts of a task; a chart without data is left out.

    Args:
        task: the task.
        slots: the slots of its rows, from `series_style.assign_slots`.
    """
    charts = [
        _draw_curves(task, slots, [(row, row.curve) for row in rows_with_scores(task) if row.curve]),
        _draw_curves(task, slots, [(row, row.lengths) for row in rows_with_scores(task) if row.lengths]),
        _draw_budget(task, slots),
    ]
    against = cost_charts.draw_cost_charts(task, slots)
    return [chart for chart in charts if chart is not None] + [Chart(*chart) for chart in against]


def _draw_curves(task: TaskData, slots: Slots, curves: Sequence[tuple[RowData, Curve]]) -> Chart | None:
    """Draw mean and range of a score over steps or lengths, one line for each row."""
    if not curves:
        return None
    axis = curves[0][1].axis
    caption = f"Validation {task.metric} over training steps" if axis == "step" else "Score over sequence length"
    positions = [x for _, curve in curves for x in curve.x]
    log = axis == "length" and min(positions) > 0 and max(positions) > 20 * min(positions)
    values = [value for _, curve in curves for ends in (curve.low, curve.high) for value in ends]
    last = [curve.mean[-1] for _, curve in curves]
    plot = chart_axes.empty_plot(task, values, positions, caption, XAxis(f"{axis}{', log' * log}", log, 0.02), last)
    chart_axes.add_levels(plot, task)
    by_label, lines = {row.label: curve for row, curve in curves}, []
    for row in best_last([row for row, _ in curves], slots):
        slot = slots.get(row.label)
        points = _thin(by_label[row.label], MOST_GREY_POINTS if slot is None else MOST_POINTS)
        last_point = points[-1]
        title = f"{row.label}: {last_point.value:.4g} at {axis} {last_point.x:,g}"
        lines.append(Line(row.label, slot, points, title))
    same = plot.add_lines(lines)
    bands = any(curve.low != curve.high for _, curve in curves)
    return Chart(caption + "; bands from the lowest to the highest seed" * bands + _say_same(same), plot.render())


def _say_same(groups: Sequence[Sequence[str]]) -> str:
    """Return the part of a caption that names the lines that lie on each other."""
    return "".join(f"; {', '.join(group[:-1])} and {group[-1]} coincide" for group in groups)


def _thin(curve: Curve, most: int) -> list[Point]:
    points = [Point(*values) for values in zip(curve.x, curve.mean, curve.low, curve.high, strict=True)]
    stride = -(-len(points) // most)
    return points[::-1][::stride][::-1]  # Counted from the end, so that the last point is kept.


def _draw_budget(task: TaskData, slots: Slots) -> Chart | None:
    """Draw the expected best validation score over the number of learning rates that were tried."""
    rows = [row for row in rows_with_scores(task) if len(row.budget) > 1]
    if not rows:
        return None
    most = max(len(row.budget) for row in rows)
    caption = "Expected best validation score over the number of learning rates tried"
    values = [value for row in rows for value in row.budget]
    x_axis = XAxis("learning rates tried", whole=True)
    last = [row.budget[-1] for row in rows]
    plot = chart_axes.empty_plot(task, values, range(1, most + 1), caption, x_axis, last)
    chart_axes.add_levels(plot, task)
    lines = []
    for row in best_last(rows, slots):
        points = [Point(number, value, value, value) for number, value in enumerate(row.budget, 1)]
        title = f"{row.label}: {row.budget[-1]:.4g} after {len(points)}"
        lines.append(Line(row.label, slots.get(row.label), points, title))
    same = plot.add_lines(lines)
    # Rates that leave a search early have trials of fewer steps.
    return Chart(f"{caption}, each by its longest trial (Dodge et al. 2019){_say_same(same)}", plot.render())
