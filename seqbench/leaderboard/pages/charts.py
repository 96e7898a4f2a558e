"""A task's charts: curves over steps and lengths, score against tuning budget, quality against cost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from seqbench.leaderboard.board_data import OUTDONE, RANKED
from seqbench.leaderboard.pages.plot import HEIGHT, WIDTH, Plot
from seqbench.leaderboard.pages.series_style import Slots, rows_with_scores, top_rows
from seqbench.leaderboard.pages.svg import Axis, svg_path, svg_tag
from seqbench.utils import number_format
from seqbench.utils.number_format import format_tick

Rows = Sequence[Mapping[str, Any]]

COSTS = (("parameters", "parameters"), ("peak_memory_bytes", "peak memory"), ("seconds", "time of a whole run"))
"""Costs that have a chart, and their names."""
SAME_SIZE = 0.05
"""Models whose parameters differ by no more than this share are of one size."""

NEAR = 0.5
"""How far from the scores chance and the best possible are still shown, as a share of the scores' spread."""
FLAT = 1e-3
"""Scores that spread over less than this share of the way from chance to the best possible are shown on all of it."""

# Points of a line: what a chart of 300 pixels can show, and fewer for those that stay in the background.
_MOST_POINTS, _MOST_GREY_POINTS = 60, 24


@dataclass(frozen=True)
class Chart:
    """A drawing and what is said beneath it."""

    caption: str
    drawing: Markup


def task_charts(task: Mapping[str, Any], colours: Slots) -> list[Chart]:
    """The charts for which a task's rows have figures.

    Args:
        task: a section of ``rows.of_task``.
        colours: of its rows, from ``marks.slots``.
    """
    rows = rows_with_scores(task)
    made = [
        _over(task, rows, colours, "curve", "step", f"Validation {task['metric']} over training steps"),
        _over(task, rows, colours, "lengths", "length", "Score over length of the sequence"),
        _budget(task, rows, colours),
    ]
    costs = [cost for cost in COSTS if cost[0] != "parameters" or not one_size(task)]
    made += [_against(task, rows, colours, *cost) for cost in costs]
    return [chart for chart in made if chart is not None]


def one_size(task: Mapping[str, Any]) -> bool:
    """Whether all models of a task are about equally large, so that a chart over their sizes would say nothing."""
    sizes = [row["costs"]["parameters"] for row in rows_with_scores(task) if "parameters" in row["costs"]]
    return bool(sizes) and max(sizes) - min(sizes) <= SAME_SIZE * max(sizes)


def _over(task: Mapping[str, Any], rows: Rows, colours: Slots, key: str, over: str, caption: str) -> Chart | None:
    """Mean and range of a score over steps or lengths, a line for each row."""
    drawn = [row for row in rows if row[key]]
    if not drawn:
        return None
    across = [x for row in drawn for x in row[key][over]]
    log = over == "length" and min(across) > 0 and max(across) > 20 * min(across)
    values = [value for row in drawn for name in ("low", "high") for value in row[key][name]]
    plot = _plot(task, values, across, caption, f"{over}{', log' * log}", log, pad=0.02)
    _levels(plot, task)
    for row in _best_last(drawn, colours):
        slot = colours.get(row["label"])
        points = _thinned(row[key], over, _MOST_GREY_POINTS if slot is None else _MOST_POINTS)
        plot.series(row, slot, points, f"{row['label']}: {points[-1][1]:.4g} at {over} {points[-1][0]:,g}")
    bands = any(row[key]["low"] != row[key]["high"] for row in drawn)
    return Chart(f"{caption}{'; bands from the lowest to the highest seed' * bands}", plot.markup())


