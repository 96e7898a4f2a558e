"""The mean of a few seeds and how sure it is, for finite numbers of any size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr


@dataclass(frozen=True)
class Interval:
    """The mean of some values, and half the width of its 95 % interval.

    Args:
        mean: of the values.
        half_width: None for fewer than two values, which say nothing about spread; 0.0 for identical ones.
    """

    mean: float
    half_width: float | None


def mean_interval(values: Iterable[float]) -> Interval:
    """The mean of ``values`` with its 95 % interval by Student's t.

    The half-width is infinite where it is larger than any float.

    Raises:
        SeqbenchError: there is no value, or one is no finite number.
    """
    known = list(values)
    mean, deviation = mean_and_deviation(known)
    if len(known) < 2:
        return Interval(mean, None)
    from scipy.special import stdtrit  # Not scipy.stats, which takes half a second to import.

    return Interval(mean, float(stdtrit(len(known) - 1, 0.975)) / math.sqrt(len(known)) * deviation)


def mean_and_deviation(values: Iterable[float]) -> tuple[float, float]:
    """The mean of ``values`` and their standard deviation (of the sample: n - 1; 0.0 for one value).

    Both are the same for any order of the values, and exact for identical ones: the mean is the value, the deviation 0.

    Raises:
        SeqbenchError: there is no value, or one is no finite number.
    """
    units, exponent = rescale(values)
    low, high = min(units), max(units)
    # Rounding must not carry the mean of identical values away from them; nor must it give them a deviation.
    mean = min(max(math.fsum(units) / len(units), low), high)
    above = [value - low for value in units]
    centre = math.fsum(above) / len(above)
    squares = math.fsum((value - centre) ** 2 for value in above)
    deviation = math.sqrt(squares / max(len(units) - 1, 1))
    return _times_power(mean, exponent), _times_power(deviation, exponent)


def rescale(values: Iterable[float]) -> tuple[list[float], int]:
    """``values`` divided by a power of two, so that the largest of them is between 1/2 and 1; and its exponent.

    Sums and squares of what is returned are finite. Exact, but for values 1e300 times smaller than the largest.

    Raises:
        SeqbenchError: there is no value, or one is no finite number.
    """
    known = check_finite(values)
    exponent = math.frexp(max(map(abs, known)))[1]
    return [math.ldexp(value, -exponent) for value in known], exponent


def check_finite(values: Iterable[float]) -> list[float]:
    """``values`` as a list of finite numbers, at least one.

    Raises:
        SeqbenchError: there is no value, or one is no finite number.
    """
    known = [_number(value) for value in values]
    if not known:
        raise SeqbenchError("Expected at least one score, got none. Leave out what has no runs.")
    return known


def _number(value: float) -> float:
    try:
        if math.isfinite(value):
            return float(value)
    except (OverflowError, TypeError):  # A whole number beyond every float, or none at all.
        pass
    raise SeqbenchError(
        f"Scores must be finite numbers, got {short_repr(value)}. Leave it out, or score the run at chance."
    )


def _times_power(value: float, exponent: int) -> float:
    try:
        return math.ldexp(value, exponent)
    except OverflowError:
        return math.inf
