"""Average ranks over tasks, with the test of Friedman and the critical difference of Nemenyi.

The procedure is that of Demsar, "Statistical comparisons of classifiers over multiple data sets" (JMLR 7, 2006), with
the correction of Iman and Davenport (1980), and a correction of Friedman's statistic for ties. A task is one
observation, so ten tasks or more are needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqbench.utils.errors import SeqbenchError


def average_ranks(means: Sequence[Sequence[float]]) -> list[float]:
    """Return the mean over tasks of the place of each row; the best is 1, and equal scores share a place.

    Args:
        means: mean score of each row, by row and then by task; higher is better.

    >>> average_ranks([[0.9, 0.5], [0.8, 0.5]])
    [1.25, 1.75]
    """
    ranks: list[float] = _places(np.array(means, dtype=np.float64)).mean(axis=1).tolist()
    return ranks


def friedman_test(means: Sequence[Sequence[float]]) -> tuple[float | None, float]:
    """Return Iman and Davenport's F of the average ranks, and its p value.

    F is None if every task orders the rows in the same way (it is infinite, and p is 0), or if all rows are equal in
    every task (p is 1).

    Args:
        means: mean score of each row, by row and then by task; higher is better.

    Raises:
        SeqbenchError: there are fewer than two rows or two tasks.
    """
    scores = np.array(means, dtype=np.float64)
    if scores.ndim != 2 or min(scores.shape) < 2:
        raise SeqbenchError("Expected scores of at least two rows on at least two tasks.")
    from scipy.special import fdtrc  # scipy.stats takes half a second to import.

    places = _places(scores)
    rows, tasks = places.shape
    between = tasks * float(((places.mean(axis=1) - (rows + 1) / 2) ** 2).sum())
    within = float(((places - (rows + 1) / 2) ** 2).sum()) / (tasks * (rows - 1))
    if within == 0:
        return None, 1.0
    squares = between / within
    rest = tasks * (rows - 1) - squares
    if rest <= 1e-9 * squares:
        return None, 0.0
    statistic = (tasks - 1) * squares / rest
    return statistic, float(fdtrc(rows - 1, (rows - 1) * (tasks - 1), statistic))


def critical_difference(rows: int, tasks: int, alpha: float = 0.05) -> float:
    """Return the difference of two average ranks from which it is significant (Nemenyi).

    Args:
        rows: number of rows that are compared.
        tasks: number of tasks.
        alpha: probability of any significant difference between equally good rows.

    >>> round(critical_difference(4, 14), 2)
    1.25
    """
    return _range_quantile(rows, 1 - alpha) / math.sqrt(2) * math.sqrt(rows * (rows + 1) / (6 * tasks))


def _places(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the place of each row in each task ``(rows, tasks)``; equal scores have the mean of their places."""
    better = (scores[None, :, :] > scores[:, None, :]).sum(axis=1)
    equal = (scores[None, :, :] == scores[:, None, :]).sum(axis=1)
    places: NDArray[np.float64] = better + (equal + 1) / 2
    return places


def _range_quantile(rows: int, share: float) -> float:
    """Return the quantile of the range of ``rows`` standard normal numbers (the studentised range, known variance)."""
    from scipy.special import ndtr

    points = np.linspace(-9.0, 9.0, 2001)
    density = np.exp(-(points**2) / 2) / math.sqrt(2 * math.pi)
    step = points[1] - points[0]
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        # The largest of the numbers is at a point, and the others are within ``middle`` below it.
        below = rows * float((density * (ndtr(points) - ndtr(points - middle)) ** (rows - 1)).sum()) * step
        low, high = (middle, high) if below < share else (low, middle)
    return (low + high) / 2
