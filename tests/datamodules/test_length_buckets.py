from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.datamodules.length_buckets import (
    BatchLimits,
    EpochCache,
    batches_by_length,
    batches_of_epoch,
    batches_per_epoch,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


LENGTHS = rng(9).integers(1, 200, size=1003)


@pytest.mark.parametrize(
    ("samples", "batch_size", "pool"), [(1003, 8, 20), (7, 8, 20), (8, 8, 1), (1, 1, 1), (9, 4, 2)]
)
def test_an_epoch_contains_each_sample_once(samples: int, batch_size: int, pool: int) -> None:
    batches = batches_of_epoch(rng(), LENGTHS[:samples], BatchLimits(batch_size), pool)
    assert sorted(np.concatenate(batches)) == list(range(samples))
    assert len(batches) == -(-samples // batch_size)
    assert sorted(len(batch) for batch in batches)[1:] == [batch_size] * (len(batches) - 1)


def test_batches_contain_similar_lengths_in_a_random_order() -> None:
    bucketed = batches_of_epoch(rng(), LENGTHS, BatchLimits(8), 20)
    plain = batches_of_epoch(rng(), LENGTHS, BatchLimits(8), 1)

    def padding(batches: list[np.ndarray]) -> int:
        return sum(int(LENGTHS[b].max()) * len(b) for b in batches) - int(LENGTHS.sum())

    assert padding(bucketed) < padding(plain) / 8
    means = [LENGTHS[batch].mean() for batch in bucketed]
    # The lengths of consecutive batches are not correlated.
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.3


def test_an_epoch_depends_only_on_the_generator() -> None:
    first, again, other = (batches_of_epoch(rng(seed), LENGTHS, BatchLimits(8)) for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    company = [{frozenset(batch.tolist()) for batch in batches} for batches in (first, other)]
    assert len(company[0] & company[1]) < 5


def test_evaluation_is_in_ascending_order_of_length() -> None:
    batches = batches_by_length(LENGTHS, BatchLimits(16))
    order = np.concatenate(batches)
    assert sorted(order) == list(range(len(LENGTHS)))
    assert (np.diff(LENGTHS[order]) >= 0).all()
    assert [len(batch) for batch in batches] == [16] * 62 + [11]


@given(
    lengths=st.lists(st.integers(1, 40_000), min_size=1, max_size=60),
    rows=st.integers(1, 32),
    seed=st.integers(0, 3),
)
def test_no_batch_of_several_samples_is_beyond_the_limits(lengths: list[int], rows: int, seed: int) -> None:
    steps, limits = np.array(lengths), BatchLimits(rows, steps=2**16, pairs=2**22)
    for batches in (batches_by_length(steps, limits), batches_of_epoch(rng(seed), steps, limits, pool=3)):
        assert sorted(np.concatenate(batches)) == list(range(len(steps)))
        for batch in batches:
            longest = int(steps[batch].max())
            assert len(batch) <= rows
            assert len(batch) == 1 or (len(batch) * longest <= 2**16 and len(batch) * longest**2 <= 2**22)


def test_a_long_sample_changes_no_batch_but_its_own() -> None:
    plain, longer = LENGTHS.copy(), LENGTHS.copy()
    longest = int(np.argmax(plain))
    longer[longest] = 20_000
    usual, bounded = (batches_by_length(lengths, BatchLimits(16)) for lengths in (plain, longer))
    assert [batch.tolist() for batch in bounded[: len(usual) - 1]] == [batch.tolist() for batch in usual[:-1]]
    assert [longest] in [batch.tolist() for batch in bounded]
    assert len(bounded) > len(usual)


def test_pairs_are_bounded_by_both_sides() -> None:
    source, target = np.full(8, 100), np.array([10] * 7 + [1000])
    batches = batches_by_length(source, BatchLimits(8, pairs=100_000), target)
    assert [len(batch) for batch in batches] == [4, 2, 1, 1]
    assert batches_per_epoch(source, BatchLimits(8, pairs=100_000), target) is None
    assert batches_per_epoch(source, BatchLimits(3), target) == 3


def test_batches_are_numbered_over_epochs_of_different_sizes() -> None:
    epochs = {number: [np.array([number, place]) for place in range(1 + number % 3)] for number in range(5)}
    cache = EpochCache(lambda epoch: epochs[epoch])
    expected = [batch.tolist() for number in range(5) for batch in epochs[number]]
    assert [cache.batch(step).tolist() for step in range(len(expected))] == expected
    again = EpochCache(lambda epoch: epochs[epoch])
    assert again.batch(len(expected) - 1).tolist() == expected[-1]
    assert EpochCache(lambda epoch: [np.array([epoch, 0]), np.array([epoch, 1])], 2).batch(5).tolist() == [2, 1]


def test_the_cache_draws_each_epoch_again_only_after_another_one() -> None:
    drawn = []

    def draw_epoch(epoch: int) -> list[np.ndarray]:
        drawn.append(epoch)
        return [np.array([epoch])]

    cache = EpochCache(draw_epoch)
    assert [int(cache.batches(epoch)[0][0]) for epoch in (0, 0, 1, 1, 0)] == [0, 0, 1, 1, 0]
    assert drawn == [0, 1, 0]
