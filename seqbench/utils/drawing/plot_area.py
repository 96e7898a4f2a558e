"""A chart under construction: two axes with ticks, reference levels, and a line or a point for each row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from seqbench.utils.drawing.axis import Axis
from seqbench.utils.drawing.label_placement import Anchor, Labels, Place
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

LEFT, TOP, WIDTH, HEIGHT = 42, 8, 308, 186
"""Position and size of the inner drawing in pixels. The whole chart is 360 pixels wide, like a phone's screen."""
MOST_MARKERS = 12
"""A line with more points than this has a marker at its last point only."""


class Point(NamedTuple):
    """A point of a line: its position along the axis, the value there, and the lowest and highest seed.

    Args:
        x: the step, the length or the number of tried learning rates.
        value: the mean.
        low: the lowest seed.
        high: the highest seed.
    """

    x: float
    value: float
    low: float
    high: float


class _Name(NamedTuple):
    """A text that is placed after all marks are known; the fields are arguments of `Labels.place`."""

    text: str
    places: list[Place]
    class_: str
    required: bool


@dataclass
class Plot:
    """A chart under construction.

    Args:
        x: the horizontal axis, on coordinates 0 to ``WIDTH``.
        y: the vertical axis, on coordinates ``HEIGHT`` to 0.
        label: what the chart shows, for screen readers.
        x_label: the text under the horizontal axis.
        x_tick: formats the value of a tick of the horizontal axis.
    """

    x: Axis
    y: Axis
    label: str
    x_label: str
    x_tick: Callable[[float], str] = format_tick
    occupied: Labels = field(default_factory=lambda: Labels(WIDTH, HEIGHT))
    marks: list[str] = field(default_factory=list)
    names: list[_Name] = field(default_factory=list)

    def add_level(self, value: float, text: str, kind: str) -> None:
        """Add a named horizontal line; a value outside the axis is named at the edge beyond which it lies.

        Args:
            value: the score at which the line lies.
            text: its name.
            kind: its class: ``chance``, ``best`` or ``published``. A published level outside the axis is left out.
        """
        ends: list[tuple[float, Anchor]] = [(2.0, "start"), (WIDTH - 2.0, "end")]
        ends += [(WIDTH * share, "middle") for share in (0.5, 0.25, 0.75)]
        required = kind != "published"
        if self.y.contains(value):
            y = self.y(value)
            title = svg_tag("title", svg_text(text))
            self.marks.append(svg_tag("path", title, class_=f"level {kind}", d=horizontal_line(y, 0, WIDTH)))
            places: list[Place] = [(x, y + offset, anchor) for x, anchor in ends for offset in (-3.0, 10.0)]
            self.names.append(_Name(shorten(text, 40), places, "line-label", required))
        elif required:
            y, arrow = (9.0, "↑") if value > self.y.high else (HEIGHT - 4.0, "↓")
            self.names.append(_Name(f"{arrow} {text}", [(x, y, anchor) for x, anchor in ends], "line-label", required))

    def add_series(self, label: str, slot: int | None, points: Sequence[Point], title: str) -> None:
        """Add a row's line, with a band between its lowest and highest seeds where it has a colour.

        Args:
            label: the row's name.
            slot: number of its style; None for grey.
            points: the points from left to right, at least one.
            title: text that a browser shows while the pointer is over the line.
        """
        drawn = [Point(self.x(x), self.y(value), self.y(low), self.y(high)) for x, value, low, high in points]
        line = [(point.x, point.value) for point in drawn]
        parts: list[str] = [svg_tag("title", svg_text(title))]
        if slot is not None and any(point.low != point.high for point in drawn):
            edge = [(point.x, point.high) for point in drawn] + [(point.x, point.low) for point in reversed(drawn)]
            parts.append(svg_tag("path", class_="band", d=svg_path(edge) + "Z"))
        if len(drawn) > 1:
            dash = None if slot is None else DASHES[slot]
            parts.append(svg_tag("path", class_="line", d=svg_path(line), stroke_dasharray=dash))
        marked = line if slot is not None and len(line) <= MOST_MARKERS else line[-1:]
        parts += [svg_marker(x, y, slot) for x, y in marked]
        self.marks.append(series_group(label, slot, *parts))
        if slot is not None:
            self._occupy_line(line)

    def _occupy_line(self, points: Sequence[tuple[float, float]]) -> None:
        """Keep texts away from a line, including the segments between its points."""
        for (x, y), (next_x, next_y) in pairwise(points):
            parts = 1 + int(abs(next_x - x) / 10)
            for k in range(parts):
                self.occupied.occupy(x + (next_x - x) * k / parts, y + (next_y - y) * k / parts, 3.0)
        self.occupied.occupy(*points[-1])

    def add_point(self, label: str, slot: int | None, point: Point, title: str) -> None:
        """Add a row's point with an error bar, and its name where it has a colour.

        Args:
            label: the row's name.
            slot: number of its style; None for grey.
            point: the cost, the mean score, and the ends of the error bar.
            title: text that a browser shows while the pointer is over the point.
        """
        x, y = self.x(point.x), self.y(point.value)
        bar = svg_tag("path", class_="bar", d=vertical_line(x, self.y(point.low), self.y(point.high)))
        self.marks.append(series_group(label, slot, bar, svg_marker(x, y, slot, title)))
        if slot is not None:
            places: list[Place] = [(x + 8, y + 3.5, "start"), (x - 8, y + 3.5, "end")]
            places += [(x, y - 8, "middle"), (x, y + 15, "middle")]
            self.names.append(_Name(shorten(label, 18), places, "label", False))
        self.occupied.occupy(x, y, 5.0)

    def render(self) -> Markup:
        """Return the chart as SVG, with each name where it overlaps no mark."""
        names = [name for name in (self.occupied.place(*arguments) for arguments in self.names) if name]
        inner = svg_tag("svg", *self.marks, *names, class_="inner", x=LEFT, y=TOP, width=WIDTH, height=HEIGHT)
        label = visible_line(self.label)
        size = f"0 0 {LEFT + WIDTH + 10} {TOP + HEIGHT + 36}"
        return svg_tag("svg", *self._frame(), inner, class_="chart", viewBox=size, role="img", aria_label=label)

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
        return parts


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
