"""The probability that a run of one architecture has a higher score than a run of another.

The figure is that of Agarwal et al. 2021 (arXiv 2108.13264, section 4.3; package rliable): Mann and Whitney's
statistic, averaged over tasks, where every task has the same weight and a tie counts one half. Its interval takes the
variance of each task from the placements of the runs (DeLong, DeLong and Clarke-Pearson 1988), and the degrees of
freedom of Welch and Satterthwaite, because a bootstrap over three seeds is too narrow.

No result depends on the order of tasks or seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqbench.leaderboard.stats.interquartile_mean import Scores
from seqbench.leaderboard.stats.intervals import (
    Estimate,
    check_finite,
    combined_half_width,
    mean_and_deviation,
)
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted


def improvement_matrix(scores: Sequence[Scores]) -> list[list[float]]:
    """Return the probability that a run of one architecture has a higher score than a run of another.

    The probability is averaged over tasks, and a tie counts one half.

    Args:
        scores: scores of each architecture, of the same tasks in the same order.

    Returns:
        Probabilities ``(architectures, architectures)``: row i over column j; one half on the diagonal.

    Raises:
        SeqbenchError: the numbers of tasks differ, there is no task, a task has no score, or a score is not finite.

    >>> improvement_matrix([[[1.0, 0.5]], [[0.5, 0.25]]])
    [[0.5, 0.875], [0.125, 0.5]]
    """
    if len({len(tasks) for tasks in scores}) > 1 or not all(len(tasks) for tasks in scores):
        raise SeqbenchError(
            "Expected scores on the same tasks, at least one, for every row; leave out tasks that only some rows have."
        )
    total = np.zeros((len(scores), len(scores)))
    for runs in zip(*scores, strict=True):
        known = [np.sort(check_finite(values)) for values in runs]
        counts = np.array([len(values) for values in known])
        first, every = np.cumsum(counts) - counts, np.concatenate(known)
        for b, other in enumerate(known):
            # For each run, the number of b's runs that it beats plus the number that it beats or equals.
            beaten = np.searchsorted(other, every, "left") + np.searchsorted(other, every, "right")
            total[:, b] += np.add.reduceat(beaten, first) / (2 * counts * len(other))
    tasks = len(scores[0]) if scores else 1
    matrix: list[list[float]] = (total / tasks).tolist()
    return matrix


def improvement_interval(a: Scores, b: Scores) -> Estimate:
    """Return the probability that a run of ``a`` has a higher score than one of ``b``, with its 95 % interval.

    There is no interval if no run of a task is out of order, or if a task has one seed, because their spread is unknown
    then.

    Args:
        a: scores of one architecture.
        b: scores of another one, of the same tasks in the same order.

    Raises:
        SeqbenchError: the numbers of tasks differ, there is no task, a task has no score, or a score is not finite.
    """
    tables = _wins(a, b)
    value = mean_and_deviation(float(wins.mean()) for wins in tables)[0]
    parts = [part for wins in tables for part in _variances(wins)]
    half_width = combined_half_width(sorted(parts))
    if half_width is None or any(min(wins.shape) < 2 for wins in tables):
        return Estimate(value, None, None)
    half_width /= len(tables)
    return Estimate(value, max(0.0, value - half_width), min(1.0, value + half_width))


def _variances(wins: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Return the variance of the mean of ``wins`` that each architecture's seeds cause, with its degrees of freedom."""
    shares = [np.sort(wins.mean(axis=axis)) for axis in (1, 0)]
    return [(mean_and_deviation(share)[1] ** 2 / len(share), len(share) - 1) for share in shares if len(share) > 1]


def _wins(a: Scores, b: Scores) -> list[NDArray[np.float64]]:
    """Return, for each task, the outcome of each run of ``a`` against each of ``b``: 1, 1/2 or 0.

    Each array has the shape ``(seeds of a, seeds of b)``.
    """
    if len(a) != len(b) or not len(a):
        raise SeqbenchError(
            f"Expected scores on the same tasks, at least one, for both architectures, got scores of {len(a)} and "
            f"{counted(len(b), 'task')}. Leave out tasks that only one of them has."
        )
    tables = []
    pairs = sorted((sorted(check_finite(x)), sorted(check_finite(y))) for x, y in zip(a, b, strict=True))
    for scores_a, scores_b in pairs:
        x, y = np.array(scores_a)[:, None], np.array(scores_b)
        tables.append((x > y) + 0.5 * (x == y))
    return tables
