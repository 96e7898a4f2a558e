from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import seqbench
from seqbench.models.sample_scores import SampleScores
from seqbench.verification.blind.blind_scoring import BlindScores
from seqbench.verification.blind.fresh_split import (
    LARGEST_Z,
    compare_with_fresh,
    fresh_data,
    pair_differences,
    sum_to_norm,
)

GENERATED = ("copy", "parity", "adding", "plan")


def samples(values: np.ndarray, weights: np.ndarray | None = None) -> SampleScores:
    """Return the scores of samples with one metric, ``accuracy``."""
    below = np.ones_like(values) if weights is None else weights
    count = len(values)
    sums = {"accuracy": ((values * below)[:, None].astype(np.float64), below[:, None].astype(np.float64))}
    empty = np.zeros((count, 32), np.uint8)
    return SampleScores(np.zeros(count, np.int64), np.arange(count), sums, empty, streaming=False)


def scores(data: Any, test: np.ndarray, probe: np.ndarray) -> BlindScores:
    parts = {"test": samples(test), "length-20": samples(probe)}
    evaluated: dict[str, dict[str, float | None]] = {"test": {"accuracy": float(test.mean())}}
    return BlindScores(data, evaluated, {}, parts)


@pytest.mark.parametrize("task", GENERATED)
def test_a_fresh_test_split_is_another_one_of_the_same_kind(task: str) -> None:
    data = seqbench.data(task, tier="smoke")
    one, two = fresh_data(data), fresh_data(data)
    assert one is not None
    assert two is not None
    for split in data.splits("test"):
        batches = [each.stream(split, 0) for each in (data, one, two)]
        assert len({batch.inputs.numpy().tobytes() for batch in batches}) == 3
        assert len({len(batch) for batch in batches}) == 1
        assert one.steps(split) == data.steps(split)
    assert torch.equal(one.stream("train", 0).inputs, data.stream("train", 0).inputs)
    assert data.keys.secret == ""


def test_real_data_have_one_test_split() -> None:
    assert fresh_data(seqbench.data({"name": "char-lm", "source": "synthetic"}, tier="smoke")) is None


@pytest.mark.parametrize("kind", ["rare failures", "losses with heavy tails", "all right", "unequal weights"])
def test_true_records_stay_below_the_bound(kind: str) -> None:
    """20,000 simulated pairs of splits of 40 samples; the bound on the probability of one is 4e-5 on each side."""
    draw, count, largest = np.random.default_rng(0), 40, 0.0
    for _ in range(20_000):
        pair = []
        for _ in range(2):
            weights = draw.integers(1, 9, count).astype(float) if kind == "unequal weights" else None
            values = {
                "rare failures": lambda: (draw.random(count) > 0.02).astype(float),
                "losses with heavy tails": lambda: draw.standard_t(1.5, count) ** 2,
                "all right": lambda: np.ones(count),
                "unequal weights": lambda: draw.random(count),
            }[kind]()
            pair.append(samples(values, weights))
        largest = max(largest, abs(sum_to_norm([pair_differences(pair[0], pair[1], "accuracy")])))
    assert largest <= LARGEST_Z
    assert 2 * math.exp(-(LARGEST_Z**2) / 2) < 1e-4


def test_a_known_test_split_is_found_and_a_fresh_one_that_is_better_is_not() -> None:
    draw = np.random.default_rng(0)
    chance = scores(None, draw.integers(0, 2, 200).astype(float), draw.integers(0, 2, 100).astype(float))
    known = scores(None, np.ones(200), np.ones(100))
    found = compare_with_fresh(known, chance, "accuracy", "max")
    assert not found.agrees
    assert (found.metric, found.recorded, found.samples) == ("accuracy", 1.0, 300)
    assert compare_with_fresh(chance, known, "accuracy", "max").agrees
    # Of losses, the lower one is better.
    assert compare_with_fresh(known, chance, "accuracy", "min").z < found.z


def test_a_test_split_that_alone_is_known_is_found() -> None:
    draw = np.random.default_rng(1)
    probe = draw.integers(0, 2, 2000).astype(float)
    known = scores(None, np.ones(60), probe)
    fresh = scores(None, draw.integers(0, 2, 60).astype(float), draw.permutation(probe))
    assert not compare_with_fresh(known, fresh, "accuracy", "max").agrees


def test_z_is_the_sum_over_the_norm() -> None:
    """Against the formula, for samples of weight 1: the common mean cancels."""
    draw = np.random.default_rng(2)
    one, two = draw.random(50), draw.random(50)
    z = sum_to_norm([pair_differences(samples(one), samples(two), "accuracy")])
    assert z == pytest.approx((one - two).sum() / math.sqrt(((one - two) ** 2).sum()))
