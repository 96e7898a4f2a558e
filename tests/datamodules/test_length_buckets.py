from __future__ import annotations

import numpy as np
import pytest

from seqbench.datamodules.length_buckets import EpochCache, batches_by_length, batches_of_epoch


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


LENGTHS = rng(9).integers(1, 200, size=1003)


@pytest.mark.parametrize(
    ("samples", "batch_size", "pool"), [(1003, 8, 20), (7, 8, 20), (8, 8, 1), (1, 1, 1), (9, 4, 2)]
)
def test_an_epoch_contains_each_sample_once(samples: int, batch_size: int, pool: int) -> None:
    batches = batches_of_epoch(rng(), LENGTHS[:samples], batch_size, pool)
    assert sorted(np.concatenate(batches)) == list(range(samples))
    assert len(batches) == -(-samples // batch_size)
    assert sorted(len(batch) for batch in batches)[1:] == [batch_size] * (len(batches) - 1)


def test_batches_contain_similar_lengths_in_a_random_order() -> None:
    bucketed = batches_of_epoch(rng(), LENGTHS, 8, 20)
    plain = batches_of_epoch(rng(), LENGTHS, 8, 1)

    def padding(batches: list[np.ndarray]) -> int:
        return sum(int(LENGTHS[b].max()) * len(b) for b in batches) - int(LENGTHS.sum())

    assert padding(bucketed) < padding(plain) / 8
    means = [LENGTHS[batch].mean() for batch in bucketed]
    # The lengths of consecutive batches are not correlated.
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3


def test_an_epoch_depends_only_on_the_generator() -> None:
    first, again, other = (batches_of_epoch(rng(seed), LENGTHS, 8) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    company = [{frozenset(batch.tolist()) for batch in batches} for batches in (first, other)]
    assert len(company[0] & company[1]) < 5


def test_evaluation_is_in_ascending_order_of_length() -> None:
    batches = batches_by_length(LENGTHS, 16)
    order = np.concatenate(batches)
    assert sorted(order) == list(range(len(LENGTHS)))
    assert (np.diff(LENGTHS[order]) >= 0).all()
    assert [len(batch) for batch in batches] == [16] * 62 + [11]


def test_the_cache_draws_each_epoch_again_only_after_another_one() -> None:
    drawn = []

    def draw_epoch(epoch: int) -> list[np.ndarray]:
        drawn.append(epoch)
        return [np.array([epoch])]

    cache = EpochCache(draw_epoch)
    assert [int(cache.batches(epoch)[0][0]) for epoch in (0, 0, 1, 1, 0)] == [0, 0, 1, 1, 0]
    assert drawn == [0, 1, 0]
