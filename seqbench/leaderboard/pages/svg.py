"""SVG elements as text: axes with round ticks, paths, markers, and labels that do not overlap.

Colours are classes of the page's style sheet, so that drawings follow light and dark mode. No element has an inline
style, because the page's Content-Security-Policy forbids it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup, escape

from seqbench.leaderboard.pages import wording

Anchor = Literal["start", "middle", "end"]
"""The end of a text that stands at its coordinates."""

Place = tuple[float, float, Anchor]
"""Coordinates ``(x, y)`` of a text, and which end of it stands there."""

MARKERS = (
    "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z",
    "M-3.2 -3.2h6.4v6.4h-6.4z",
    "M0 -4.4L4.2 3.2H-4.2z",
    "M0 -4.6L4.6 0L0 4.6L-4.6 0z",
    "M0 4.4L4.2 -3.2H-4.2z",
    "M-1.3 -4.2h2.6v2.9h2.9v2.6h-2.9v2.9h-2.6v-2.9h-2.9v-2.6h2.9z",
    "M-4.4 0L3.2 -4.2V4.2z",
    "M0 -4.6L1.2 -1.5L4.4 -1.4L1.9 .6L2.7 3.7L0 1.9L-2.7 3.7L-1.9 .6L-4.4 -1.4L-1.2 -1.5z",
    "M4.4 0L-3.2 -4.2V4.2z",
    "M-2 -3.8h4l2 3.8l-2 3.8h-4l-2 -3.8z",
)
"""Marker shapes around the origin, one for each colour, so that series differ without colour as well."""
DASHES = ("", "6 2", "2 2", "8 2 2 2", "4 4", "1 2", "10 3", "6 2 1 2 1 2", "3 1", "12 2 3 2")
"""Dash patterns of lines, one for each colour."""

TINY = 1e-280
"""Magnitudes below this one are treated as zero, because dividing them would underflow."""
MOST_RATIO = 1e30
"""The largest ratio between the ends of a logarithmic axis; smaller values lie below the axis."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom of a rectangle."""

CHARACTER_WIDTH, LINE_HEIGHT = 6.0, 10.0
"""Estimated size of text in pixels: the reader's browser chooses the font."""


def svg_tag(name: str, *inside: str, **attributes: object) -> Markup:
    """Return an element with escaped attribute values.

    Args:
        name: name of the element.
        inside: its content, which must be markup or the result of `svg_text`.
        attributes: ``class_`` stands for ``class``, and underscores for hyphens; None and empty strings are left out.

    >>> str(svg_tag("path", class_="line", stroke_width=1.26, d="M0 0"))
    '<path class="line" stroke-width="1.3" d="M0 0"/>'
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_format_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None and value != ""
    )
    return Markup(f"<{name}{written}>{''.join(inside)}</{name}>" if inside else f"<{name}{written}/>")


def _format_attribute(value: object) -> str:
    return format_coordinate(value) if isinstance(value, float) else escape(value)


def svg_text(text: str) -> Markup:
    """Return a text escaped for use between tags.

    >>> str(svg_text("a < b"))
    'a &lt; b'
    """
    return escape(wording.visible_line(text))


def format_coordinate(value: float) -> str:
    """Return a coordinate with at most one decimal place.

    >>> format_coordinate(3.14), format_coordinate(3.0)
    ('3.1', '3')
    """
    written = f"{value:.1f}"
    return written[:-2] if written.endswith(".0") else written


def shorten(text: str, length: int) -> str:
    """Return a text cut to so many characters, the last of them an ellipsis.

    >>> shorten("transformer", 6)
    'trans…'
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


