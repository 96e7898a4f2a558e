"""The charts of a task: scores over steps and lengths, scores over tuning budget, scores against costs."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from seqbench.leaderboard.pages.series_style import Slots, full_score, rows_with_scores
from seqbench.leaderboard.task_data import OUTDONE, RANKED, Curve, RowData, TaskData
from seqbench.utils import number_format
from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.plot_area import HEIGHT, WIDTH, Plot, Point
from seqbench.utils.drawing.svg import svg_path, svg_tag

COSTS = (("parameters", "parameters"), ("peak_memory_bytes", "peak memory"), ("seconds", "duration of a run"))
"""Keys and names of the costs that have a chart."""
SAME_SIZE = 0.05
"""Models whose numbers of parameters differ by at most this share count as equally large."""

NEAR = 0.5
"""A reference level is on the chart if it lies at most this share of the scores' range outside that range."""
FLAT = 1e-3
"""If the range of scores is below this share of the range from chance to best, the axis shows the latter range."""

MOST_POINTS, MOST_GREY_POINTS = 60, 24
"""Largest numbers of points of a coloured and of a grey line; a chart of 300 pixels shows no more."""


@dataclass(frozen=True)
class Chart:
    """A drawing and the caption below it."""

    caption: str
    drawing: Markup


@dataclass(frozen=True)
class _XAxis:
    """The horizontal axis of a chart.

    Args:
        label: the text under it.
        log: whether it is logarithmic.
        pad: the share of it that is added at either end.
        whole: whether ticks must be integers.
        tick: formats the value of a tick.
    """

    label: str
    log: bool = False
    pad: float = 0.06
    whole: bool = False
    tick: Callable[[float], str] = number_format.format_tick


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
    for key, name in COSTS:
        if key != "parameters" or not sizes_are_equal(task):
            charts.append(_draw_against_cost(task, slots, key, name))
    return [chart for chart in charts if chart is not None]


def sizes_are_equal(task: TaskData) -> bool:
    """Return whether all models of a task have about the same number of parameters, so that no chart compares them."""
    sizes = [size for row in rows_with_scores(task) if (size := _cost(row, "parameters")) is not None]
    return bool(sizes) and max(sizes) - min(sizes) <= SAME_SIZE * max(sizes)


def _cost(row: RowData, key: str) -> float | None:
    value = row.costs.get(key)
    return None if isinstance(value, str) else value


def _draw_curves(task: TaskData, slots: Slots, curves: Sequence[tuple[RowData, Curve]]) -> Chart | None:
    """Draw mean and range of a score over steps or lengths, one line for each row."""
    if not curves:
        return None
    axis = curves[0][1].axis
    caption = f"Validation {task.metric} over training steps" if axis == "step" else "Score over sequence length"
    positions = [x for _, curve in curves for x in curve.x]
    log = axis == "length" and min(positions) > 0 and max(positions) > 20 * min(positions)
    values = [value for _, curve in curves for ends in (curve.low, curve.high) for value in ends]
    plot = _empty_plot(task, values, positions, caption, _XAxis(f"{axis}{', log' * log}", log, 0.02))
    _add_levels(plot, task)
    by_label = {row.label: curve for row, curve in curves}
    for row in _best_last([row for row, _ in curves], slots):
        slot = slots.get(row.label)
        points = _thin(by_label[row.label], MOST_GREY_POINTS if slot is None else MOST_POINTS)
        last = points[-1]
        plot.add_series(row.label, slot, points, f"{row.label}: {last.value:.4g} at {axis} {last.x:,g}")
    bands = any(curve.low != curve.high for _, curve in curves)
    return Chart(f"{caption}{'; bands from the lowest to the highest seed' * bands}", plot.render())


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
    plot = _empty_plot(task, values, range(1, most + 1), caption, _XAxis("learning rates tried", whole=True))
    _add_levels(plot, task)
    for row in _best_last(rows, slots):
        points = [Point(number, value, value, value) for number, value in enumerate(row.budget, 1)]
        title = f"{row.label}: {row.budget[-1]:.4g} after {len(points)}"
        plot.add_series(row.label, slots.get(row.label), points, title)
    return Chart(f"{caption} (Dodge et al. 2019)", plot.render())


def _draw_against_cost(task: TaskData, slots: Slots, key: str, name: str) -> Chart | None:
    """Draw the test score against a cost, with the Pareto front of the rows that have all seeds."""
    costs = {row.label: cost for row in rows_with_scores(task) if (cost := _cost(row, key)) and cost > 0}
    rows = [row for row in rows_with_scores(task) if row.label in costs]
    if len(rows) < 2:
        return None
    unit, unit_name, tick = _unit(key, max(costs.values()))
    points = {row.label: _score_point(row, costs[row.label] / unit) for row in rows}
    positions = [point.x for point in points.values()]
    log = max(positions) > 10 * min(positions)
    caption = f"Test {task.metric} against {name}"
    label = f"{name}{f', {unit_name}' * bool(unit_name)}{', log' * log}"
    # The axis covers all seeds but not the error bars: one diverged seed makes an interval that would flatten the rest.
    seeds = [seed.value for row in rows for seed in row.seeds if seed.value is not None]
    plot = _empty_plot(task, seeds, positions, caption, _XAxis(label, log, tick=tick))
    _add_levels(plot, task, published=True)
    complete = [points[row.label] for row in rows if row.state in (RANKED, OUTDONE)]
    if complete:
        _draw_front(plot, pareto_front([(point.x, point.value) for point in complete], task.direction))
    for row in _best_last(rows, slots):
        point, half = points[row.label], row.half_width or 0.0
        title = f"{row.label}: {point.value:.4g} ± {half:.2g} at {tick(point.x)} {unit_name or name}"
        plot.add_point(row.label, slots.get(row.label), point, title)
    return Chart(f"{caption}; bars are 95 % intervals, the line is the Pareto front", plot.render())


