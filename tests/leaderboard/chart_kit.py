"""Charts read back as XML, and checks of where their names and marks are."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from seqbench.leaderboard.pages import charts, series_style
from seqbench.leaderboard.task_data import RowData, TaskData
from seqbench.utils.drawing.chart_parts import GUTTER, HEIGHT, LEFT, TOP, WIDTH
from seqbench.utils.drawing.label_placement import Anchor, Box, text_box
from tests.leaderboard.kit import change_row, change_rows

SVG = "{http://www.w3.org/2000/svg}"
ANCHORS: dict[str, Anchor] = {"start": "start", "middle": "middle", "end": "end"}


def chart_as_xml(task: TaskData, text: str, slots: series_style.Slots | None = None) -> ElementTree.Element:
    """Return the chart whose caption contains a text; without slots each row has one."""
    slots = {row.label: k for k, row in enumerate(task.rows)} if slots is None else slots
    chart = next(chart for chart in charts.task_charts(task, slots) if text in chart.caption)
    return parse_drawing(str(chart.drawing))


def parse_drawing(drawing: str) -> ElementTree.Element:
    """Return a drawing as XML."""
    return ElementTree.fromstring(drawing.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1))


def texts(element: ElementTree.Element) -> str:
    """Return all texts of a drawing, between bars."""
    return f"| {' | '.join(element.itertext())} |"


def captions(task: TaskData) -> str:
    """Return the captions of a task's charts."""
    return " | ".join(chart.caption for chart in charts.task_charts(task, {}))


def marks(chart: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """Yield the groups of a chart's series, without those of their names."""
    for group in chart.iter(f"{SVG}g"):
        if any(child.get("class") == "mark" for child in group):
            yield group


def tick_labels(chart: ElementTree.Element) -> list[str]:
    """Return the texts of both axes."""
    return [tick.text or "" for tick in chart.iter(f"{SVG}text") if tick.get("class") == "tick"]


def vertical_ticks(chart: ElementTree.Element) -> list[float]:
    """Return the numbers on the vertical axis."""
    ticks = [tick for tick in chart.iter(f"{SVG}text") if tick.get("text-anchor") == "end"]
    return [float(tick.text or "") for tick in ticks if tick.get("class") == "tick"]


def with_equal_scores(task: TaskData, value: float) -> TaskData:
    """Return the task with one value for all seeds of all rows that have a score."""

    def change(row: RowData) -> RowData:
        if row.mean is None:
            return row
        seeds = [replace(seed, value=value) for seed in row.seeds]
        return replace(row, mean=value, half_width=0.0, seeds=seeds)

    return change_rows(task, change)


def with_one_other_seed(task: TaskData, value: float) -> TaskData:
    """Return the task with another value for the first seed of the first row."""
    row = task.rows[0]
    return change_row(task, row.label, seeds=[replace(row.seeds[0], value=value), *row.seeds[1:]])


def name_boxes(chart: ElementTree.Element) -> list[tuple[str, Box]]:
    """Return the names in a chart, with their rectangles."""
    boxes = []
    for name in chart.iter(f"{SVG}text"):
        if name.get("class") in ("label", "line-label"):
            place = float(name.get("x", "0")), float(name.get("y", "0")), ANCHORS[name.get("text-anchor", "start")]
            boxes.append((name.text or "", text_box(name.text or "", *place)))
    return boxes


def check_geometry(chart: ElementTree.Element) -> None:
    """Check that no names overlap, that all are inside the drawing, and that error bars are inside the frame."""
    boxes = name_boxes(chart)
    for (one, a), (other, b) in combinations(boxes, 2):
        # Coordinates have one decimal place.
        apart = a[0] >= b[2] - 0.2 or b[0] >= a[2] - 0.2 or a[1] >= b[3] - 0.2 or b[1] >= a[3] - 0.2
        assert apart, (one, other, a, b)
    for name, (left, top, _, bottom) in boxes:
        assert -TOP <= top < bottom <= HEIGHT + TOP, name
        assert -LEFT <= left < WIDTH + GUTTER, name
    for path in chart.iter(f"{SVG}path"):
        if path.get("class") == "bar":
            assert _lies_in_frame(path.get("d", "")), path.get("d")


def _lies_in_frame(path: str) -> bool:
    """Return whether a bar and its arrow lie in the inner drawing; an arrow is a few pixels wide."""
    number = r"(-?[\d.]+)"
    x = re.findall(rf"[MLH]{number}", path)
    y = [*re.findall(rf"[ML]-?[\d.]+ {number}", path), *re.findall(rf"V{number}", path)]
    return all(-4 <= float(value) <= WIDTH + 4 for value in x) and all(0 <= float(value) <= HEIGHT for value in y)
