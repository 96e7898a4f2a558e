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

Scores of a few values: the smallest difference between two unequal scores of the task is its *resolution*, and no
standard deviation is taken to be less than half of it. Otherwise two architectures at chance, whose seeds happened to
be equal, would differ significantly.

Draws are made until no rank depends on them: until the Monte-Carlo interval of each p value that decides a rank
excludes alpha, or until ``MOST_WORK`` is done. Ranks that are open then are marked.

Limit of the method: it assumes that scores scatter normally. Three seeds that all solved a task differ significantly
from three that all failed (if those scatter a little), even if each of them would solve it with probability one half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqbench.leaderboard.stats.intervals import check_finite, mean_and_deviation, rescale
from seqbench.leaderboard.stats.largest_statistic import LargestStatistic
from seqbench.utils.errors import SeqbenchError

ALPHA = 0.05
"""Probability that any two architectures have different ranks if all of them are equally good."""
FIRST_DRAWS, LEAST_DRAWS = 10_000, 1_000
"""Number of draws before the ranks are looked at first, and the smallest such number, for many architectures."""
FIRST_WORK, MOST_WORK = 25_000_000, 60_000_000
"""Largest product of draws and the cost of one draw, for the first look and for all draws; they bound the time."""
MARGIN = 3.3
"""Half width of the Monte-Carlo interval of a p value, in standard errors: 1 in 1,000 intervals misses."""
ROUNDING = 1e-12
"""Relative difference below which two values are equal."""


@dataclass(frozen=True)
class Ranking:
    """The ranks of the samples of a task, and the test that they come from.

    Args:
        ranks: rank of each sample; None for a sample of fewer than two scores.
        highest: largest rank that further draws could give; equal to the rank if it is decided.
        lowest: smallest rank that further draws could give; equal to the rank if it is decided.
        p: adjusted p value of each pair ``(samples, samples)``; see ``pairwise_p_values``.
        draws: number of draws.
        critical: Welch statistic from which a difference is significant.
        needed: difference of the means of each pair from which it would be significant ``(samples, samples)``.
    """

    ranks: list[int | None]
    highest: list[int | None]
    lowest: list[int | None]
    p: NDArray[np.float64]
    draws: int
    critical: float
    needed: NDArray[np.float64]

    @property
    def undecided(self) -> list[bool]:
        """Whether the rank of each sample depends on a p value that is too close to alpha."""
        return [low != high for low, high in zip(self.lowest, self.highest, strict=True)]


def rank_samples(samples: Sequence[Sequence[float]], direction: str, alpha: float = ALPHA) -> list[int | None]:
    """Return the rank of each architecture; see ``compute_ranking``.

    >>> rank_samples([(1.0, 1.0, 1.0), (0.5, 0.52, 0.49), (0.3,)], "max")
    [1, 2, None]
    """
    return compute_ranking(samples, direction, alpha).ranks


