"""A logarithmic axis of the distance to the best possible score, for scores that lie close to it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

ROOM = 0.08
"""Share of the axis between the smallest distance and its end, where scores without a distance lie."""
LEAST, MOST = 1e-12, 1e12
"""Smallest and largest distances that are told apart."""


@dataclass(frozen=True)
class DistanceAxis:
    """A map from scores onto coordinates, by the logarithm of their distance to the best possible score.

    .9, .99 and .999 are equally far apart if 1 is the best possible. The best possible score lies at ``end``, and so
    does a score that is closer to it than any score the axis was made for.

    Args:
        best: best possible score.
        sign: 1 if higher scores are better, -1 otherwise.
        nearest: smallest distance above 0.
        farthest: largest distance; it lies at ``start``.
        start: coordinate of the worst score.
        end: coordinate of the best possible score.
    """

    best: float
    sign: int
    nearest: float
    farthest: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Iterable[float], best: float, direction: str, start: float, end: float) -> DistanceAxis:
        """Return an axis that covers all values that are worse than the best possible score.

        Args:
            values: the scores.
            best: best possible score.
            direction: ``max`` if higher scores are better, ``min`` otherwise.
            start: coordinate of the worst score.
            end: coordinate of the best possible score.
        """
        sign = 1 if direction == "max" else -1
        distances = [sign * (best - value) for value in values if math.isfinite(value)]
        known = [min(max(distance, LEAST), MOST) for distance in distances if distance > 0] or [1.0]
        return cls(best, sign, min(known) / 1.5, max(known) * 1.5, start, end)

    def __call__(self, value: float) -> float:
        """Return the coordinate of a score."""
        return self.start + self._share(value) * (self.end - self.start)

    def _share(self, value: float) -> float:
        distance = self.sign * (self.best - value)
        if not distance > self.nearest:
            return 1.0 if not distance > 0 else 1.0 - ROOM
        share = math.log(self.farthest / distance) / math.log(self.farthest / self.nearest)
        return max(share * (1 - ROOM), -9.0)

    def contains(self, value: float) -> bool:
        """Return whether a score lies between the ends of the axis."""
        return self._share(value) >= 0

    @property
    def low(self) -> float:
        """The smallest score on the axis."""
        return min(self.best, self.best - self.sign * self.farthest)

    @property
    def high(self) -> float:
        """The largest score on the axis."""
        return max(self.best, self.best - self.sign * self.farthest)

    def ticks(self, most: int = 6) -> list[float]:
        """Return scores at powers of ten from the best possible score, and that score, about ``most`` at the highest.

        >>> DistanceAxis(1.0, 1, 5e-4, 0.5, 186, 0).ticks()
        [0.9, 0.99, 0.999, 1.0]
        """
        first, last = math.floor(math.log10(self.farthest)), math.ceil(math.log10(self.nearest))
        stride = max(1, -(-(first - last + 1) // max(most - 1, 1)))
        powers = range(first, last - 1, -stride)
        return [*(round(self.best - self.sign * 10.0**power, 14) for power in powers), self.best]
