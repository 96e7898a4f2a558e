"""Drawings as SVG text: axes with round ticks, lines, bands, points and labels that keep out of each other's way.

Colours are classes of the page's style sheet, so that they follow light and dark mode; nothing here is inline style.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from seqbench.leaderboard.pages import wording

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
"""Shapes around the origin, one for each colour: they tell series apart without it."""
DASHES = ("", "6 2", "2 2", "8 2 2 2", "4 4", "1 2", "10 3", "6 2 1 2 1 2", "3 1", "12 2 3 2")

TINY = 1e-280
"""What is smaller is nought: a share of it would be none."""
# Of a logarithmic axis; what is smaller than so small a part of the largest value lies below it.
MOST_DECADES = 1e30

Box = tuple[float, float, float, float]

# Estimates: a page's fonts are its reader's.
LETTER, LINE = 6.0, 10.0


def svg_tag(name: str, *inside: str, **attributes: object) -> Markup:
    """An element; ``class_`` and ``stroke_width`` stand for the names with which Python has trouble.

    Values of attributes are escaped; what is inside must be markup, or ``text``.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{format_coordinate(value) if isinstance(value, float) else escape(value)}"'
        for key, value in attributes.items()
        if value is not None and value != ""
    )
    return Markup(f"<{name}{said}>{''.join(inside)}</{name}>" if inside else f"<{name}{said}/>")


def svg_text(words: str) -> Markup:
    """Any words as what stands between tags."""
    return escape(wording.visible_line(words))


def format_coordinate(value: float) -> str:
    """A coordinate with one decimal at most."""
    written = f"{value:.1f}"
    return written[:-2] if written.endswith(".0") else written


def shortened(words: str, letters: int) -> str:
    """Words cut to so many letters, the last of them an ellipsis."""
    return words if len(words) <= letters else words[: letters - 1].rstrip() + "…"


@dataclass(frozen=True)
class Axis:
    """Values ``low`` to ``high``, linear or logarithmic, on coordinates ``start`` to ``end``.

    Args:
        low: the smallest value.
        high: the largest.
        start: the coordinate of ``low``.
        end: the coordinate of ``high``.
        log: whether equal distances are equal factors.
        whole: whether there is nothing between whole numbers.
        least: the smallest value that there can be; no tick lies below it.
        most: the largest.
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
        """The axis that shows all values that it can, with a share of itself free at either end."""
        known = [value for value in values if math.isfinite(value) and (value > TINY or not log)] or [1.0]
        low, high = min(known), max(known)
        if log:
            low = max(low, high / MOST_DECADES)
            spread = max(math.log10(high / low), 0.1)
            return cls(low / 10 ** (pad * spread), high * 10 ** (pad * spread), start, end, True)
        spread = high - low
        if spread <= max(1e-9 * max(abs(low), abs(high)), TINY):
            spread = abs(high) * 0.1 if abs(high) > 1e9 * TINY else 1.0
            low, high = low - spread / 2, high + spread / 2
        return cls(low - pad * spread, high + pad * spread, start, end)

    def __call__(self, value: float) -> float:
        """The coordinate of a value; one far outside stays within what any reader of SVG can take."""
        share = -9.0
        if not self.log:
            share = (value - self.low) / (self.high - self.low)
        elif value > 0:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + min(max(share, -9.0), 10.0) * (self.end - self.start)

    def has(self, value: float) -> bool:
        """Whether a value lies on the axis."""
        return self.low <= value <= self.high

    def ticks(self, most: int = 6) -> list[float]:
        """Round values on the axis, at most so many."""
        found = _log_ticks(self.low, self.high, most) if self.log else _linear_ticks(self.low, self.high, most)
        slack = 1e-9 * (self.high - self.low)
        found = [value for value in found if self.least - slack <= value <= self.most + slack]
        return [value for value in found if value == int(value)] if self.whole else found


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
        found = [f * 10.0**k for k in powers for f in factors if low * (1 - 1e-9) <= f * 10.0**k <= high * (1 + 1e-9)]
        if 2 <= len(found) <= most:
            return found
    if last > first:
        stride = -(-(last - first + 1) // most)
        return [10.0**k for k in range(first, last + 1, stride)]
    return _linear_ticks(low, high, most)


@dataclass
class Labels:
    """What is taken of a drawing, so that words are put where nothing else stands."""

    width: float
    height: float
    boxes: list[Box] = field(default_factory=list)

    def take(self, x: float, y: float, half: float = 4.0) -> None:
        """Keep the place of a mark free of words."""
        self.boxes.append((x - half, y - half, x + half, y + half))

    def put(
        self, words: str, choices: Sequence[tuple[float, float, str]], class_: str, must: bool = False
    ) -> Markup | None:
        """The words at the first free place of ``(x, y, anchor)``.

        Args:
            words: what to write.
            choices: places, the best first.
            class_: of the text.
            must: whether they stand at the first place where none is free; else they are left out.
        """
        free = next((choice for choice in choices if self._free(self._box(words, *choice))), None)
        chosen = choices[0] if free is None and must else free
        if chosen is None:
            return None
        self.boxes.append(self._box(words, *chosen))
        x, y, anchor = chosen
        return svg_tag("text", svg_text(words), class_=class_, x=x, y=y, text_anchor=anchor)

    def _box(self, words: str, x: float, y: float, anchor: str) -> Box:
        wide = len(words) * LETTER
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        return left, y - LINE + 2, left + wide, y + 2

    def _free(self, box: Box) -> bool:
        inside = box[0] >= 0 and box[1] >= 0 and box[2] <= self.width and box[3] <= self.height
        return inside and not any(_overlap(box, other) for other in self.boxes)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def svg_path(points: Iterable[tuple[float, float]]) -> str:
    """A line through points, as the ``d`` of a path."""
    return "M" + "L".join(f"{format_coordinate(x)} {format_coordinate(y)}" for x, y in points)


def svg_marker(x: float, y: float, slot: int | None, title: str = "") -> Markup:
    """A series' mark at a point: its shape, or a small dot for those that have none."""
    inside = (svg_tag("title", svg_text(title)),) if title else ()
    if slot is None:
        return svg_tag("circle", *inside, class_="mark", cx=x, cy=y, r=2.0)
    return svg_tag(
        "path",
        *inside,
        class_="mark",
        d=MARKERS[slot],
        transform=f"translate({format_coordinate(x)} {format_coordinate(y)})",
    )
