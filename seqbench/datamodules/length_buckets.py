"""Batches of samples of similar length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def batches_of_epoch(
    rng: np.random.Generator, lengths: np.ndarray, batch_size: int, pool: int = 20
) -> list[np.ndarray]:
    """Return the batches of one training epoch: each sample once, in an order that depends on ``rng``.

    The samples are permuted and divided into pools. Each pool is sorted by length and cut into batches. The order of
    all batches is then permuted. As a result, a batch contains samples of similar length, but both its samples and its
    place in the epoch are random.

    Args:
        rng: generator, keyed by the seed and the epoch.
        lengths: ``(samples,)`` length of each sample in steps.
        batch_size: samples in one batch; one batch of the epoch may have fewer.
        pool: batches in one pool; 1 keeps the order of the permutation.

    Returns:
        ``ceil(samples / batch_size)`` arrays of sample indices.

    >>> batches = batches_of_epoch(np.random.default_rng(0), np.array([5, 9, 5, 9]), batch_size=2)
    >>> sorted(sorted(batch.tolist()) for batch in batches)
    [[0, 2], [1, 3]]
    """
    order = rng.permutation(len(lengths))
    pools = [order[start : start + pool * batch_size] for start in range(0, len(order), pool * batch_size)]
    batches = [batch for samples in pools for batch in _cut(_sorted(samples, lengths), batch_size)]
    return [batches[place] for place in rng.permutation(len(batches))]


def batches_by_length(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Return the batches of an evaluation split: each sample once, in ascending order of length.

    >>> [batch.tolist() for batch in batches_by_length(np.array([7, 2, 5]), batch_size=2)]
    [[1, 2], [0]]
    """
    return _cut(_sorted(np.arange(len(lengths)), lengths), batch_size)


class EpochCache:
    """Batches of training epochs; the batches of the most recent epoch are cached.

    Args:
        draw_epoch: function from the number of an epoch to its batches.
    """

    def __init__(self, draw_epoch: Callable[[int], list[np.ndarray]]) -> None:
        self._draw_epoch = draw_epoch
        self._epoch: int | None = None
        self._batches: list[np.ndarray] = []

    def batches(self, epoch: int) -> list[np.ndarray]:
        """Return the batches of an epoch."""
        if self._epoch != epoch:
            self._epoch, self._batches = epoch, self._draw_epoch(epoch)
        return self._batches


def _sorted(samples: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return samples[np.argsort(lengths[samples], kind="stable")]


def _cut(samples: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return [samples[start : start + batch_size] for start in range(0, len(samples), batch_size)]
