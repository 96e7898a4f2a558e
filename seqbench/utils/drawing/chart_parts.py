"""The parts of a chart: its size, its vertical axis, the points of a line, and a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

LEFT, TOP, WIDTH, HEIGHT, GUTTER = 42, 16, 228, 186, 86
"""Position and size of the inner drawing, and the width of the names to its right, in pixels."""
CHART_WIDTH, CHART_HEIGHT = LEFT + WIDTH + GUTTER, TOP + HEIGHT + 36
"""Size of a whole chart in pixels; a phone's screen is about as wide."""


class ScoreAxis(Protocol):
    """The vertical axis of a chart: linear, logarithmic, or logarithmic in the distance to the best possible score."""

    @property
    def low(self) -> float:
        """The smallest score."""

    @property
    def high(self) -> float:
        """The largest score."""

    def __call__(self, value: float) -> float:
        """Return the coordinate of a score."""

    def contains(self, value: float) -> bool:
        """Return whether a score lies between the ends."""

    def ticks(self, most: int = 6) -> list[float]:
        """Return round scores on the axis."""


class Point(NamedTuple):
    """A point of a line: its position along the axis, the value there, and the lowest and highest seed.

    Args:
        x: the step, the length, the cost or the number of tried learning rates.
        value: the mean.
        low: the lowest seed, or the lower end of an interval.
        high: the highest seed, or the upper end of an interval.
    """

    x: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """The line of a row.

    Args:
        label: the row's name.
        slot: number of its style; None for grey.
        points: the points from left to right, at least one.
        title: text that a browser shows while the pointer is over the line.
        named: whether its name is written at its end if it has a colour.
    """

    label: str
    slot: int | None
    points: Sequence[Point]
    title: str
    named: bool = True
