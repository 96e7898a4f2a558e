from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from seqbench.datamodules.plan import Plan, sample_plan
from seqbench.protocol.batches import Keys
from seqbench.utils.errors import SeqbenchError
from tests.datamodules import kit


def make(**changed: Any) -> Plan:
    return Plan(**{"length": 20, "samples": 500, "batch_size": 64, "keys": Keys(0, "plan", 1), **changed})


def test_the_oracle_reaches_the_best_possible_score() -> None:
    assert kit.score(make(), "test", make().oracle) == pytest.approx(make().best("test"), abs=1e-5)


def test_the_constant_0_scores_the_chance_level() -> None:
    data = make(samples=20_000)
    result = kit.score(data, "test", lambda batch: torch.zeros_like(batch.targets))
    # The mean over a trajectory has a variance of at most 1/8; four standard errors.
    assert result["mse"] == pytest.approx(0.5, abs=4 * (1 / 8 / 20_000) ** 0.5)
    assert result["mae"] == pytest.approx(2 / math.pi, abs=4 * (1 / 8 / 20_000) ** 0.5)


def test_trajectories_follow_their_plans() -> None:
    plans, trajectories = sample_plan(np.random.default_rng(0), 300, 9, 0.2, 1.0)
    assert (plans.shape, trajectories.shape, plans.dtype, trajectories.dtype) == (
        (300, 3),
        (300, 9, 2),
        np.float32,
        np.float32,
    )
    np.testing.assert_allclose(trajectories[:, 0], plans[:, :2], atol=1e-6)
    # In the complex plane each step is a rotation by the speed.
    points = trajectories[..., 0].astype(float) + 1j * trajectories[..., 1]
    np.testing.assert_allclose(points[:, 1:], points[:, :-1] * np.exp(1j * plans[:, 2:]), atol=1e-5)
    assert 0.2 <= plans[:, 2].min() < 0.25
    assert 0.95 < plans[:, 2].max() < 1.0


def test_batches_repeat_and_contain_each_sample_once() -> None:
    kit.check_repeats(make(), make())
    kit.check_samples(make(), "validation", 500)
    batch = make().stream("test", 7)
    assert (len(batch), batch.total) == (500 - 7 * 64, (500 - 7 * 64) * 20.0)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"length": 0}, "length must be at least 1 step, got 0"),
        ({"slow": 0.5, "fast": 0.4}, "needs 0 <= slow < fast <= pi"),
        ({"fast": 4.0}, "needs 0 <= slow < fast <= pi"),
        ({"samples": 0}, "samples must be at least 1"),
    ],
)
def test_values_out_of_range_are_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        make(**changed)
