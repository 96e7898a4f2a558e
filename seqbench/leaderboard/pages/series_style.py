"""Who has which colour and shape on a page, and the small drawings beside its tables: strips, swatches, the forest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from seqbench.leaderboard.pages.plot import group, tick
from seqbench.leaderboard.pages.svg import (
    DASHES,
    MARKERS,
    Axis,
    format_coordinate,
    shortened,
    svg_marker,
    svg_tag,
    svg_text,
)
from seqbench.utils.number_format import format_tick

Slots = Mapping[str, int]


def assign_slots(document: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Which colour each row has in each task: everywhere the same for the board's first ten, as far as they stand out.

    Returns:
        By task and label a number below ``len(MARKERS)``, best first; rows without one are grey.
    """
    order = [row["label"] for row in (document["overall"] or {"rows": []})["rows"]]
    best: dict[str, int] = {}
    for task in document["tasks"]:
        for number, row in enumerate(rows_with_scores(task)):
            best[row["label"]] = min(best.get(row["label"], number), number)
    order += sorted(best.keys() - set(order), key=lambda label: (best[label], label))
    fixed = {label: slot for slot, label in enumerate(order[: len(MARKERS)])}
    return {
        task["task"]: _of_task(fixed, [row["label"] for row in rows_with_scores(task)]) for task in document["tasks"]
    }


def _of_task(fixed: Slots, labels: Sequence[str]) -> dict[str, int]:
    best = labels[: len(MARKERS)]
    free = iter(sorted(set(range(len(MARKERS))) - {fixed[label] for label in best if label in fixed}))
    return {label: fixed[label] if label in fixed else next(free) for label in best}


def rows_with_scores(task: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The rows of a task that have a score."""
    return [row for row in task["rows"] if row.get("mean") is not None]


def top_rows(task: Mapping[str, Any]) -> float | None:
    """What counts as 1 in a task: the best possible, or its anchor."""
    return task["anchor"] if task["best"] is None else task["best"]


def draw_legend(colours: Slots) -> list[tuple[str, Markup]]:
    """The rows that have a colour, each with its line and mark."""
    return [(label, _swatch(slot)) for label, slot in colours.items()]


def _swatch(slot: int) -> Markup:
    line = svg_tag("path", class_="line", d="M0 6H26", stroke_dasharray=DASHES[slot])
    drawn = svg_tag("g", line, svg_marker(13.0, 6.0, slot), class_=f"series s{slot}")
    return svg_tag("svg", drawn, class_="swatch", viewBox="0 0 26 12", aria_hidden="true")


def strip_axis(task: Mapping[str, Any]) -> Axis | None:
    """The axis that the strips of a task share: from chance to the best possible, as far as any seed reaches."""
    values = [seed["value"] for row in rows_with_scores(task) for seed in row["seeds"] if seed["value"] is not None]
    if not values:
        return None
    known = [line for line in (task["chance"], top_rows(task)) if line is not None]
    ends = (3.0, 117.0) if task["direction"] == "max" else (117.0, 3.0)
    return Axis.over([*values, *known], *ends, pad=0.0)


def draw_strip(task: Mapping[str, Any], row: Mapping[str, Any], axis: Axis, slot: int | None) -> Markup:
    """A row's seeds and the interval of their mean, for a cell of its table; better is further right."""
    lines = "".join(
        f"M{format_coordinate(axis(line))} 1V15" for line in (task["chance"], top_rows(task)) if line is not None
    )
    half = row["half_width"] or 0.0
    low, high = sorted(min(max(axis(row["mean"] + side * half), 0.0), 120.0) for side in (-1, 1))
    seeds = "".join(
        f"M{format_coordinate(axis(seed['value']))} 4V12" for seed in row["seeds"] if seed["value"] is not None
    )
    drawn = svg_tag(
        "g",
        svg_tag("path", class_="bar", d=f"M{format_coordinate(low)} 8H{format_coordinate(high)}"),
        svg_tag("path", class_="seeds", d=seeds),
        svg_tag("circle", class_="mark", cx=axis(row["mean"]), cy=8.0, r=2.6),
        class_="series" if slot is None else f"series s{slot}",
    )
    grid = svg_tag("path", class_="grid", d=lines or None)
    return svg_tag("svg", grid, drawn, class_="strip", viewBox="0 0 120 16", aria_hidden="true")


def draw_forest(overall: Mapping[str, Any], colours: Slots) -> Markup:
    """Interquartile means and their intervals, one row beneath the other."""
    rows, left, right, step = overall["rows"], 118.0, 350.0, 20
    ends = [row[key] for row in rows for key in ("iqm", "low", "high") if row[key] is not None]
    axis, bottom = Axis.over([0.0, 1.0, *ends], left, right, pad=0.02), 6.0 + step * len(rows)
    parts: list[str] = []
    for value in axis.ticks(5):
        parts.append(
            svg_tag("path", class_="grid", d=f"M{format_coordinate(axis(value))} 4V{format_coordinate(bottom)}")
        )
        parts.append(tick(format_tick(value), axis(value), bottom + 13))
    for number, row in enumerate(rows):
        y, slot, inside = 6 + step * (number + 0.5), colours.get(row["label"]), []
        title = f"{row['label']}: {row['iqm']:.4g}"
        if row["low"] is not None:
            title += f", 95 % interval {row['low']:.4g} to {row['high']:.4g}"
            inside.append(
                svg_tag(
                    "path",
                    class_="bar",
                    d=f"M{format_coordinate(axis(row['low']))} {format_coordinate(y)}H{format_coordinate(axis(row['high']))}",
                )
            )
        name = svg_tag("title", svg_text(row["label"])) + svg_text(shortened(row["label"], 19))
        parts.append(svg_tag("text", name, class_="label", x=left - 8, y=y + 3.5, text_anchor="end"))
        parts.append(group(row["label"], slot, *inside, svg_marker(axis(row["iqm"]), y, slot, title)))
    what = "interquartile mean of scores"
    parts.append(tick(what, (left + right) / 2, bottom + 28))
    size = f"0 0 360 {format_coordinate(bottom + 34)}"
    return svg_tag("svg", *parts, class_="chart", viewBox=size, role="img", aria_label=f"Forest plot: {what}")
