"""The ladder of learning rates: the rates of a card's grid, continued by 1, 2 and 5 times powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence

DIGITS = (1, 2, 5)
"""First digits of the rates beyond a grid."""


def rate_above(rate: float) -> float:
    """Return the smallest rate of the form 1, 2 or 5 times a power of ten that is larger than a rate.

    >>> rate_above(0.01), rate_above(0.003)
    (0.02, 0.005)
    """
    return next(step for step in _steps_around(rate) if step > rate * (1 + 1e-9))


def rate_below(rate: float) -> float:
    """Return the largest rate of the form 1, 2 or 5 times a power of ten that is smaller than a rate.

    >>> rate_below(0.001), rate_below(0.003)
    (0.0005, 0.002)
    """
    return next(step for step in reversed(_steps_around(rate)) if step < rate * (1 - 1e-9))


def continued_ladder(grid: Sequence[float], steps: int) -> tuple[float, ...]:
    """Return the rates of a grid in rising order, with further rates on each side.

    Args:
        grid: the rates of the card.
        steps: number of further rates on each side.

    >>> continued_ladder([2e-3, 1e-3], 2)
    (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01)
    """
    ladder = sorted(set(grid))
    for _ in range(steps):
        ladder = [rate_below(ladder[0]), *ladder, rate_above(ladder[-1])]
    return tuple(ladder)


def _steps_around(rate: float) -> list[float]:
    power = math.floor(math.log10(rate))
    # A number is read from its text: 5 * 10**-4 is another float than 5e-4.
    return [float(f"{digit}e{power + shift}") for shift in (-1, 0, 1) for digit in DIGITS]
