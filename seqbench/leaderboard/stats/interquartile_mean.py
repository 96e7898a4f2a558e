"""Figures for an architecture across tasks: normalised scores, interquartile mean, optimality gap.

    parity  .50 .75 1.0    chance .5, best 1     ->    0  .5  1
    copy    .56 .56 .34    chance .12, best 1    ->   .5  .5 .25    interquartile mean of all six: .46

The figures are those of Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice" (2021,
arXiv 2108.13264, section 4; package rliable), where every run has the same weight, with two deviations.

- The interquartile mean trims exactly a quarter at each end, by giving a run at the border a part of its weight.
  rliable rounds down, so that its figure over three seeds estimates something else than over thirty.
- The intervals are not those of a bootstrap. With three seeds it draws no values but those three, and its intervals for
  ten tasks covered 75 to 85 % instead of 95 %. Here each task has the variance of its seeds (of the scores, limited to
  the middle half for the interquartile mean: Tukey and McLaughlin 1963), and the sum over tasks the degrees of
  freedom of Welch and Satterthwaite. ``python -m benchmarks.intervals`` measures their coverage.

No result depends on the order of tasks or seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqbench.leaderboard.stats.intervals import (
    Estimate,
    check_finite,
    combined_half_width,
    mean_and_deviation,
    rescale,
)
from seqbench.utils.errors import SeqbenchError

Scores = Sequence[Sequence[float]]
"""Scores of one architecture, by task and then by seed."""


def normalise_score(value: float, chance: float, best: float) -> float:
    """Return ``value`` on a scale where ``chance`` is 0 and ``best`` is 1, whichever of the two is larger.

    A value worse than chance gives a negative number. A value better than ``best`` gives more than 1: ``best`` may be
    an anchor.

    Args:
        value: the score.
        chance: score of a predictor that knows nothing.
        best: best possible score, or an anchor.

    Raises:
        SeqbenchError: chance and best are equal, a number is not finite, or the value is too far from chance and best.

    >>> normalise_score(0.75, chance=0.5, best=1.0)
    0.5
    """
    value, chance, best = check_finite((value, chance, best))
    if chance == best:
        raise SeqbenchError(f"Expected different chance and best scores, got {chance:g} for both.")
    (low, high), exponent = rescale((chance, best))
    try:
        place = (math.ldexp(value, -exponent) - low) / (high - low)
    except OverflowError:
        place = math.inf
    if math.isinf(place):
        raise SeqbenchError(
            f"The score {value:g} is too far from chance, {chance:g}, and best, {best:g}, to be compared."
        )
    return place + 0.0  # Not -0.0.


def interquartile_mean(values: Sequence[float]) -> float:
    """Return the mean of the middle half of the values; a value at its border counts in part.

    Raises:
        SeqbenchError: there is no value, or one is not a finite number.

    >>> interquartile_mean([0.0, 0.5, 0.75, 100.0])
    0.625
    """
    units, exponent = rescale(values)
    ordered = np.sort(units)
    weights = _middle_weights(len(ordered))
    inside = ordered[weights > 0]
    mean = float(weights @ ordered / weights.sum())
    # The mean of equal scores must be that score, without a rounding error.
    return math.ldexp(min(max(mean, float(inside[0])), float(inside[-1])), exponent)


def iqm_interval(scores: Scores) -> Estimate:
    """Return the interquartile mean of all runs of one architecture, with its 95 % interval.

    The interval is for an interquartile mean over arbitrarily many seeds of the same tasks. Use it from about ten tasks
    on: over three tasks it covers 73 % where their variances are very unequal.

    Args:
        scores: normalised scores; tasks may have different numbers of seeds.

    Raises:
        SeqbenchError: there is no task, a task has no score, or a score is not a finite number.
    """
    tasks = [check_finite(task) for task in scores]
    value = interquartile_mean([score for task in tasks for score in task])
    ordered = sorted(score for task in tasks for score in task)
    border = len(ordered) // 4
    low, high = ordered[border], ordered[len(ordered) - 1 - border]
    inner = [[min(max(score, low), high) for score in task] for task in tasks]
    half_width = _half_width_of_mean(inner)
    return _estimate(value, None if half_width is None else 2 * half_width)


def optimality_gap(scores: Scores) -> Estimate:
    """Return the mean distance of the runs of one architecture from a score of 1, with its 95 % interval.

    A score above 1 counts as 1. Unlike the interquartile mean, the gap counts failed tasks in full.

    Args:
        scores: normalised scores; tasks may have different numbers of seeds.

    Raises:
        SeqbenchError: there is no task, a task has no score, or a score is not a finite number.

    >>> optimality_gap([[0.5, 0.75], [1.0, 1.25]]).value
    0.1875
    """
    gaps = [[1 - min(score, 1.0) for score in check_finite(task)] for task in scores]
    mean, _ = mean_and_deviation(gap for task in gaps for gap in task)
    return _estimate(mean, _half_width_of_mean(gaps))


def _estimate(value: float, half_width: float | None) -> Estimate:
    return Estimate(value, *((None, None) if half_width is None else (value - half_width, value + half_width)))


def _half_width_of_mean(tasks: Scores) -> float | None:
    """Return half the width of the 95 % interval of the mean over all runs.

    It is None if no task shows a spread, or if a task has one seed, so that its spread is unknown.
    """
    if any(len(task) < 2 for task in tasks):
        return None
    total = sum(len(task) for task in tasks)
    largest = max((abs(value) for task in tasks for value in task), default=0.0) or 1.0
    parts = [((mean_and_deviation(task)[1] / largest) ** 2 * len(task) / total**2, len(task) - 1) for task in tasks]
    half_width = combined_half_width(sorted(parts))
    return None if half_width is None else half_width * largest


def _middle_weights(count: int) -> NDArray[np.float64]:
    """Return the weight of each of ``count`` sorted values in the mean of their middle half."""
    places = np.arange(count)
    # The share of the interval (place, place + 1) that is between count / 4 and 3 count / 4.
    weights: NDArray[np.float64] = np.minimum(places + 1, 0.75 * count) - np.maximum(places, 0.25 * count)
    return weights.clip(0.0, 1.0)
