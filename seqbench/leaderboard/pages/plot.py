"""A chart in the making: two axes with their ticks, levels across, and one line or point for each row of a board."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from seqbench.leaderboard.pages import wording
from seqbench.leaderboard.pages.svg import (
    DASHES,
    Axis,
    Labels,
    format_coordinate,
    shortened,
    svg_marker,
    svg_path,
    svg_tag,
    svg_text,
)
from seqbench.utils.number_format import format_tick

LEFT, TOP, WIDTH, HEIGHT = 42, 8, 308, 186
"""Of the inner drawing, in pixels of a chart that is 360 wide: what a phone has."""
MOST_MARKED = 12
"""Points up to which each of a line is marked; beyond, the last alone."""


@dataclass
class Plot:
    """A chart in the making.

    Args:
        x: the axis across, on coordinates 0 to ``WIDTH``.
        y: the axis upwards, on coordinates ``HEIGHT`` to 0.
        label: what the chart shows, for those who hear it.
        x_label: what stands under the axis.
        x_tick: words for a tick.
    """

    x: Axis
    y: Axis
    label: str
    x_label: str
    x_tick: Callable[[float], str] = format_tick
    taken: Labels = field(default_factory=lambda: Labels(WIDTH, HEIGHT))
    marks: list[str] = field(default_factory=list)
    # Put where there is room when all marks are known.
    names: list[tuple[str, list[tuple[float, float, str]], str, bool]] = field(default_factory=list)

    def level(self, value: float, words: str, kind: str) -> None:
        """A line across the chart with its name; one outside is named at the edge behind which it lies."""
        ends = [(2.0, "start"), (WIDTH - 2.0, "end"), *((WIDTH * share, "middle") for share in (0.5, 0.25, 0.75))]
        must = kind != "published"
        if self.y.has(value):
            y = self.y(value)
            title = svg_tag("title", svg_text(words))
            self.marks.append(svg_tag("path", title, class_=f"level {kind}", d=f"M0 {format_coordinate(y)}H{WIDTH}"))
            choices = [(x, y + below, anchor) for x, anchor in ends for below in (-3.0, 10.0)]
            self.names.append((shortened(words, 40), choices, "line-label", must))
        elif must:
            y, arrow = (9.0, "↑") if value > self.y.high else (HEIGHT - 4.0, "↓")
            choices = [(x, y, anchor) for x, anchor in ends]
            self.names.append((f"{arrow} {words}", choices, "line-label", must))

    def series(self, row: Mapping[str, Any], slot: int | None, points: Sequence[tuple[float, ...]], title: str) -> None:
        """A row's line through ``(x, value, low, high)``, with the band between the last two where it has a colour."""
        on = [(self.x(x), self.y(value), self.y(low), self.y(high)) for x, value, low, high in points]
        parts: list[str] = [svg_tag("title", svg_text(title))]
        if slot is not None and any(low != high for _, _, low, high in on):
            edge = [(x, high) for x, _, _, high in on] + [(x, low) for x, _, low, _ in reversed(on)]
            parts.append(svg_tag("path", class_="band", d=svg_path(edge) + "Z"))
        if len(on) > 1:
            dash = None if slot is None else DASHES[slot]
            parts.append(svg_tag("path", class_="line", d=svg_path((x, y) for x, y, _, _ in on), stroke_dasharray=dash))
        marked = on if slot is not None and len(on) <= MOST_MARKED else on[-1:]
        parts += [svg_marker(x, y, slot) for x, y, _, _ in marked]
        self.marks.append(group(row["label"], slot, *parts))
        if slot is not None:
            self._take([(x, y) for x, y, _, _ in on])

    def _take(self, points: Sequence[tuple[float, float]]) -> None:
        """Keep the place of a line free of words, and of the lines between its points."""
        for (x, y), (to_x, to_y) in pairwise(points):
            parts = 1 + int(abs(to_x - x) / 10)
            for k in range(parts):
                self.taken.take(x + (to_x - x) * k / parts, y + (to_y - y) * k / parts, 3.0)
        self.taken.take(*points[-1])

    def point(self, row: Mapping[str, Any], slot: int | None, at: tuple[float, float, float], title: str) -> None:
        """A row's point at ``(x, value, half width)`` with a bar for its interval, and its name if it has a colour."""
        x, y = self.x(at[0]), self.y(at[1])
        bar = f"M{format_coordinate(x)} {format_coordinate(self.y(at[1] - at[2]))}V{format_coordinate(self.y(at[1] + at[2]))}"
        self.marks.append(
            group(row["label"], slot, svg_tag("path", class_="bar", d=bar), svg_marker(x, y, slot, title))
        )
        if slot is not None:
            near = [(x + 8, y + 3.5, "start"), (x - 8, y + 3.5, "end"), (x, y - 8, "middle"), (x, y + 15, "middle")]
            self.names.append((shortened(row["label"], 18), near, "label", False))
        self.taken.take(x, y, 5.0)

    def markup(self) -> Markup:
        """The drawing."""
        names = [name for name in (self.taken.put(*wanted) for wanted in self.names) if name]
        inner = svg_tag("svg", *self.marks, *names, class_="inner", x=LEFT, y=TOP, width=WIDTH, height=HEIGHT)
        label = wording.visible_line(self.label)
        size = f"0 0 {LEFT + WIDTH + 10} {TOP + HEIGHT + 36}"
        return svg_tag("svg", *self._frame(), inner, class_="chart", viewBox=size, role="img", aria_label=label)

    def _frame(self) -> list[str]:
        bottom, right = TOP + HEIGHT, LEFT + WIDTH
        parts: list[str] = []
        for value in self.y.ticks():
            y = TOP + self.y(value)
            parts.append(svg_tag("path", class_="grid", d=f"M{LEFT} {format_coordinate(y)}H{right}"))
            parts.append(tick(format_tick(value), LEFT - 5.0, y + 3.5, "end"))
        for value in self.x.ticks(5):
            x = LEFT + self.x(value)
            parts.append(svg_tag("path", class_="grid", d=f"M{format_coordinate(x)} {bottom}v4"))
            parts.append(tick(self.x_tick(value), x, bottom + 15.0))
        parts.append(svg_tag("path", class_="axis", d=f"M{LEFT} {bottom}H{right}"))
        parts.append(tick(self.x_label, LEFT + WIDTH / 2, bottom + 30.0))
        return parts


def group(label: str, slot: int | None, *inside: str) -> Markup:
    """What belongs to one row, in its colour, so that a filter finds it by its name."""
    return svg_tag(
        "g", *inside, class_="series" if slot is None else f"series s{slot}", data_key=wording.visible_line(label)
    )


def tick(words: str, x: float, y: float, anchor: str = "middle") -> Markup:
    """Words of an axis."""
    return svg_tag("text", svg_text(words), class_="tick", x=x, y=y, text_anchor=anchor)