def _thinned(data: Mapping[str, Sequence[float]], over: str, most: int) -> list[tuple[float, ...]]:
    points: list[tuple[float, ...]] = list(zip(data[over], data["mean"], data["low"], data["high"], strict=True))
    stride = -(-len(points) // most)
    return points[::-1][::stride][::-1]  # From the end, so that the last point stays.


def _budget(task: Mapping[str, Any], rows: Rows, colours: Slots) -> Chart | None:
    """The expected best validation score after so many tried learning rates."""
    drawn = [row for row in rows if len(row["budget"]) > 1]
    if not drawn:
        return None
    most = max(len(row["budget"]) for row in drawn)
    caption = "Expected best validation score over learning rates tried"
    values = [value for row in drawn for value in row["budget"]]
    plot = _plot(task, values, range(1, most + 1), caption, "learning rates tried", False)
    plot.x = replace(plot.x, whole=True)
    _levels(plot, task)
    for row in _best_last(drawn, colours):
        points = [(number, value, value, value) for number, value in enumerate(row["budget"], 1)]
        title = f"{row['label']}: {row['budget'][-1]:.4g} after {len(points)}"
        plot.series(row, colours.get(row["label"]), points, title)
    return Chart(f"{caption} (Dodge et al. 2019)", plot.markup())


def _against(task: Mapping[str, Any], rows: Rows, colours: Slots, name: str, words: str) -> Chart | None:
    """The test score against a cost, with the front of those rows with all seeds that no other beats in both."""
    drawn = [row for row in rows if (row["costs"].get(name) or 0) > 0]
    if len(drawn) < 2:
        return None
    unit, unit_name, tick = _unit(name, max(row["costs"][name] for row in drawn))
    points = {row["label"]: (row["costs"][name] / unit, row["mean"], row["half_width"] or 0.0) for row in drawn}
    across = [x for x, _, _ in points.values()]
    log = max(across) > 10 * min(across)
    caption = f"Test {task['metric']} against {words}"
    label = f"{words}{f', {unit_name}' * bool(unit_name)}{', log' * log}"
    # One diverged seed makes an interval that would press all others flat: seeds fit on the axis, bars may be cut.
    seeds = [seed["value"] for row in drawn for seed in row["seeds"] if seed["value"] is not None]
    plot = _plot(task, seeds, across, caption, label, log, tick=tick)
    _levels(plot, task, published=True)
    whole = [points[row["label"]] for row in drawn if row["state"] in (RANKED, OUTDONE)]
    if whole:
        _draw_front(plot, pareto_front([(x, value) for x, value, _ in whole], task["direction"]))
    for row in _best_last(drawn, colours):
        x, value, half = points[row["label"]]
        title = f"{row['label']}: {value:.4g} ± {half:.2g} at {tick(x)} {unit_name or words}"
        plot.point(row, colours.get(row["label"]), points[row["label"]], title)
    return Chart(f"{caption}; bars are 95 % intervals, the line is the Pareto front", plot.markup())


def _unit(name: str, largest: float) -> tuple[float, str, Callable[[float], str]]:
    """The unit of a chart's costs, its name, and how their ticks read."""
    if name == "parameters":
        return 1.0, "", number_format.format_count
    length, unit = number_format.time_unit(largest) if name == "seconds" else number_format.bytes_unit(largest)
    return length, unit, lambda value: f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def pareto_front(points: Iterable[tuple[float, float]], direction: str) -> list[tuple[float, float]]:
    """The points ``(cost, score)``, cheapest first, that are better than all that cost no more."""
    sign = 1 if direction == "max" else -1
    found: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -sign * point[1])):
        if not found or sign * value > sign * found[-1][1]:
            found.append((cost, value))
    return found


def _draw_front(plot: Plot, points: Sequence[tuple[float, float]]) -> None:
    """Steps from one point to the next: what can be had for so much."""
    corners: list[tuple[float, float]] = []
    for x, y in [(plot.x(cost), plot.y(value)) for cost, value in points]:
        corners += [(x, corners[-1][1]), (x, y)] if corners else [(x, y)]
    corners.append((float(WIDTH), corners[-1][1]))
    title = svg_tag("title", "Pareto front: no other is both better and cheaper")
    plot.marks.append(svg_tag("path", title, class_="front", d=svg_path(corners)))


def _plot(
    task: Mapping[str, Any],
    values: Sequence[float],
    across: Sequence[float],
    label: str,
    x_label: str,
    log: bool,
    pad: float = 0.06,
    tick: Callable[[float], str] = format_tick,
) -> Plot:
    """A chart whose axes fit the values, and the lines that lie near them; no tick is better than the best possible.

    Losses that differ by orders of magnitude get a logarithmic axis.
    """
    shown = _in_reach(values, task)
    low, high = min(shown), max(shown)
    lines = [line for line in (task["chance"], top_rows(task)) if line is not None and math.isfinite(line)]
    near = NEAR * (high - low)
    if high - low >= FLAT * (max(lines) - min(lines) if len(lines) > 1 else 0.0) and high > low:
        lines = [line for line in lines if low - near <= line <= high + near]
    steep = task["direction"] == "min" and low > 0 and high > 100 * low
    y = Axis.over([*shown, *lines], HEIGHT, 0.0, steep)
    if task["best"] is not None:
        y = replace(y, **{"most" if task["direction"] == "max" else "least": task["best"]})
    return Plot(Axis.over(across, 0.0, WIDTH, log, pad), y, label, x_label, tick)


def _in_reach(values: Sequence[float], task: Mapping[str, Any]) -> list[float]:
    """Without what is far worse than chance: a loss that blew up for a while would leave nothing else to be seen."""
    centre, sign = task["chance"], 1 if task["direction"] == "max" else -1
    if centre is None:
        centre = statistics.median(values)
    reach = max((sign * (value - centre) for value in values), default=0.0)
    reach = reach if reach > 0 else max(abs(centre), 1e-9)
    return [value for value in values if sign * (value - centre) >= -reach] or [centre, *values[:1]]


def _levels(plot: Plot, task: Mapping[str, Any], published: bool = False) -> None:
    """The lines of a task: chance, the best possible or its anchor, and published figures."""
    lines = [(task["chance"], "chance", "chance"), (task["best"], "best possible", "best")]
    lines.append((task["anchor"], "anchor", "best"))
    if published:
        lines += [(item["value"], f"published {item['architecture']}", "published") for item in task["published"]]
    for value, words, kind in lines:
        if value is not None and math.isfinite(value):
            plot.level(value, f"{words} {value:.4g}", kind)


def _best_last(rows: Rows, colours: Slots) -> Rows:
    """Grey rows first, then those of a colour, the best on top."""
    worst_first = list(reversed(rows))
    return sorted(worst_first, key=lambda row: row["label"] in colours)
