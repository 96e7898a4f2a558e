"""An axis of a chart: the map from values to coordinates, and its ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

TINY = 1e-280
"""Magnitudes below this one are treated as zero, because dividing them would underflow."""
MOST_RATIO = 1e30
"""The largest ratio between the ends of a logarithmic axis; smaller values lie below the axis."""


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
