"""The mean of a few values with its 95 % interval, for finite numbers of any size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted
from seqbench.utils.plain_data import short_repr


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval, ``mean ± half_width``.

    Args:
        mean: mean of the values.
        half_width: half the width of the interval; None for a single value, 0.0 for equal values. Equal values show no
            spread, so 0.0 is no interval, and pages print none.
    """

    mean: float
    half_width: float | None


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval, which need not be symmetric.

    Args:
        value: the figure of the scores themselves.
        low: lower end of the interval; None if it is unknown.
        high: upper end of the interval; None if it is unknown.
    """

    value: float
    low: float | None
    high: float | None


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
    return Interval(mean, _t_quantile(len(known) - 1) / math.sqrt(len(known)) * deviation)


def sampled_mean_interval(values: Iterable[float], errors: Iterable[float], shared: float = 1.0) -> Interval:
    """Return the mean of scores with its 95 % interval over seeds and test samples.

    Every seed is scored on the same test samples. The part of their error that all seeds share does not become smaller
    with more seeds. The other part differs between seeds, so it is also a part of the variance over seeds, where it
    must not count twice. The variance of the mean is therefore ``s² / n + shared m - (1 - shared) m / (n - 1)``, and at
    least ``s² / n``, for the variance ``s²`` over ``n`` seeds and the mean squared error ``m`` over samples: the
    analysis of variance of a crossed design (Searle, Casella and McCulloch 1992, "Variance components", chapter 4).
    The degrees of freedom are those of Welch and Satterthwaite; the number of test samples counts as infinite.

    Args:
        values: score of each seed.
        errors: standard error of each score over the test samples.
        shared: variance of the samples' error of the mean over seeds, as a share of that of one seed; see
            ``shared_share``. If it is not known, 1 gives an interval that is wide enough.

    Raises:
        SeqbenchError: there is no value, a number is not finite, or there is not one error for each value.

    >>> round(sampled_mean_interval([0.5, 0.5, 0.5], [0.01, 0.01, 0.01]).half_width or 0.0, 4)
    0.0196
    """
    known, sizes = check_finite(values), check_finite(errors)
    if len(known) != len(sizes):
        raise SeqbenchError(f"Expected a standard error for each of {counted(len(known), 'score')}, got {len(sizes)}.")
    mean, deviation = mean_and_deviation(known)
    if len(sizes) == 1:
        return Interval(mean, None)
    seeds = deviation**2 / len(known)
    samples = math.fsum(size**2 for size in sizes) / len(sizes)
    common = samples * max(shared - (1 - shared) / (len(known) - 1), 0.0)
    return Interval(mean, combined_half_width([(seeds, len(known) - 1), (common, math.inf)]))


def shared_share(groups: Sequence[Sequence[float]]) -> float:
    """Return the variance of the samples' error of the mean over seeds, as a share of the mean variance of one seed.

    It is 1 if the same samples move the scores of all seeds alike, and ``1 / seeds`` if their errors are independent.
    It is estimated from groups of samples (the method of random groups: Wolter 2007, "Introduction to variance
    estimation", chapter 2).

    Args:
        groups: how far each group of samples moves the score of each seed, ``(seeds, groups)``.

    Returns:
        The share; 1 where it is unknown, because a seed lacks its groups or no group moves a score.

    >>> shared_share([(0.1, -0.1), (0.1, -0.1)]), shared_share([(0.1, -0.1), (0.0, 0.0)])
    (1.0, 0.5)
    """
    sizes = {len(seed) for seed in groups}
    if len(groups) < 2 or len(sizes) != 1 or sizes <= {0, 1}:
        return 1.0
    units, _ = rescale(value for seed in groups for value in seed)
    count = sizes.pop()
    rows = [units[start : start + count] for start in range(0, len(units), count)]
    means = [math.fsum(column) / len(rows) for column in zip(*rows, strict=True)]
    single = math.fsum(mean_and_deviation(row)[1] ** 2 for row in rows) / len(rows)
    if single == 0:
        return 1.0
    return min(max(mean_and_deviation(means)[1] ** 2 / single, 1 / len(rows)), 1.0)


def combined_half_width(parts: Iterable[tuple[float, float]]) -> float | None:
    """Return half the width of the 95 % interval of a sum of independent estimates; None if no part has a variance.

    The degrees of freedom of the sum are those of Welch and Satterthwaite (1946).

    Args:
        parts: variance of each estimate, with its degrees of freedom, which may be infinite.

    >>> round(combined_half_width([(1.0, 2)]), 3)
    4.303
    """
    known = [(variance, freedom) for variance, freedom in parts if variance > 0]
    if not known:
        return None
    # Divided by the largest, so that no square is too large or zero.
    largest = max(variance for variance, _ in known)
    total = math.fsum(variance / largest for variance, _ in known)
    squares = math.fsum((variance / largest) ** 2 / freedom for variance, freedom in known)
    freedom = total**2 / squares if squares else math.inf
    return _t_quantile(freedom) * math.sqrt(total) * math.sqrt(largest)


def _t_quantile(freedom: float) -> float:
    """Return the 97.5 % quantile of Student's t distribution."""
    from scipy.special import stdtrit  # scipy.stats takes half a second to import.

    return float(stdtrit(min(freedom, 1e9), 0.975))


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
