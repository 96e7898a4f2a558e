"""Charts of the test score against a cost, with a Pareto front where neither scores nor costs are noise.

A better mean within one rank is no improvement that the seeds show, so a front joins ranks, not means. Costs that
depend on the machine are measured with an error, which the seeds show as well: a rank is on a front over such a cost
only if it is cheaper than all better ranks by more than that.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from seqbench.leaderboard.pages import chart_axes
from seqbench.leaderboard.pages.chart_axes import XAxis
from seqbench.leaderboard.pages.cost_columns import COLUMNS
from seqbench.leaderboard.pages.series_style import Slots, best_last, rows_with_scores
from seqbench.leaderboard.task_data import RANKED, RowData, TaskData
from seqbench.utils import number_format
from seqbench.utils.drawing.chart_parts import Point
from seqbench.utils.drawing.plot_area import Plot

COSTS = (
    ("flops_per_token", "FLOPs per token"),
    ("parameters", "parameters"),
    ("peak_memory_bytes", "peak memory"),
    ("seconds", "duration of a run"),
)
"""Keys and names of the costs that have a chart; the first ones do not depend on the machine."""
SAME_SIZE = 0.05
"""Models whose costs differ by at most this share count as equally large, so that no chart compares them."""
BARS = 0.5
"""Error bars extend the vertical axis by at most this share of the range of the seeds, at either end."""


@dataclass(frozen=True)
class Cost:
    """A cost of a row: its median, and its lowest and highest seed."""

    median: float
    low: float
    high: float


def draw_cost_charts(task: TaskData, slots: Slots) -> list[tuple[str, Markup]]:
    """Draw the charts of a task's scores against costs, each with its caption.

    Args:
        task: the task.
        slots: the slots of its rows, from `series_style.assign_slots`.
    """
    charts = []
    for key, name in COSTS:
        if COLUMNS[key].timed or not costs_are_equal(task, key):
            charts.append(_draw_against_cost(task, slots, key, name))
    return [chart for chart in charts if chart is not None]


def sizes_are_equal(task: TaskData) -> bool:
    """Return whether all models of a task have about the same number of parameters."""
    return costs_are_equal(task, "parameters")


def costs_are_equal(task: TaskData, key: str) -> bool:
    """Return whether a cost is about the same in all rows of a task."""
    costs = [cost.median for row in rows_with_scores(task) if (cost := _cost(row, key))]
    return bool(costs) and max(costs) - min(costs) <= SAME_SIZE * max(costs)


def _cost(row: RowData, key: str) -> Cost | None:
    value = row.costs.get(key)
    if value is None or isinstance(value, str):
        return None
    return Cost(value, *row.cost_ranges.get(key, (value, value)))


def _draw_against_cost(task: TaskData, slots: Slots, key: str, name: str) -> tuple[str, Markup] | None:
    costs = {row.label: cost for row in rows_with_scores(task) if (cost := _cost(row, key)) and cost.low > 0}
    rows = [row for row in rows_with_scores(task) if row.label in costs]
    if len(rows) < 2:
        return None
    unit, unit_name, tick = _unit(key, max(cost.median for cost in costs.values()))
    ends = [end / unit for cost in costs.values() for end in (cost.low, cost.high)]
    log = max(ends) > 10 * min(ends)
    caption = f"Test {task.metric} against {name}"
    label = f"{name}{f', {unit_name}' * bool(unit_name)}{', log' * log}"
    means = [row.mean for row in rows if row.mean is not None]
    plot = chart_axes.empty_plot(task, _covered(rows), ends, caption, XAxis(label, log, tick=tick), means)
    chart_axes.add_levels(plot, task, published=True)
    note = _draw_front(plot, rows, costs, unit, key)
    for row in best_last(rows, slots):
        cost, half = costs[row.label], row.half_width or 0.0
        mean = row.mean or 0.0
        point = Point(cost.median / unit, mean, mean - half, mean + half)
        title = f"{row.label}: {mean:.4g} ± {half:.2g} at {tick(point.x)} {unit_name or name}"
        across = (cost.low / unit, cost.high / unit) if cost.low < cost.high and COLUMNS[key].timed else None
        plot.add_point(row.label, slots.get(row.label), point, title, across)
    bars = "; bars are 95 % intervals" + ", across from the lowest to the highest seed" * COLUMNS[key].timed
    return f"{caption}{bars}; {note}", plot.render()


def _covered(rows: Sequence[RowData]) -> list[float]:
    """Return the scores that the vertical axis covers: all seeds, and error bars as far as they do not flatten them.

    One diverged seed makes an interval that is far wider than all scores; the frame cuts off such a bar.
    """
    seeds = [seed.value for row in rows for seed in row.seeds if seed.value is not None]
    reach = BARS * (max(seeds) - min(seeds))
    bars = [(row.mean or 0.0) + side * (row.half_width or 0.0) for row in rows for side in (-1, 1)]
    return seeds + [min(max(end, min(seeds) - reach), max(seeds) + reach) for end in bars]


def _unit(key: str, largest: float) -> tuple[float, str, Callable[[float], str]]:
    """Return the unit of a cost, the unit's name, and the function that formats a tick."""
    if not COLUMNS[key].timed:
        return 1.0, "", number_format.format_count
    length, unit = number_format.time_unit(largest) if key == "seconds" else number_format.bytes_unit(largest)
    return length, unit, lambda value: f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def _draw_front(plot: Plot, rows: Sequence[RowData], costs: Mapping[str, Cost], unit: float, key: str) -> str:
    """Draw the Pareto front of a chart as a line of steps, and return what its caption says about it.

    Args:
        plot: the chart.
        rows: the rows with this cost.
        costs: their costs by label.
        unit: the unit of the horizontal axis.
        key: key of the cost.
    """
    timed = COLUMNS[key].timed
    if timed and len({machine for row in rows for machine in row.machines}) > 1:
        return "no Pareto front: the rows come from different machines, so their costs are not compared"
    spread = _spread(costs.values()) if timed else 1.0
    front = front_rows([row for row in rows if row.state == RANKED and row.rank is not None], costs, spread)
    if not front:
        return "no Pareto front: no row has a rank"
    if len(front) == 1:
        least = (
            f"the spread over seeds (a factor of {spread:.3g})" if timed else f"{100 * SAME_SIZE:g}\N{NO-BREAK SPACE}%"
        )
        return f"no Pareto front: no rank is cheaper than all better ones by more than {least}"
    points = [(plot.x(costs[row.label].median / unit), plot.y(row.mean or 0.0)) for row in front]
    for (x, y), (next_x, next_y) in pairwise(points):
        plot.add_step([(x, y), (next_x, y), (next_x, next_y)], "Pareto front: no row is cheaper and of the same rank")
    return "the line joins the cheapest rows of ever better ranks (Pareto front)"


