"""Batches of samples of similar length, so that little of a batch is padding and its memory is bounded.

A batch of long samples has fewer rows than others: its rows times its longest sample, and its rows times the square of
the longest sample (which is the memory of plain attention), are at most constants that no published data set reaches.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MOST_STEPS = 2**17
"""Largest number of steps of one batch: its rows, times the steps of its longest sample."""

MOST_PAIRS = 2**26
"""Largest number of pairs of steps of one batch: its rows, times the square of its longest sample."""


@dataclass(frozen=True)
class BatchLimits:
    """Limits of a batch.

    Args:
        rows: largest number of samples.
        steps: largest product of samples and steps of the longest sample.
        pairs: largest product of samples and pairs of steps of the longest sample.
    """

    rows: int
    steps: int = MOST_STEPS
    pairs: int = MOST_PAIRS

    def allow(self, rows: int, longest: int, longest_other: int | None = None) -> bool:
        """Return whether a batch may have these rows.

        Args:
            rows: number of samples.
            longest: steps of the longest sample.
            longest_other: steps of the longest target, for pairs of sequences; None for the same as ``longest``.

        >>> BatchLimits(rows=256).allow(256, 170), BatchLimits(rows=256).allow(256, 20_000)
        (True, False)
        """
        other = longest if longest_other is None else longest_other
        return rows * max(longest, other) <= self.steps and rows * longest * other <= self.pairs


def batches_of_epoch(
    rng: np.random.Generator,
    lengths: np.ndarray,
    limits: BatchLimits,
    pool: int = 20,
    others: np.ndarray | None = None,
) -> list[np.ndarray]:
    """Return the batches of one training epoch: each sample once, in an order that depends on ``rng``.

    The samples are permuted and divided into pools. Each pool is sorted by length and cut into batches. The order of
    all batches is then permuted. As a result, a batch contains samples of similar length, but both its samples and its
    place in the epoch are random.

    Args:
        rng: generator, keyed by the seed and the epoch.
        lengths: ``(samples,)`` length of each sample in steps.
        limits: limits of one batch; one batch of the epoch may have fewer rows, and a batch of long samples has fewer.
        pool: batches in one pool; 1 keeps the order of the permutation.
        others: ``(samples,)`` length of each target, for pairs of sequences.

    Returns:
        ``ceil(samples / limits.rows)`` arrays of sample indices, or more if there are long samples.

    >>> batches = batches_of_epoch(np.random.default_rng(0), np.array([5, 9, 5, 9]), BatchLimits(2))
    >>> sorted(sorted(batch.tolist()) for batch in batches)
    [[0, 2], [1, 3]]
    """
    order = rng.permutation(len(lengths))
    step = pool * limits.rows
    pools = [order[start : start + step] for start in range(0, len(order), step)]
    # Sorted by target length, which determines most of the cost, and then by source length.
    keys = lengths if others is None else others * 1000 + lengths
    batches = [batch for samples in pools for batch in _cut(_sorted(samples, keys), lengths, limits, others)]
    return [batches[place] for place in rng.permutation(len(batches))]


def batches_by_length(lengths: np.ndarray, limits: BatchLimits, others: np.ndarray | None = None) -> list[np.ndarray]:
    """Return the batches of an evaluation split: each sample once, in ascending order of length.

    Args:
        lengths: ``(samples,)`` length of each sample in steps.
        limits: limits of one batch.
        others: ``(samples,)`` length of each target, for pairs of sequences.

    >>> [batch.tolist() for batch in batches_by_length(np.array([7, 2, 5]), BatchLimits(2))]
    [[1, 2], [0]]
    """
    return _cut(_sorted(np.arange(len(lengths)), lengths), lengths, limits, others)


def batches_per_epoch(lengths: np.ndarray, limits: BatchLimits, others: np.ndarray | None = None) -> int | None:
    """Return the number of batches of every epoch; None if long samples make it depend on the epoch.

    Args:
        lengths: ``(samples,)`` length of each training sample in steps.
        limits: limits of one batch.
        others: ``(samples,)`` length of each target, for pairs of sequences.
    """
    longest_other = None if others is None else int(others.max())
    fits = limits.allow(limits.rows, int(lengths.max()), longest_other)
    return math.ceil(len(lengths) / limits.rows) if fits else None


class EpochCache:
    """Batches of training epochs; the batches of the most recent epoch are cached.

    Args:
        draw_epoch: function from the number of an epoch to its batches.
        per_epoch: number of batches of every epoch; None if it depends on the epoch.
    """

    def __init__(self, draw_epoch: Callable[[int], list[np.ndarray]], per_epoch: int | None = None) -> None:
        self._draw_epoch = draw_epoch
        self._per_epoch = per_epoch
        self._starts = [0]
        """Number of the first batch of each epoch that has been reached so far."""
        self._epoch: int | None = None
        self._batches: list[np.ndarray] = []

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return the batches of an epoch."""
        if self._epoch != epoch:
            self._epoch, self._batches = epoch, self._draw_epoch(epoch)
        return self._batches

    def batch(self, step: int) -> np.ndarray:
        """Return batch number ``step`` of all epochs, one after another."""
        if self._per_epoch is not None:
            epoch, place = divmod(step, self._per_epoch)
            return self.batches(epoch)[place]
        starts = self._starts
        while starts[-1] <= step:
            starts.append(starts[-1] + len(self.batches(len(starts) - 1)))
        epoch = bisect_right(starts, step) - 1
        return self.batches(epoch)[step - starts[epoch]]


def _sorted(samples: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return samples[np.argsort(lengths[samples], kind="stable")]


def _cut(samples: np.ndarray, lengths: np.ndarray, limits: BatchLimits, others: np.ndarray | None) -> list[np.ndarray]:
    """Cut sorted samples into batches; a batch beyond the limits is halved until its parts are within them."""
    batches = []
    waiting = [samples[start : start + limits.rows] for start in range(0, len(samples), limits.rows)][::-1]
    while waiting:
        batch = waiting.pop()
        other = None if others is None else int(others[batch].max())
        if len(batch) == 1 or limits.allow(len(batch), int(lengths[batch].max()), other):
            batches.append(batch)
        else:
            middle = len(batch) // 2
            waiting += [batch[middle:], batch[:middle]]
    return batches
