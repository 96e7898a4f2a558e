"""The axes of a task's charts, and the levels of reference scores on them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from seqbench.leaderboard.pages.series_style import full_score
from seqbench.leaderboard.task_data import TaskData
from seqbench.utils import number_format
from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.chart_parts import HEIGHT, WIDTH, ScoreAxis
from seqbench.utils.drawing.distance_axis import DistanceAxis
from seqbench.utils.drawing.plot_area import Plot
from seqbench.utils.drawing.svg import shorten

NEAR = 0.5
"""A reference level is on the chart if it lies at most this share of the scores' range outside that range."""
FLAT = 1e-3
"""If the range of scores is below this share of the range from chance to best, the axis shows the latter range."""
CLOSE, RATIO = 0.02, 20.0
"""Scores saturate if one is closer to the best possible than this share of the way from chance, and distances to the
best possible differ by more than this ratio."""


@dataclass(frozen=True)
class XAxis:
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


def empty_plot(
    task: TaskData,
    values: Sequence[float],
    positions: Iterable[float],
    label: str,
    x_axis: XAxis,
    last: Sequence[float] = (),
) -> Plot:
    """Return a chart without marks whose axes cover the values and the reference levels near them.

    Where scores saturate, the axis is logarithmic in their distance to the best possible score. Losses whose ratio is
    above 100 get a logarithmic axis. No tick is better than the best possible score.

    Args:
        task: the task.
        values: the scores.
        positions: where they lie along the horizontal axis.
        label: what the chart shows.
        x_axis: the horizontal axis.
        last: the scores that a reader compares, such as the ends of curves; all of them by default.
    """
    shown = _without_outliers(values, task)
    y, note = _score_axis(task, shown, last or shown)
    arrow = "↑" if task.direction == "max" else "↓"
    x = replace(Axis.over(positions, 0.0, WIDTH, x_axis.log, x_axis.pad), whole=x_axis.whole)
    return Plot(x, y, label, x_axis.label, x_axis.tick, f"{task.metric} {arrow}{note}")


def _score_axis(task: TaskData, shown: Sequence[float], last: Sequence[float]) -> tuple[ScoreAxis, str]:
    """Return the vertical axis and what its label says about it."""
    if task.best is not None and _saturates(task, task.best, last):
        axis = DistanceAxis.over(shown, task.best, task.direction, HEIGHT, 0.0)
        return axis, f", log of the distance to {number_format.format_tick(task.best)}"
    low, high = min(shown), max(shown)
    levels = [level for level in (task.chance, full_score(task)) if level is not None and math.isfinite(level)]
    near = NEAR * (high - low)
    if high - low >= FLAT * (max(levels) - min(levels) if len(levels) > 1 else 0.0) and high > low:
        levels = [level for level in levels if low - near <= level <= high + near]
    log = task.direction == "min" and low > 0 and high > 100 * low
    y = Axis.over([*shown, *levels], HEIGHT, 0.0, log)
    if task.best is not None:
        y = replace(y, most=task.best) if task.direction == "max" else replace(y, least=task.best)
    return y, ", log" * log


def _saturates(task: TaskData, best: float, last: Sequence[float]) -> bool:
    """Return whether scores lie so close to the best possible one that a linear axis hides their differences."""
    sign = 1 if task.direction == "max" else -1
    distances = [sign * (best - value) for value in last if sign * (best - value) > 0]
    # Ticks are the best possible score minus powers of ten, which are readable only for a round one.
    if not distances or abs(best) >= 1e4 or round(best, 3) != best:
        return False
    scale = max(distances) if task.chance is None else abs(best - task.chance)
    return min(distances) < CLOSE * scale and max(distances) > RATIO * min(distances)


def _without_outliers(values: Sequence[float], task: TaskData) -> list[float]:
    """Leave out scores that are further below chance than the best score is above it.

    A loss that was very large for some steps would otherwise flatten the rest of the chart.
    """
    sign = 1 if task.direction == "max" else -1
    centre = statistics.median(values) if task.chance is None else task.chance
    reach = max((sign * (value - centre) for value in values), default=0.0)
    reach = reach if reach > 0 else max(abs(centre), 1e-9)
    return [value for value in values if sign * (value - centre) >= -reach] or [centre, *values[:1]]


def add_levels(plot: Plot, task: TaskData, published: bool = False) -> None:
    """Add the reference levels of a task: chance, the best possible, the anchor, and optionally published figures.

    Args:
        plot: the chart.
        task: the task.
        published: whether published figures are added.
    """
    for value, text, kind in (
        (task.chance, "chance", "chance"),
        (task.best, "best possible", "best"),
        (task.anchor, "anchor", "best"),
    ):
        if value is not None and math.isfinite(value):
            plot.add_level(value, f"{text} {value:.4g}", kind, f"{text.removesuffix(' possible')} {value:.4g}")
    for figure in task.published if published else ():
        if math.isfinite(figure.value):
            name, shown = f"published {figure.shown} {figure.value:.4g}", f"{figure.value:.4g}"
            plot.add_level(figure.value, name, "published", f"{shorten(figure.shown, 9)}, pub. {shown}")