def front_rows(rows: Sequence[RowData], costs: Mapping[str, Cost], spread: float) -> list[RowData]:
    """Return the rows of the Pareto front, cheapest first: for each rank on it the cheapest row.

    A rank is on the front if one of its rows is cheaper than every row of a better rank, see `is_cheaper`.

    Args:
        rows: rows with ranks.
        costs: their costs by label.
        spread: ratio of the highest to the lowest seed of a typical row.
    """
    cheapest: dict[int, RowData] = {}
    for row in sorted(rows, key=lambda row: -costs[row.label].median):
        better = [other for other in rows if (other.rank or 0) < (row.rank or 0)]
        if all(is_cheaper(costs[row.label], costs[other.label], spread) for other in better):
            cheapest[row.rank or 0] = row
    return sorted(cheapest.values(), key=lambda row: costs[row.label].median)


def is_cheaper(a: Cost, b: Cost, spread: float) -> bool:
    """Return whether the first cost is below the second by more than noise.

    All seeds of the first must be below all of the second, and their medians must differ by more than ``SAME_SIZE`` and
    by more than the spread of a typical row: three seeds that lie close to each other show little of the noise.

    Args:
        a: the first cost.
        b: the second cost.
        spread: ratio of the highest to the lowest seed of a typical row; 1 for costs without noise.

    >>> is_cheaper(Cost(10.0, 9.0, 11.0), Cost(12.0, 11.5, 12.5), spread=1.3)
    False
    """
    return a.high < b.low and b.median > a.median * max(1 + SAME_SIZE, spread)


def _spread(costs: Iterable[Cost]) -> float:
    """Return the median ratio of the highest to the lowest seed of a row."""
    return statistics.median(cost.high / cost.low for cost in costs)
