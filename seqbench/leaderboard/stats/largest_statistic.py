"""Draws of the largest Welch statistic over all pairs of architectures, if all of them are equally good."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CHUNK = 1_000
"""Number of draws that are made at once; the arrays of a chunk fit into the cache of a processor."""


class LargestStatistic:
    """A growing sample of the largest Welch statistic over all pairs, under equal means.

    Each draw has normal means and chi-square variances (parametric bootstrap). The draws do not depend on the order of
    the samples, and a larger sample begins with the draws of a smaller one.

    A sample without spread has mean 0 and variance 0 in every draw. All such samples give the same statistics with the
    others, so one represents all, and they are not compared with one another.

    Args:
        counts: number of scores of each sample.
        errors: standard error of each mean.
    """

    def __init__(self, counts: NDArray[np.int_], errors: NDArray[np.float64]) -> None:
        order = np.lexsort((errors, counts))
        counts, errors = counts[order], errors[order]
        spread = errors > 0
        self._constant = int(not spread.all())
        self._counts, errors = counts[spread], errors[spread]
        scale = errors.max() if len(errors) else 1.0
        self._errors = np.maximum(errors / scale, 1e-100)  # So that no square is zero.
        self._generator = np.random.Generator(np.random.Philox(key=0))
        self._drawn: list[NDArray[np.float64]] = []

    @property
    def cost(self) -> int:
        """The work for one draw: about the number of pairs plus that of random numbers."""
        rows = len(self._counts) + self._constant
        return max(rows * (rows - 1) // 2 + 20 * rows, 1)

    def draw(self, draws: int) -> NDArray[np.float64]:
        """Return the first ``draws`` draws, sorted, ``(draws,)``."""
        while len(self._drawn) * CHUNK < draws:
            self._drawn.append(self._chunk())
        return np.sort(np.concatenate(self._drawn)[:draws]) if draws else np.zeros(0)

    def _chunk(self) -> NDArray[np.float64]:
        """Return the next draws of the largest statistic, ``(CHUNK,)``."""
        rows = len(self._counts) + self._constant
        if rows < 2 or not len(self._counts):
            return np.zeros(CHUNK)
        means, variances = np.zeros((2, rows, CHUNK))
        for row, (count, error) in enumerate(zip(self._counts, self._errors, strict=True)):
            means[row] = error * self._generator.standard_normal(CHUNK)
            variances[row] = error**2 * self._generator.chisquare(count - 1, CHUNK) / (count - 1)
        largest = np.zeros(CHUNK)
        for row in range(rows - 1):
            squares = means[row + 1 :] - means[row]
            squares *= squares
            squares /= variances[row + 1 :] + variances[row]
            np.maximum(largest, squares.max(axis=0), out=largest)
        return np.sqrt(largest)