@dataclass(frozen=True)
class Axis:
    """A map from values ``low`` to ``high`` onto coordinates ``start`` to ``end``, linear or logarithmic.

    Args:
        low: the smallest value.
        high: the largest value.
        start: the coordinate of ``low``.
        end: the coordinate of ``high``.
        log: whether equal distances are equal ratios.
        whole: whether ticks must be integers.
        least: the smallest possible value; no tick lies below it.
        most: the largest possible value; no tick lies above it.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False
    whole: bool = False
    least: float = -math.inf
    most: float = math.inf

    @classmethod
    def over(cls, values: Iterable[float], start: float, end: float, log: bool = False, pad: float = 0.06) -> Axis:
        """Return an axis that covers all values it can show.

        Args:
            values: the values; those that are not finite, or not positive on a logarithmic axis, are ignored.
            start: the coordinate of the smallest value.
            end: the coordinate of the largest value.
            log: whether the axis is logarithmic.
            pad: the share of the axis that is added at either end.
        """
        known = [value for value in values if math.isfinite(value) and (value > TINY or not log)] or [1.0]
        low, high = min(known), max(known)
        if log:
            low = max(low, high / MOST_RATIO)
            spread = max(math.log10(high / low), 0.1)
            return cls(low / 10 ** (pad * spread), high * 10 ** (pad * spread), start, end, True)
        spread = high - low
        if spread <= max(1e-9 * max(abs(low), abs(high)), TINY):
            spread = abs(high) * 0.1 if abs(high) > 1e9 * TINY else 1.0
            low, high = low - spread / 2, high + spread / 2
        return cls(low - pad * spread, high + pad * spread, start, end)

    def __call__(self, value: float) -> float:
        """Return the coordinate of a value, limited to ten lengths of the axis, which every SVG reader can take."""
        share = -9.0
        if not self.log:
            share = (value - self.low) / (self.high - self.low)
        elif value > 0:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + min(max(share, -9.0), 10.0) * (self.end - self.start)

    def contains(self, value: float) -> bool:
        """Return whether a value lies between the ends of the axis."""
        return self.low <= value <= self.high

    def ticks(self, most: int = 6) -> list[float]:
        """Return round values on the axis, about ``most`` at the highest.

        >>> Axis(0.0, 1.0, 0, 100).ticks()
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        """
        ticks = _log_ticks(self.low, self.high, most) if self.log else _linear_ticks(self.low, self.high, most)
        slack = 1e-9 * (self.high - self.low)
        ticks = [value for value in ticks if self.least - slack <= value <= self.most + slack]
        return [value for value in ticks if value == int(value)] if self.whole else ticks


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 2.5, 5, 10, 20) if (high - low) / (power * factor) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12 - math.floor(math.log10(step))) for k in range(first, last + 1)][: most + 1]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    for factors in ((1, 2, 5), (1, 3), (1,)):
        powers = range(first - 1, last + 1)
        ticks = [f * 10.0**k for k in powers for f in factors if low * (1 - 1e-9) <= f * 10.0**k <= high * (1 + 1e-9)]
        if 2 <= len(ticks) <= most:
            return ticks
    if last > first:
        stride = -(-(last - first + 1) // most)
        return [10.0**k for k in range(first, last + 1, stride)]
    return _linear_ticks(low, high, most)


@dataclass
class Labels:
    """The occupied rectangles of a drawing, used to place texts where nothing else stands.

    Args:
        width: of the drawing, in pixels.
        height: of the drawing, in pixels.
        boxes: the occupied rectangles.
    """

    width: float
    height: float
    boxes: list[Box] = field(default_factory=list)

    def occupy(self, x: float, y: float, half: float = 4.0) -> None:
        """Keep a square around a point free of texts.

        Args:
            x: coordinate of its centre.
            y: coordinate of its centre.
            half: half of its side.
        """
        self.boxes.append((x - half, y - half, x + half, y + half))

    def place(self, text: str, places: Sequence[Place], class_: str, required: bool = False) -> Markup | None:
        """Return the text at the first place where it overlaps nothing; None where there is no such place.

        Args:
            text: what to write.
            places: the places to try, best first.
            class_: class of the element.
            required: whether the text is written at the first place if none is free.
        """
        free = next((place for place in places if self._is_free(_text_box(text, *place))), None)
        chosen = places[0] if free is None and required else free
        if chosen is None:
            return None
        self.boxes.append(_text_box(text, *chosen))
        x, y, anchor = chosen
        return svg_tag("text", svg_text(text), class_=class_, x=x, y=y, text_anchor=anchor)

    def _is_free(self, box: Box) -> bool:
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= self.width and box[3] <= self.height
        return inside and not any(_overlap(box, other) for other in self.boxes)


def _text_box(text: str, x: float, y: float, anchor: Anchor) -> Box:
    width = len(text) * CHARACTER_WIDTH
    left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
    return left, y - LINE_HEIGHT + 2, left + width, y + 2


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def svg_path(points: Iterable[tuple[float, float]]) -> str:
    """Return the ``d`` attribute of a path along points ``(x, y)``.

    >>> svg_path([(0.0, 1.0), (2.25, 3.0)])
    'M0 1L2.2 3'
    """
    return "M" + "L".join(f"{format_coordinate(x)} {format_coordinate(y)}" for x, y in points)


def vertical_line(x: float, top: float, bottom: float) -> str:
    """Return the ``d`` attribute of a vertical line.

    >>> vertical_line(2.0, 4.0, 12.0)
    'M2 4V12'
    """
    return f"M{format_coordinate(x)} {format_coordinate(top)}V{format_coordinate(bottom)}"


def horizontal_line(y: float, left: float, right: float) -> str:
    """Return the ``d`` attribute of a horizontal line.

    >>> horizontal_line(8.0, 2.0, 12.5)
    'M2 8H12.5'
    """
    return f"M{format_coordinate(left)} {format_coordinate(y)}H{format_coordinate(right)}"


def svg_marker(x: float, y: float, slot: int | None, title: str = "") -> Markup:
    """Return the marker of a series at a point.

    Args:
        x: coordinate of its centre.
        y: coordinate of its centre.
        slot: number of the series' style, which chooses the shape; None for a small dot.
        title: text that a browser shows while the pointer is over the marker.
    """
    inside = (svg_tag("title", svg_text(title)),) if title else ()
    if slot is None:
        return svg_tag("circle", *inside, class_="mark", cx=x, cy=y, r=2.0)
    move = f"translate({format_coordinate(x)} {format_coordinate(y)})"
    return svg_tag("path", *inside, class_="mark", d=MARKERS[slot], transform=move)