def compute_ranking(samples: Sequence[Sequence[float]], direction: str, alpha: float = ALPHA) -> Ranking:
    """Return the rank of each architecture, with the p values, drawn until the ranks are decided.

    The rank is 1 + the number of architectures that are significantly better, and never smaller than the rank of an
    architecture with a better mean.

    Args:
        samples: scores of each architecture, by seed.
        direction: ``max`` or ``min``: which scores are better.
        alpha: probability that any two architectures have different ranks if all of them are equally good.

    Raises:
        SeqbenchError: ``direction`` or ``alpha`` is not valid, or a score is not a finite number.
    """
    if direction not in ("max", "min"):
        raise SeqbenchError(f"The direction of a ranking must be 'max' or 'min', got {direction!r}.")
    if not 0 < alpha < 1:
        raise SeqbenchError(f"The alpha of a ranking must be between 0 and 1 (.05 is usual), got {alpha}.")
    sign = 1 if direction == "max" else -1
    means = [sign * mean_and_deviation(sample)[0] if len(sample) else 0.0 for sample in samples]
    test = _Test(samples)
    draws = test.first_draws
    while True:
        p, largest = test.p_values(draws)
        error = MARGIN * np.sqrt(np.maximum(p * (1 - p), 1 / draws) / draws)
        lowest, ranks, highest = (
            _ranks(means, different, test.places) for different in (p + error <= alpha, p <= alpha, p - error <= alpha)
        )
        if lowest == highest or draws >= test.most_draws:
            break
        draws = min(2 * draws, test.most_draws)
    # The p value of a statistic is at most alpha if at most this number of draws reach it.
    most = int(np.floor(alpha * (1 + draws) - 1 + 1e-9))
    critical = float(largest[-most - 1]) if 0 <= most < draws else float("inf")
    return Ranking(ranks, highest, lowest, p, draws, critical, critical * test.pair_errors())


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
        of samples with fewer than two scores.

    Raises:
        SeqbenchError: a score is not a finite number.
    """
    test = _Test(samples)
    return test.p_values(test.first_draws if draws is None else draws)[0]


class _Test:
    """The statistics of all pairs of samples, and draws of the largest of them under equal means."""

    def __init__(self, samples: Sequence[Sequence[float]]) -> None:
        self.places = [place for place, sample in enumerate(samples) if len(sample) > 1]
        self._size = len(samples)
        tested = [samples[place] for place in self.places]
        counts = np.array([len(sample) for sample in tested], dtype=np.int_)
        means, errors, floors, self._exponent = _means_and_errors(tested)
        self._errors = np.maximum(errors, floors)
        self._statistics = _welch_statistics(means, self._errors)
        self._largest = LargestStatistic(counts, self._errors)

    @property
    def first_draws(self) -> int:
        """The number of draws of the first look."""
        return min(FIRST_DRAWS, max(LEAST_DRAWS, FIRST_WORK // self._largest.cost))

    @property
    def most_draws(self) -> int:
        """The largest number of draws."""
        return max(self.first_draws, MOST_WORK // self._largest.cost)

    def p_values(self, draws: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the p value of each pair, and the sorted draws that they come from."""
        p = np.full((self._size, self._size), np.nan)
        if not self.places:
            return p, np.zeros(draws)
        largest = self._largest.draw(draws)
        reached = draws - np.searchsorted(largest, self._statistics, side="left")
        p[np.ix_(self.places, self.places)] = (1 + reached) / (1 + draws)
        return p, largest

    def pair_errors(self) -> NDArray[np.float64]:
        """Return the standard error of the difference of each pair of means, nan for samples that are not tested."""
        errors = np.full((self._size, self._size), np.nan)
        if self.places:
            pairs = np.hypot(self._errors[:, None], self._errors)
            errors[np.ix_(self.places, self.places)] = np.ldexp(pairs, self._exponent)
        return errors


def _ranks(means: Sequence[float], different: NDArray[np.bool_], ranked: Sequence[int]) -> list[int | None]:
    """Return the rank of each sample.

    Args:
        means: mean of each sample; larger is better.
        different: whether each pair differs significantly; False for samples that are not ranked.
        ranked: the samples that are ranked.
    """
    values = np.array(means, dtype=np.float64)
    better = 1 + (different & (values[None, :] > values[:, None])).sum(axis=1)
    # An architecture whose scores vary widely differs significantly from none; it must not gain a rank by that.
    return [
        max(int(better[other]) for other in ranked if means[other] >= means[index]) if index in ranked else None
        for index in range(len(means))
    ]


def _means_and_errors(
    samples: Sequence[Sequence[float]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], int]:
    """Return the mean of each sample, its standard error and the smallest standard error that its resolution allows.

    All are divided by one power of two, whose exponent is returned too (see ``rescale``).
    """
    if not samples:
        return np.zeros(0), np.zeros(0), np.zeros(0), 0
    lengths = [len(sample) for sample in samples]
    units, exponent = rescale(value for sample in samples for value in check_finite(sample))
    parts = np.split(np.array(units), np.cumsum(lengths)[:-1])
    means, deviations = np.array([mean_and_deviation(part) for part in parts]).T
    sizes = np.array([np.abs(part).max() for part in parts])
    deviations[deviations <= ROUNDING * sizes] = 0.0
    floor = _resolution(np.array(units)) / 2
    return means, deviations / np.sqrt(lengths), floor / np.sqrt(lengths), exponent


def _resolution(values: NDArray[np.float64]) -> float:
    """Return the smallest difference between two unequal values; 0.0 if all are equal."""
    ordered = np.sort(values)
    gaps = np.diff(ordered)
    unequal = gaps[gaps > ROUNDING * np.abs(ordered[1:])]
    return float(unequal.min()) if len(unequal) else 0.0


def _welch_statistics(means: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Welch's statistic of each pair ``(samples, samples)``; infinite for different samples without spread."""
    gap = np.abs(means[:, None] - means)
    gap[gap <= ROUNDING * np.maximum(np.abs(means)[:, None], np.abs(means))] = 0.0
    error = np.hypot(errors[:, None], errors)
    statistics = np.where(gap > 0, np.inf, 0.0)
    np.divide(gap, error, out=statistics, where=error > 0)
    return statistics
