"""Ranks of the architectures within one task; architectures that do not differ significantly share a rank.

    gru   1.00 1.00 1.00    rank 1
    lstm  1.00 1.00  .98    rank 1    (p = .7: no significant difference from gru)
    rnn    .50  .52  .49    rank 3    (p < .001: two are better)

A permutation test of three seeds against three can never reject, because its smallest p value is 2/20. Variances differ
widely: some architectures always solve a task, others sometimes. Therefore the largest Welch statistic over all pairs
is compared with its distribution under equal means, drawn from normal samples with the observed variances (parametric
bootstrap: Krishnamoorthy, Lu and Mathew, "A parametric bootstrap approach for ANOVA with unequal variances", 2007;
single-step maxT: Westfall and Young, "Resampling-based multiple testing", 1993). One maximum over all pairs corrects
for all comparisons at once.

Limit of the method: seeds with equal scores show no spread. Three seeds that all solved a task differ significantly
from three that all failed, even if each of them would solve it with probability one half.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqbench.leaderboard.stats.intervals import check_finite, mean_and_deviation, rescale
from seqbench.utils.errors import SeqbenchError

DRAWS = 10_000
"""Number of draws of the largest statistic, for up to 64 architectures."""
COMPARISONS = 20_000_000
"""Largest product of draws and pairs; more architectures have fewer draws, so that the time stays bounded."""
LEAST_DRAWS = 1_000
"""Smallest number of draws, however many architectures there are."""
ROUNDING = 1e-12
"""Relative difference below which two values are equal."""


def rank_samples(samples: Sequence[Sequence[float]], direction: str, alpha: float = 0.05) -> list[int | None]:
    """Return the rank of each architecture.

    The rank is 1 + the number of architectures that are significantly better, and never smaller than the rank of an
    architecture with a better mean.

    Args:
        samples: scores of each architecture, by seed.
        direction: ``max`` or ``min``: which scores are better.
        alpha: probability that any two architectures have different ranks if all of them are equally good.

    Returns:
        A rank for each sample; None for a sample of fewer than two scores.

    Raises:
        SeqbenchError: ``direction`` or ``alpha`` is not valid, or a score is not a finite number.

    >>> rank_samples([(1.0, 1.0, 1.0), (0.5, 0.52, 0.49), (0.3,)], "max")
    [1, 2, None]
    """
    if direction not in ("max", "min"):
        raise SeqbenchError(f"The direction of a ranking must be 'max' or 'min', got {direction!r}.")
    if not 0 < alpha < 1:
        raise SeqbenchError(f"The alpha of a ranking must be between 0 and 1 (.05 is usual), got {alpha}.")
    different = pairwise_p_values(samples) <= alpha  # False for nan.
    sign = 1 if direction == "max" else -1
    means = [sign * mean_and_deviation(sample)[0] if len(sample) else 0.0 for sample in samples]
    better = [
        1 + sum(bool(differs) and other > mean for differs, other in zip(row, means, strict=True))
        for mean, row in zip(means, different, strict=True)
    ]
    ranked = [index for index, sample in enumerate(samples) if len(sample) > 1]
    # An architecture whose scores vary widely differs significantly from none; it must not gain a rank by that.
    return [
        max(better[other] for other in ranked if means[other] >= means[index]) if index in ranked else None
        for index in range(len(samples))
    ]


def pairwise_p_values(samples: Sequence[Sequence[float]], draws: int | None = None) -> NDArray[np.float64]:
    """Return the p value of the difference of each pair, adjusted for all pairs.

    A permutation of the samples permutes the result; a permutation of seeds does not change it. Another scale or origin
    of the scores changes it by rounding errors only.

    Args:
        samples: scores of each architecture, by seed.
        draws: number of draws of the largest statistic; None: chosen by the number of architectures. The smallest
            possible p value is 1 / (1 + draws).

    Returns:
        Adjusted p values ``(architectures, architectures)``: symmetric, 1 on the diagonal, nan in the rows and columns
        of samples with fewer than two scores. Two samples without spread have the p value 1 if they are equal, and
        otherwise the smallest.

    Raises:
        SeqbenchError: a score is not a finite number.
    """
    p = np.full((len(samples), len(samples)), np.nan)
    tested = [place for place, sample in enumerate(samples) if len(sample) > 1]
    if not tested:
        return p
    counts = np.array([len(samples[place]) for place in tested])
    means, errors = _means_and_errors([samples[place] for place in tested])
    if draws is None:
        comparisons = max(len(tested) * (len(tested) - 1) // 2, 1)
        draws = min(DRAWS, max(LEAST_DRAWS, COMPARISONS // comparisons))
    statistics = _welch_statistics(means, errors)
    largest = np.sort(_largest_under_null(counts, errors, draws))
    reached = draws - np.searchsorted(largest, statistics, side="left")
    p[np.ix_(tested, tested)] = (1 + reached) / (1 + draws)
    return p


def _means_and_errors(samples: Sequence[Sequence[float]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each sample and its standard error, divided by one power of two (see ``rescale``)."""
    lengths = [len(sample) for sample in samples]
    units, _ = rescale(value for sample in samples for value in check_finite(sample))
    parts = np.split(np.array(units), np.cumsum(lengths)[:-1])
    means, deviations = np.array([mean_and_deviation(part) for part in parts]).T
    sizes = np.array([np.abs(part).max() for part in parts])
    deviations[deviations <= ROUNDING * sizes] = 0.0
    return means, deviations / np.sqrt(lengths)


def _welch_statistics(means: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Welch's statistic of each pair ``(samples, samples)``; infinite for different samples without spread."""
    gap = np.abs(means[:, None] - means)
    gap[gap <= ROUNDING * np.maximum(np.abs(means)[:, None], np.abs(means))] = 0.0
    error = np.hypot(errors[:, None], errors)
    statistics = np.where(gap > 0, np.inf, 0.0)
    np.divide(gap, error, out=statistics, where=error > 0)
    return statistics


def _largest_under_null(counts: NDArray[np.int_], errors: NDArray[np.float64], draws: int) -> NDArray[np.float64]:
    """Draw the largest Welch statistic over all pairs, under equal means, ``(draws,)`` times.

    A sample without spread has mean 0 and variance 0 in every draw. All such samples give the same statistics with the
    others, so one represents all, and they are not compared with one another.

    Args:
        counts: number of scores of each sample.
        errors: standard error of each mean.
        draws: number of draws.
    """
    # Sorted, so that the draws do not depend on the order of the samples.
    order = np.lexsort((errors, counts))
    counts, errors = counts[order], errors[order]
    spread = errors > 0
    constant = int(not spread.all())
    counts, errors = counts[spread], errors[spread]
    if len(counts) + constant < 2 or not len(counts):
        return np.zeros(draws)
    errors = np.maximum(errors / errors.max(), 1e-100)  # So that no square is zero.
    generator = np.random.Generator(np.random.Philox(key=0))
    means, variances = np.zeros((2, len(counts) + constant, draws))
    for row, (count, error) in enumerate(zip(counts, errors, strict=True)):
        means[row] = error * generator.standard_normal(draws)
        variances[row] = error**2 * generator.chisquare(count - 1, draws) / (count - 1)
    largest = np.zeros(draws)
    for row in range(len(means) - 1):
        squares = means[row + 1 :] - means[row]
        squares *= squares
        squares /= variances[row + 1 :] + variances[row]
        np.maximum(largest, squares.max(axis=0), out=largest)
    return np.sqrt(largest)
