"""The standard error of a score over the samples of its split: how far another draw of the samples would move it.

A score is a ratio of two sums over the samples, or the mean of several such ratios. The delta method gives its standard
error from the numerator and the denominator of each sample (Cochran 1977, "Sampling Techniques", section 2.11).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GROUPS = 20
"""Number of groups into which the samples of a split are divided."""


def ratio_standard_error(
    numerators: Floats, denominators: Floats, rows: NDArray[np.int64] | None = None
) -> float | None:
    """Return the standard error of the mean of the ratios of two sums over samples; None if it is undefined.

    Independent samples have independent terms. The chunks of one stream do not: text is alike in neighbouring chunks,
    and the state is carried from one to the next. Covariances of the chunks of a row are therefore added, with
    the weights of Newey & West (1987) and their number of lags. The rows of a stream count as independent.

    Args:
        numerators: ``(samples, entries)``; entries whose denominators sum to 0 do not count.
        denominators: ``(samples, entries)``.
        rows: ``(samples,)`` row of each chunk of streams, in the order of the chunks; None for independent samples.

    >>> values = np.array([[0.0], [1.0], [1.0], [0.0]])
    >>> round(ratio_standard_error(values, np.ones((4, 1))), 4)
    0.2887
    """
    influences = _influences(numerators, denominators)
    if influences is None:
        return None
    variance = float(influences @ influences)
    if rows is not None:
        variance += _covariance_of_neighbours(influences, rows)
    return math.sqrt(max(variance, 0.0) * len(influences) / (len(influences) - 1))


def group_influences(numerators: Floats, denominators: Floats, groups: NDArray[np.int64]) -> list[float] | None:
    """Return how far each group of samples moves the score; the sum over all groups is 0.

    The groups of two runs on the same samples show how much of their sampling errors is shared.

    Args:
        numerators: ``(samples, entries)``, as in ``ratio_standard_error``.
        denominators: ``(samples, entries)``.
        groups: ``(samples,)`` number of the group of each sample, below ``GROUPS``.

    Returns:
        ``GROUPS`` numbers; None if the score is undefined, or for fewer samples than groups.

    >>> values = np.repeat([[0.0], [1.0]], GROUPS, axis=0)
    >>> moved = group_influences(values, np.ones((2 * GROUPS, 1)), np.repeat(np.arange(GROUPS), 2))
    >>> moved[0], moved[-1]
    (-0.025, 0.025)
    """
    influences = _influences(numerators, denominators)
    if influences is None or len(influences) < GROUPS:
        return None
    sums: list[float] = np.bincount(groups, influences, GROUPS).tolist()
    return sums


def _influences(numerators: Floats, denominators: Floats) -> Floats | None:
    """Return how far each sample moves the score, ``(samples,)``; None if the score is undefined, or for one sample."""
    totals = denominators.sum(0)
    used = totals != 0
    if len(numerators) < 2 or not used.any():
        return None
    ratios = numerators[:, used].sum(0) / totals[used]
    influences: Floats = ((numerators[:, used] - ratios * denominators[:, used]) / totals[used]).mean(1)
    return influences


def newey_west_lags(length: int) -> int:
    """Return the number of lags for a series of a length, after Newey & West (1994): 4 (length / 100)^(2/9).

    >>> newey_west_lags(100), newey_west_lags(2), newey_west_lags(1)
    (4, 1, 0)
    """
    return min(int(4 * (length / 100) ** (2 / 9)), length - 1)


def _covariance_of_neighbours(influences: Floats, rows: NDArray[np.int64]) -> float:
    """Return the weighted sum of the covariances of chunks of the same row, to be added to the sum of squares."""
    total = 0.0
    for row in np.unique(rows):
        series = influences[rows == row]
        lags = newey_west_lags(len(series))
        for lag in range(1, lags + 1):
            total += 2 * (1 - lag / (lags + 1)) * float(series[lag:] @ series[:-lag])
    return total
