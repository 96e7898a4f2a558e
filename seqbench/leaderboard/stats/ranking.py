"""Who differs from whom within one task, and the ranks that follow: architectures that do not differ share one.

    gru   1.00 1.00 1.00    rank 1
    lstm  1.00 1.00  .98    rank 1    (p = .7: not told apart from gru)
    rnn    .50  .52  .49    rank 3    (p < .001: two are better)

A permutation test of three seeds against three can never reject (its smallest p is 2/20), and variances differ widely:
some architectures always solve a task, others now and then. Hence the largest of all pairs' Welch statistics is
compared with what it would be if all means were equal, drawn from normal samples with the variances seen (a parametric
bootstrap: Krishnamoorthy, Lu and Mathew, "A parametric bootstrap approach for ANOVA with unequal variances", 2007;
single-step maxT: Westfall and Young, "Resampling-based multiple testing", 1993). One maximum over all pairs corrects
for all comparisons at once.

What it cannot know: seeds that are all alike show no spread, so three that all solved a task differ from three that
all failed, even where each had even odds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seqbench.leaderboard.stats.intervals import check_finite, mean_and_deviation, rescale
from seqbench.utils.errors import SeqbenchError

# Of the largest statistic, for up to 64 architectures; then fewer, so that time stays bounded. Never below LEAST_DRAWS.
DRAWS = 10_000
LEAST_DRAWS = 1_000
COMPARISONS = 20_000_000
# Relative to the values: what is less than this is rounding, no difference.
ROUNDING = 1e-12


def rank_samples(samples: Sequence[Sequence[float]], direction: str, alpha: float = 0.05) -> list[int | None]:
    """The rank of each architecture: 1 + how many are significantly better, and never before one with a better mean.

    Args:
        samples: for each architecture, its scores by seed.
        direction: ``max`` or ``min``: which scores are better.
        alpha: probability that anyone is ranked below another one although all are alike.

    Returns:
        A rank for each sample; None for those of fewer than two scores.

    Raises:
        SeqbenchError: ``direction`` or ``alpha`` is none, or a score is no finite number.
    """
    if direction not in ("max", "min"):
        raise SeqbenchError(f"A ranking's direction must be 'max' or 'min', got {direction!r}.")
    if not 0 < alpha < 1:
        raise SeqbenchError(f"A ranking's alpha must be between 0 and 1 (.05 is usual), got {alpha}.")
    different = pairwise_p_values(samples) <= alpha  # False where it is nan.
    sign = 1 if direction == "max" else -1
    means = [sign * mean_and_deviation(sample)[0] if len(sample) else 0.0 for sample in samples]
    better = [
        1 + sum(bool(differs) and other > mean for differs, other in zip(row, means, strict=True))
        for mean, row in zip(means, different, strict=True)
    ]
    ranked = [index for index, sample in enumerate(samples) if len(sample) > 1]
    # Nobody is told apart from an architecture whose seeds scatter widely; that is no merit of it.
    return [
        max(better[other] for other in ranked if means[other] >= means[index]) if index in ranked else None
        for index in range(len(samples))
    ]


def pairwise_p_values(samples: Sequence[Sequence[float]], draws: int | None = None) -> np.ndarray:
    """How likely so large a difference would be, somewhere among all pairs, if all means were equal.

    Permuting samples permutes the result exactly; so does no order of seeds change it. Another scale or origin of the
    scores changes it by no more than rounding.

    Args:
        samples: for each architecture, its scores by seed.
        draws: of the largest statistic; None chooses by the number of architectures. The smallest p is 1 / (1 + draws).

    Returns:
        Adjusted p values ``(architectures, architectures)``: symmetric, 1 on the diagonal, nan in the rows and columns
        of samples with fewer than two scores. For two samples without any spread: 1 where they are equal, else the
        smallest.

    Raises:
        SeqbenchError: a score is no finite number.
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
    statistics = _statistics(means, errors)
    largest = np.sort(_largest_under_null(counts, errors, draws))
    reached = draws - np.searchsorted(largest, statistics, side="left")
    p[np.ix_(tested, tested)] = (1 + reached) / (1 + draws)
    return p


def _means_and_errors(samples: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray]:
    """Each sample's mean and its standard error, both in units of the largest value."""
    lengths = [len(sample) for sample in samples]
    units, _ = rescale(value for sample in samples for value in check_finite(sample))
    parts = np.split(np.array(units), np.cumsum(lengths)[:-1])
    means, deviations = np.array([mean_and_deviation(part) for part in parts]).T
    sizes = np.array([np.abs(part).max() for part in parts])
    deviations[deviations <= ROUNDING * sizes] = 0.0
    return means, deviations / np.sqrt(lengths)


def _statistics(means: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Welch's statistic of each pair ``(samples, samples)``; infinite where neither has spread and they differ."""
    gap = np.abs(means[:, None] - means)
    gap[gap <= ROUNDING * np.maximum(np.abs(means)[:, None], np.abs(means))] = 0.0
    error = np.hypot(errors[:, None], errors)
    infinite = np.where(gap > 0, np.inf, 0.0)
    return np.divide(gap, error, out=infinite, where=error > 0)


def _largest_under_null(counts: np.ndarray, errors: np.ndarray, draws: int) -> np.ndarray:
    """The largest Welch statistic over all pairs, drawn ``(draws,)`` times with all means equal.

    Samples without spread stay where they are, and have none in any draw: all of them compare with the others alike,
    so one stands for all, and they are never compared with one another.
    """
    # In an order of their own, so that the draws do not depend on the order in which samples came.
    order = np.lexsort((errors, counts))
    counts, errors = counts[order], errors[order]
    spread = errors > 0
    still = int(not spread.all())
    counts, errors = counts[spread], errors[spread]
    if len(counts) + still < 2 or not len(counts):
        return np.zeros(draws)
    errors = np.maximum(errors / errors.max(), 1e-100)  # Their squares must not vanish.
    generator = np.random.Generator(np.random.Philox(key=0))
    means, variances = np.zeros((2, len(counts) + still, draws))
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