def _score_point(row: RowData, x: float) -> Point:
    mean, half = row.mean or 0.0, row.half_width or 0.0
    return Point(x, mean, mean - half, mean + half)


def _unit(key: str, largest: float) -> tuple[float, str, Callable[[float], str]]:
    """Return the unit of a cost, the unit's name, and the function that formats a tick."""
    if key == "parameters":
        return 1.0, "", number_format.format_count
    length, unit = number_format.time_unit(largest) if key == "seconds" else number_format.bytes_unit(largest)
    return length, unit, lambda value: f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def pareto_front(points: Iterable[tuple[float, float]], direction: str) -> list[tuple[float, float]]:
    """Return the points ``(cost, score)`` that are better than every point of the same or a lower cost.

    Args:
        points: pairs of cost and score.
        direction: ``max`` if higher scores are better, ``min`` otherwise.

    Returns:
        The points in the order of their cost.

    >>> pareto_front([(3.0, 0.9), (1.0, 0.5), (2.0, 0.4)], "max")
    [(1.0, 0.5), (3.0, 0.9)]
    """
    sign = 1 if direction == "max" else -1
    front: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not front or sign * value > sign * front[-1][1]:
            front.append((cost, value))
    return front


def _draw_front(plot: Plot, points: Sequence[tuple[float, float]]) -> None:
    """Draw a line of steps: the best score that is reached at or below each cost."""
    corners: list[tuple[float, float]] = []
    for x, y in [(plot.x(cost), plot.y(value)) for cost, value in points]:
        corners += [(x, corners[-1][1]), (x, y)] if corners else [(x, y)]
    corners.append((float(WIDTH), corners[-1][1]))
    title = svg_tag("title", "Pareto front: no other row is both better and cheaper")
    plot.marks.append(svg_tag("path", title, class_="front", d=svg_path(corners)))


def _empty_plot(
    task: TaskData, values: Sequence[float], positions: Sequence[float], label: str, x_axis: _XAxis
) -> Plot:
    """Return a chart without marks whose axes cover the values and the reference levels near them.

    Losses whose ratio is above 100 get a logarithmic axis. No tick is better than the best possible score.

    Args:
        task: the task.
        values: the scores.
        positions: where they lie along the horizontal axis.
        label: what the chart shows.
        x_axis: the horizontal axis.
    """
    shown = _without_outliers(values, task)
    low, high = min(shown), max(shown)
    levels = [level for level in (task.chance, full_score(task)) if level is not None and math.isfinite(level)]
    near = NEAR * (high - low)
    if high - low >= FLAT * (max(levels) - min(levels) if len(levels) > 1 else 0.0) and high > low:
        levels = [level for level in levels if low - near <= level <= high + near]
    log = task.direction == "min" and low > 0 and high > 100 * low
    y = Axis.over([*shown, *levels], HEIGHT, 0.0, log)
    if task.best is not None:
        y = replace(y, most=task.best) if task.direction == "max" else replace(y, least=task.best)
    x = replace(Axis.over(positions, 0.0, WIDTH, x_axis.log, x_axis.pad), whole=x_axis.whole)
    return Plot(x, y, label, x_axis.label, x_axis.tick)


def _without_outliers(values: Sequence[float], task: TaskData) -> list[float]:
    """Leave out scores that are further below chance than the best score is above it.

    A loss that was very large for some steps would otherwise flatten the rest of the chart.
    """
    sign = 1 if task.direction == "max" else -1
    centre = statistics.median(values) if task.chance is None else task.chance
    reach = max((sign * (value - centre) for value in values), default=0.0)
    reach = reach if reach > 0 else max(abs(centre), 1e-9)
    return [value for value in values if sign * (value - centre) >= -reach] or [centre, *values[:1]]


def _add_levels(plot: Plot, task: TaskData, published: bool = False) -> None:
    """Add the reference levels of a task: chance, the best possible, the anchor, and optionally published figures."""
    levels = [(task.chance, "chance", "chance"), (task.best, "best possible", "best"), (task.anchor, "anchor", "best")]
    if published:
        levels += [(figure.value, f"published {figure.shown}", "published") for figure in task.published]
    for value, text, kind in levels:
        if value is not None and math.isfinite(value):
            plot.add_level(value, f"{text} {value:.4g}", kind)


def _best_last(rows: Sequence[RowData], slots: Slots) -> list[RowData]:
    """Sort rows in the order in which they are drawn: grey ones first, and the best one on top."""
    worst_first = list(rows)[::-1]
    return sorted(worst_first, key=lambda row: row.label in slots)
