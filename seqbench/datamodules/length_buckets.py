"""Which samples make which batch, where lengths vary: sequences of like length together, so that little is padding."""

from __future__ import annotations

import numpy as np


def batches_of_epoch(
    rng: np.random.Generator, lengths: np.ndarray, batch_size: int, pool: int = 20
) -> list[np.ndarray]:
    """One epoch's batches: every sample once, in another order for each state of ``rng``.

    Samples are permuted, cut into pools, sorted by length within each pool, and the batches' order is drawn: so a
    batch holds sequences of like length, but neither its company nor its place repeats.

    Args:
        rng: keyed by the seed and the epoch.
        lengths: ``(samples,)`` steps of each sample.
        batch_size: samples in a batch; one batch of the epoch may hold fewer.
        pool: batches in a pool; 1 leaves the permutation as it is.

    Returns:
        ``ceil(samples / batch_size)`` arrays of sample numbers.
    """
    order = rng.permutation(len(lengths))
    pools = [order[start : start + pool * batch_size] for start in range(0, len(order), pool * batch_size)]
    batches = [batch for some in pools for batch in _cut(_sorted(some, lengths), batch_size)]
    return [batches[place] for place in rng.permutation(len(batches))]


def batches_by_length(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """All samples once, the shortest first: the batches of an evaluation split."""
    return _cut(_sorted(np.arange(len(lengths)), lengths), batch_size)


def _sorted(samples: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return samples[np.argsort(lengths[samples], kind="stable")]


def _cut(samples: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return [samples[start : start + batch_size] for start in range(0, len(samples), batch_size)]
