"""The mean of a few values with its 95 % interval, for finite numbers of any size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval, ``mean ± half_width``.

    Args:
        mean: mean of the values.
        half_width: half the width of the interval; None for a single value, 0.0 for equal values.
    """

    mean: float
    half_width: float | None


def mean_interval(values: Iterable[float]) -> Interval:
    """Return the mean of values with its 95 % interval by Student's t distribution.

    The half width is infinite if it is larger than the largest float.

    Raises:
        SeqbenchError: there is no value, or one is not a finite number.

    >>> mean_interval([0.5, 0.5, 0.5])
    Interval(mean=0.5, half_width=0.0)
    """
    known = list(values)
    mean, deviation = mean_and_deviation(known)
    if len(known) < 2:
        return Interval(mean, None)
    from scipy.special import stdtrit  # scipy.stats takes half a second to import.

    return Interval(mean, float(stdtrit(len(known) - 1, 0.975)) / math.sqrt(len(known)) * deviation)


def mean_and_deviation(values: Iterable[float]) -> tuple[float, float]:
    """Return the mean of values and their standard deviation (with n - 1 degrees of freedom; 0.0 for one value).

    Neither depends on the order of the values. For equal values the mean is exactly that value, and the deviation 0.

    Raises:
        SeqbenchError: there is no value, or one is not a finite number.

    >>> mean_and_deviation([1.0, 3.0, 5.0])
    (3.0, 2.0)
    """
    units, exponent = rescale(values)
    low, high = min(units), max(units)
    # Rounding must neither move the mean of equal values nor give them a deviation.
    mean = min(max(math.fsum(units) / len(units), low), high)
    above = [value - low for value in units]
    centre = math.fsum(above) / len(above)
    squares = math.fsum((value - centre) ** 2 for value in above)
    deviation = math.sqrt(squares / max(len(units) - 1, 1))
    return _times_power(mean, exponent), _times_power(deviation, exponent)


def rescale(values: Iterable[float]) -> tuple[list[float], int]:
    """Return the values divided by a power of two, so that the largest size is between 1/2 and 1, and the exponent.

    Sums and squares of the returned values are finite. The division is exact, except for values that are 1e300 times
    smaller than the largest.

    Raises:
        SeqbenchError: there is no value, or one is not a finite number.

    >>> rescale([3.0, 1.0])
    ([0.75, 0.25], 2)
    """
    known = check_finite(values)
    exponent = math.frexp(max(map(abs, known)))[1]
    return [math.ldexp(value, -exponent) for value in known], exponent


def check_finite(values: Iterable[float]) -> list[float]:
    """Return the values as a list of at least one finite float.

    Raises:
        SeqbenchError: there is no value, or one is not a finite number.
    """
    known = [_number(value) for value in values]
    if not known:
        raise SeqbenchError("Expected at least one score, got none. Leave out rows without runs.")
    return known


def _number(value: float) -> float:
    try:
        if math.isfinite(value):
            return float(value)
    except (OverflowError, TypeError):  # An integer larger than any float, or no number.
        pass
    raise SeqbenchError(
        f"Scores must be finite numbers, got {short_repr(value)}. Leave the run out, or count it as chance."
    )


def _times_power(value: float, exponent: int) -> float:
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.inf
