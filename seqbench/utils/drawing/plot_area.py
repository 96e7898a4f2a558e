"""A chart under construction: two axes with ticks, reference levels, and a line or a point for each row."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.chart_parts import (
    CHART_HEIGHT,
    CHART_WIDTH,
    GUTTER,
    HEIGHT,
    LEFT,
    TOP,
    WIDTH,
    Line,
    Point,
    ScoreAxis,
)
from seqbench.utils.drawing.end_labels import SPACING, EndLabel, stack
from seqbench.utils.drawing.label_placement import NEAR, Anchor, Labels, places_around
from seqbench.utils.drawing.svg import (
    DASHES,
    horizontal_line,
    shorten,
    svg_marker,
    svg_path,
    svg_tag,
    svg_text,
    vertical_line,
)
from seqbench.utils.number_format import format_tick
from seqbench.utils.visible_text import visible_line

MOST_MARKERS = 12
"""A line with more points than this has a marker at its last point only."""
MOST_NAMES = 16
"""Largest number of names at the right edge; more have no room."""
SAME = 1.5
"""Lines whose points are at most so many pixels apart coincide."""
DASH = 7
"""Length of the dashes by which lines that coincide alternate (pixels)."""
ARROW = 3.5
"""Size of the arrow at the end of a bar that the frame cuts off (pixels)."""


class _Name(NamedTuple):
    """A name that is placed after all marks are known.

    Args:
        text: the name.
        x: coordinate of its point.
        y: coordinate of its point.
        slot: number of the style of its series.
        key: label of its series.
    """

    text: str
    x: float
    y: float
    slot: int
    key: str


@dataclass
class Plot:
    """A chart under construction.

    Args:
        x: the horizontal axis, on coordinates 0 to ``WIDTH``.
        y: the vertical axis, on coordinates ``HEIGHT`` to 0.
        label: what the chart shows, for screen readers.
        x_label: the text under the horizontal axis.
        x_tick: formats the value of a tick of the horizontal axis.
        y_label: the text above the vertical axis.
    """

    x: Axis
    y: ScoreAxis
    label: str
    x_label: str
    x_tick: Callable[[float], str] = format_tick
    y_label: str = ""
    occupied: Labels = field(default_factory=lambda: Labels(WIDTH + GUTTER, HEIGHT))
    marks: list[str] = field(default_factory=list)
    ends: list[EndLabel] = field(default_factory=list)
    names: list[_Name] = field(default_factory=list)

    def add_level(self, value: float, text: str, kind: str, short: str = "") -> None:
        """Add a horizontal line with a name at its right; a value outside the axis has an arrow there and no line.

        Args:
            value: the score at which the line lies.
            text: its name.
            kind: its class: ``chance``, ``best`` or ``published``. A published level outside the axis is left out.
            short: a shorter name for the right edge; the text by default.
        """
        name = shorten(short or text, 16)
        if self.y.contains(value):
            y = self.y(value)
            title = svg_tag("title", svg_text(text))
            self.marks.append(svg_tag("path", title, class_=f"level {kind}", d=horizontal_line(y, 0, WIDTH)))
            self.occupied.occupy_line((0.0, y), (float(WIDTH), y), 1.0)
            self.ends.append(EndLabel(name, float(WIDTH), y, "line-label"))
        elif kind != "published":
            y, arrow = (0.0, "↑") if value > self.y.high else (float(HEIGHT), "↓")
            self.ends.append(EndLabel(f"{arrow} {name}", float(WIDTH), y, "line-label", joined=False))

    def add_lines(self, lines: Sequence[Line]) -> list[list[str]]:
        """Add the lines of rows, the last one on top; lines that coincide alternate along their length.

        Returns:
            The labels of the coloured lines that coincide, in groups.
        """
        drawn = [
            [Point(self.x(x), self.y(value), self.y(low), self.y(high)) for x, value, low, high in line.points]
            for line in lines
        ]
        groups: list[list[int]] = []
        for number, line in enumerate(lines):
            if line.slot is None:
                continue
            same = next((group for group in groups if _coincide(drawn[group[0]], drawn[number])), None)
            if same is None:
                groups.append(same := [])
            same.append(number)
        places = {number: (place, len(group)) for group in groups for place, number in enumerate(group)}
        for number, line in enumerate(lines):
            self._add_line(line, drawn[number], *places.get(number, (0, 1)))
        return [[lines[number].label for number in reversed(group)] for group in groups if len(group) > 1]

    def _add_line(self, line: Line, drawn: Sequence[Point], place: int, together: int) -> None:
        """Add one line, with a band between its lowest and highest seeds where it has a colour.

        Args:
            line: the line.
            drawn: its points as coordinates.
            place: its place among the lines that coincide with it.
            together: their number.
        """
        path = [(point.x, point.value) for point in drawn]
        parts: list[str] = [svg_tag("title", svg_text(line.title))]
        if line.slot is not None and any(point.low != point.high for point in drawn):
            edge = [(point.x, point.high) for point in drawn] + [(point.x, point.low) for point in reversed(drawn)]
            parts.append(svg_tag("path", class_="band", d=svg_path(edge) + "Z"))
        if len(drawn) > 1:
            dash, offset = (None if line.slot is None else DASHES[line.slot]), None
            if together > 1:
                dash, offset = f"{DASH} {DASH * (together - 1)}", -DASH * place
            parts.append(
                svg_tag(
                    "path", class_="line", d=svg_path(path), stroke_dasharray=dash, stroke_dashoffset=offset or None
                )
            )
        marked = path if line.slot is not None and len(path) <= MOST_MARKERS else path[-1:]
        parts += [svg_marker(x, y, line.slot) for x, y in marked]
        self.marks.append(series_group(line.label, line.slot, *parts))
        if line.slot is not None and line.named:
            x, y = path[-1]
            self.ends.append(EndLabel(shorten(line.label, 13), x, y, "label", line.slot, line.label))

    def add_step(self, corners: Sequence[tuple[float, float]], title: str) -> None:
        """Add a step of the Pareto front.

        Args:
            corners: its corners as coordinates.
            title: text that a browser shows while the pointer is over it.
        """
        self.marks.append(svg_tag("path", svg_tag("title", svg_text(title)), class_="front", d=svg_path(corners)))
        for start, end in pairwise(corners):
            self.occupied.occupy_line(start, end, 1.0)

    def add_point(
        self, label: str, slot: int | None, point: Point, title: str, across: tuple[float, float] | None = None
    ) -> None:
        """Add a row's point with error bars, and its name where it has a colour.

        A bar that leaves the frame ends there with an arrow. A point outside the frame stands at its edge.

        Args:
            label: the row's name.
            slot: number of its style; None for grey.
            point: the cost, the mean score, and the ends of the error bar.
            title: text that a browser shows while the pointer is over the point.
            across: lowest and highest cost; None without a horizontal bar.
        """
        x, y = self.x(point.x), min(max(self.y(point.value), 0.0), float(HEIGHT))
        low, high = self.y(point.low), self.y(point.high)
        bars = [svg_tag("path", class_="bar", d=_vertical_bar(x, low, high))]
        self.occupied.occupy_line((x, min(max(low, 0.0), HEIGHT)), (x, min(max(high, 0.0), HEIGHT)), 2.0)
        if across is not None:
            left, right = self.x(across[0]), self.x(across[1])
            bars.append(svg_tag("path", class_="bar", d=horizontal_line(y, left, right)))
            self.occupied.occupy_line((left, y), (right, y), 2.0)
        self.marks.append(series_group(label, slot, *bars, svg_marker(x, y, slot, title)))
        if slot is not None:
            self.names.append(_Name(shorten(label, 18), x, y, slot, label))
        self.occupied.occupy(x, y, 5.0)

    def render(self) -> Markup:
        """Return the chart as SVG, with each name where it overlaps no line, mark or other name."""
        inner = svg_tag("svg", *self.marks, class_="inner", x=LEFT, y=TOP, width=WIDTH, height=HEIGHT)
        ends = self._end_labels()
        names = [self._point_name(name) for name in reversed(self.names)]
        outer = svg_tag("g", *ends, *filter(None, names), transform=f"translate({LEFT} {TOP})")
        size = f"0 0 {CHART_WIDTH} {CHART_HEIGHT}"
        label = visible_line(self.label)
        return svg_tag("svg", *self._frame(), inner, outer, class_="chart", viewBox=size, role="img", aria_label=label)

    def _end_labels(self) -> list[str]:
        """Return the names at the right edge; where there are too many, those of published levels go first."""
        # Lines are added worst first; of names at one height, the best is on top.
        best_first = list(reversed(self.ends))
        wanted = sorted(best_first, key=lambda end: end.slot is None)[:MOST_NAMES]
        wanted.sort(key=lambda end: (round(end.y), end.slot is not None))
        parts: list[str] = []
        for end, y in zip(wanted, stack([end.y for end in wanted], SPACING, 3.0, HEIGHT - 1.0), strict=True):
            corners = [(end.x, end.y), (WIDTH + 1.0, end.y), (WIDTH + 9.0, y)]
            leader = svg_tag("path", class_="leader", d=svg_path(corners)) if end.joined else Markup()
            text = svg_tag("text", svg_text(end.text), class_=end.kind, x=WIDTH + 11.0, y=y + 3.5)
            self.occupied.occupy_text(end.text, (WIDTH + 11.0, y + 3.5, "start"))
            parts.append(leader + text if end.slot is None else series_group(end.key, end.slot, leader, text))
        return parts

    def _point_name(self, name: _Name) -> str | None:
        """Return the name of a point beside it, or further away with a leader line; None where nothing is free."""
        place = self.occupied.find_place(name.text, places_around(name.x, name.y))
        if place is None:
            return None
        x, y, anchor = place
        self.occupied.occupy_text(name.text, place)
        parts = [svg_tag("text", svg_text(name.text), class_="label", x=x, y=y, text_anchor=anchor)]
        if math.hypot(x - name.x, y - 3.5 - name.y) > NEAR:
            parts.insert(0, svg_tag("path", class_="leader", d=svg_path([(name.x, name.y), (x, y - 3.5)])))
        return series_group(name.key, name.slot, *parts)

    def _frame(self) -> list[str]:
        bottom, right = TOP + HEIGHT, LEFT + WIDTH
        parts: list[str] = []
        for value in self.y.ticks():
            y = TOP + self.y(value)
            parts.append(svg_tag("path", class_="grid", d=horizontal_line(y, LEFT, right)))
            parts.append(axis_text(format_tick(value), LEFT - 5.0, y + 3.5, "end"))
        for value in self.x.ticks(5):
            x = LEFT + self.x(value)
            parts.append(svg_tag("path", class_="grid", d=f"{svg_path([(x, bottom)])}v4"))
            parts.append(axis_text(self.x_tick(value), x, bottom + 15.0))
        parts.append(svg_tag("path", class_="axis", d=horizontal_line(bottom, LEFT, right)))
        parts.append(axis_text(self.x_label, LEFT + WIDTH / 2, bottom + 30.0))
        if self.y_label:
            parts.append(axis_text(self.y_label, 0.0, 8.0, "start"))
        return parts


def _coincide(a: Sequence[Point], b: Sequence[Point]) -> bool:
    """Return whether two lines lie on each other, given their points as coordinates."""
    return len(a) == len(b) and all(
        abs(one.x - other.x) <= SAME and abs(one.value - other.value) <= SAME for one, other in zip(a, b, strict=True)
    )


def _vertical_bar(x: float, low: float, high: float) -> str:
    """Return the path of an error bar between two coordinates, with an arrow where the frame cuts it off."""
    ends = [min(max(end, 0.0), float(HEIGHT)) for end in (low, high)]
    path = vertical_line(x, *ends)
    for end, shown in zip((low, high), ends, strict=True):
        if end != shown:
            back = shown + (ARROW if end < shown else -ARROW)
            path += svg_path([(x - ARROW, back), (x, shown), (x + ARROW, back)])
    return path


def series_group(label: str, slot: int | None, *inside: str) -> Markup:
    """Return the group of everything that is drawn for one row; the page's filter finds it by the row's name.

    Args:
        label: the row's name.
        slot: number of its style; None for grey.
        inside: its elements.
    """
    class_ = "series" if slot is None else f"series s{slot}"
    return svg_tag("g", *inside, class_=class_, data_key=visible_line(label))


def axis_text(text: str, x: float, y: float, anchor: Anchor = "middle") -> Markup:
    """Return a text that belongs to an axis.

    Args:
        text: the text to write.
        x: coordinate of its anchor.
        y: coordinate of its baseline.
        anchor: the end of the text that stands at ``x``.
    """
    return svg_tag("text", svg_text(text), class_="tick", x=x, y=y, text_anchor=anchor)
