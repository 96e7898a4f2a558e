"""Charts across tasks: performance profiles, intervals of estimates, and the groups of ranks in each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from markupsafe import Markup

from seqbench.leaderboard.board_data import OverallData
from seqbench.leaderboard.pages.charts import Chart
from seqbench.leaderboard.pages.series_style import Slots
from seqbench.leaderboard.stats.intervals import Estimate
from seqbench.leaderboard.stats.performance_profiles import Profile
from seqbench.leaderboard.task_data import RANKED, RowData, TaskData
from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.chart_parts import CHART_WIDTH, HEIGHT, WIDTH, Line, Point
from seqbench.utils.drawing.plot_area import Plot, axis_text, series_group
from seqbench.utils.drawing.svg import (
    format_coordinate,
    horizontal_line,
    shorten,
    svg_marker,
    svg_tag,
    svg_text,
    vertical_line,
)
from seqbench.utils.number_format import format_tick

LEFT, RIGHT, STEP, TOP = 118.0, 350.0, 20, 6.0
"""Ends of the horizontal axis, the height of a row, and the top of the first row, in pixels."""
MOST_BANDS = 3
"""Largest number of profiles with a band; more bands hide each other."""
DOT, GAP, NUMBER = 13.0, 12.0, 26.0
"""Width of a marker, of the gap between two groups, and of a number of rows, in pixels."""


def draw_overall_charts(tasks: Sequence[TaskData], overall: OverallData, slots: Slots) -> list[Chart]:
    """Draw the charts across tasks: the groups of each task, profiles, interquartile means and optimality gaps.

    There are no means and no gaps without an overall order.

    Args:
        tasks: the tasks.
        overall: the comparison across tasks.
        slots: slots of the rows that are best over the whole board.
    """
    charts = []
    if overall.thresholds:
        profiles = {row.label: row.profile for row in overall.rows}
        caption = "Performance profiles, with pointwise 95 % intervals of the first rows"
        charts.append(Chart(caption, draw_profiles(overall.thresholds, profiles, slots)))
    means = {row.label: Estimate(row.iqm, row.low, row.high) for row in overall.rows if row.iqm is not None}
    gaps = {row.label: row.gap for row in overall.rows if row.gap is not None}
    for caption, axis, estimates in (
        ("IQM and its 95 % interval", "interquartile mean of scores", means),
        ("Optimality gap and its 95 % interval", "mean distance of the runs from a score of 1", gaps),
    ):
        if estimates:
            charts.append(Chart(caption, draw_estimates(axis, estimates, slots)))
    if any(map(_ranked_rows, tasks)):
        caption = (
            "Rows of each task in groups of equal rank, the best at the left; +2: two rows without a colour or a place"
        )
        charts.insert(0, Chart(caption, draw_rank_groups(tasks, slots)))
    return charts


def draw_profiles(thresholds: Sequence[float], profiles: Mapping[str, Profile], slots: Slots) -> Markup:
    """Draw the share of runs whose score is above each threshold, a line for each row.

    Args:
        thresholds: the thresholds, increasing.
        profiles: the profile of each row by its label, best row first.
        slots: the slots of the rows; others are grey.
    """
    x = Axis(0.0, 1.0, 0.0, WIDTH)
    plot = Plot(x, Axis(0.0, 1.03, HEIGHT, 0.0, most=1.0), "Performance profiles", "score τ", y_label="runs above τ")
    lines = []
    for place, (label, profile) in reversed(list(enumerate(profiles.items()))):
        slot = slots.get(label)
        ends = (profile.low, profile.high) if profile.low and place < MOST_BANDS else (profile.share, profile.share)
        columns = zip(thresholds, profile.share, *ends, strict=True)
        points = [Point(*values) for values in columns]
        solved = f"{100 * points[-1].value:.0f} % of runs above {points[-1].x:g}"
        lines.append(Line(label, slot, points, f"{label}: {solved}"))
    lines.sort(key=lambda line: line.slot is not None)
    plot.add_lines(lines)
    return plot.render()


def draw_estimates(title: str, estimates: Mapping[str, Estimate], slots: Slots) -> Markup:
    """Draw numbers from 0 to 1 with their intervals, one row below the other.

    Args:
        title: the text below the axis.
        estimates: the number of each row by its label, in the order of the rows.
        slots: the slots of the rows; others are grey.
    """
    ends = [end for one in estimates.values() for end in (one.value, one.low, one.high) if end is not None]
    axis = Axis.over([0.0, 1.0, *ends], LEFT, RIGHT, pad=0.02)
    bottom = TOP + STEP * len(estimates)
    parts: list[str] = []
    for value in axis.ticks(5):
        parts.append(svg_tag("path", class_="grid", d=vertical_line(axis(value), 4.0, bottom)))
        parts.append(axis_text(format_tick(value), axis(value), bottom + 13))
    for number, (label, one) in enumerate(estimates.items()):
        parts += _estimate_row(label, one, TOP + STEP * (number + 0.5), axis, slots.get(label))
    parts.append(axis_text(title, (LEFT + RIGHT) / 2, bottom + 28))
    return _drawing(parts, bottom + 34, f"Forest plot: {title}")


def _estimate_row(label: str, one: Estimate, y: float, axis: Axis, slot: int | None) -> list[Markup]:
    """Return the name, the marker and the interval of one row.

    Args:
        label: name of the row.
        one: its number.
        y: coordinate of the middle of the row.
        axis: the horizontal axis.
        slot: slot of the row; None for a grey one.
    """
    title, bars = f"{label}: {one.value:.4g}", []
    if one.low is not None and one.high is not None:
        title += f", 95 % interval {one.low:.4g} to {one.high:.4g}"
        bars.append(svg_tag("path", class_="bar", d=horizontal_line(y, axis(one.low), axis(one.high))))
    marker = svg_marker(axis(one.value), y, slot, title)
    return [_row_name(label, y), series_group(label, slot, *bars, marker)]


def draw_rank_groups(tasks: Sequence[TaskData], slots: Slots) -> Markup:
    """Draw the rows of each task in the groups of equal rank, the first group at the left.

    Coloured rows have their marker; a number stands for the others of a group, and for the groups that have no room.
    Tasks without ranks are left out.

    Args:
        tasks: the tasks.
        slots: the slots of the rows, the same in every task.
    """
    ranked = [(task, rows) for task in tasks if (rows := _ranked_rows(task))]
    bottom = TOP + STEP * len(ranked)
    parts: list[str] = []
    for number, (task, rows) in enumerate(ranked):
        y = TOP + STEP * (number + 0.5)
        parts.append(_row_name(task.task, y))
        parts += _group_row(rows, y, slots)
    parts.append(axis_text("← first group", LEFT, bottom + 13, "start"))
    return _drawing(parts, bottom + 18, "Groups of equal rank in each task")


def _ranked_rows(task: TaskData) -> list[RowData]:
    rows = [row for row in task.rows if row.state == RANKED and row.rank is not None]
    return sorted(rows, key=lambda row: row.rank or 0)


def _group_row(rows: Sequence[RowData], y: float, slots: Slots) -> list[str]:
    """Return the markers of one task, with a line between its groups; groups without room are counted at the end.

    Args:
        rows: its rows by rank.
        y: coordinate of the middle of its row.
        slots: the slots of its rows.
    """
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.rank)]
    parts: list[str] = []
    x, left = LEFT, len(rows)
    for number, group in enumerate(groups):
        coloured = [row for row in group if row.label in slots]
        more = len(group) - len(coloured)
        end = x + DOT * len(coloured) + NUMBER * bool(more)
        if end > RIGHT - (NUMBER if number < len(groups) - 1 else 0.0):
            return [*parts, axis_text(f"…+{left}", x, y + 3.5, "start")]
        if number:
            parts.append(svg_tag("path", class_="axis", d=vertical_line(x - GAP / 2, y - 7, y + 7)))
        for place, row in enumerate(coloured):
            title = f"{row.label}: rank {row.rank}, {row.mean:.4g}"
            marker = svg_marker(x + DOT * (place + 0.5), y, slots[row.label], title)
            parts.append(series_group(row.label, slots[row.label], marker))
        if more:
            parts.append(axis_text(f"+{more}", end - NUMBER + 2, y + 3.5, "start"))
        x, left = end + GAP, left - len(group)
    return parts


def _row_name(label: str, y: float) -> Markup:
    name = svg_tag("title", svg_text(label)) + svg_text(shorten(label, 19))
    return svg_tag("text", name, class_="label", x=LEFT - 8, y=y + 3.5, text_anchor="end")


def _drawing(parts: Sequence[str], height: float, label: str) -> Markup:
    size = f"0 0 {CHART_WIDTH + 4} {format_coordinate(height)}"
    return svg_tag("svg", *parts, class_="chart", viewBox=size, role="img", aria_label=label)
