from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seqbench.datamodules.adding import Adding, sample_adding
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch
from seqbench.utils.errors import SeqbenchError
from tests.datamodules import kit


def make(**changed: Any) -> Adding:
    settings = {"length": 21, "samples": 500, "batch_size": 64, "keys": Keys(0, "adding", 1)}
    return Adding(**{**settings, **changed})


def oracle(batch: Batch) -> torch.Tensor:
    return torch.stack([row[row[:, 1] == 1, 0].sum()[None, None] for row in batch.inputs])


def test_the_oracle_reaches_the_best_possible_score() -> None:
    assert kit.score(make(), "test", oracle) == pytest.approx(make().best("test"), abs=1e-6)


def test_the_constant_1_scores_the_chance_level() -> None:
    data = make(samples=20_000)
    result = kit.score(data, "test", lambda batch: torch.ones(len(batch), 1, 1))
    # The squared error has a variance of 7/180, the absolute one of 1/18: four standard errors.
    assert result["mse"] == pytest.approx(1 / 6, abs=4 * (7 / 180 / 20_000) ** 0.5)
    assert result["mae"] == pytest.approx(1 / 3, abs=4 * (1 / 18 / 20_000) ** 0.5)
    assert data.chance("test") == {"mse": 1 / 6, "mae": 1 / 3}


def test_each_half_has_one_mark_at_a_random_place() -> None:
    inputs, targets = sample_adding(np.random.default_rng(0), 2000, 7)
    values, marks = inputs[..., 0], inputs[..., 1]
    assert (marks[:, :3].sum(1) == 1).all()
    assert (marks[:, 3:].sum(1) == 1).all()
    assert (marks.sum(0) > 0).all()
    assert values.min() >= 0
    assert values.max() < 1
    assert (inputs.dtype, targets.dtype) == (np.float32, np.float32)
    assert (inputs.shape, targets.shape) == ((2000, 7, 2), (2000, 1, 1))


def test_marks_anywhere_are_two_different_steps_of_which_half_the_pairs_share_a_half() -> None:
    length, rows = 100, 40_000
    marks = sample_adding(np.random.default_rng(0), rows, length, "anywhere")[0][..., 1]
    assert (marks.sum(1) == 2).all()
    first, second = np.nonzero(marks)[1].reshape(rows, 2).T
    # Of 99 further steps, 49 are in the half of the first mark. The mean distance is (T + 1) / 3.
    assert ((first < 50) == (second < 50)).mean() == pytest.approx(49 / 99, abs=4 * (0.25 / rows) ** 0.5)
    assert (second - first).mean() == pytest.approx(101 / 3, abs=4 * 24 / rows**0.5)
    assert marks.mean(0) == pytest.approx(np.full(length, 2 / length), abs=5 * (0.02 / rows) ** 0.5)


def test_marks_in_halves_are_half_the_length_apart() -> None:
    marks = sample_adding(np.random.default_rng(0), 40_000, 100)[0][..., 1]
    first, second = np.nonzero(marks)[1].reshape(-1, 2).T
    assert (second - first).mean() == pytest.approx(50, abs=0.5)


def test_oracle_and_chance_are_right_for_marks_anywhere() -> None:
    data = make(samples=20_000, places="anywhere")
    assert kit.score(data, "test", data.oracle) == pytest.approx(data.best("test"), abs=1e-6)
    result = kit.score(data, "test", lambda batch: torch.ones(len(batch), 1, 1))
    assert result["mse"] == pytest.approx(data.chance("test")["mse"], abs=4 * (7 / 180 / 20_000) ** 0.5)
    assert make(length=2, places="anywhere").stream("train", 0).inputs[..., 1].sum() == 2 * 64


def test_places_of_another_name_are_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"places must be halves or anywhere, got 'third'"):
        make(places="third")


def test_batches_repeat_and_contain_each_sample_once() -> None:
    kit.check_repeats(make(), make())
    kit.check_samples(make(), "validation", 500)
    assert not kit.same(make().stream("train", 0), make(keys=Keys(1, "adding", 1)).stream("train", 0))
    batch = make().stream("test", 7)
    assert len(batch) == 500 - 7 * 64
    assert batch.weights.tolist() == [[1.0]] * len(batch)
    assert batch.total == len(batch)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [({"length": 1}, "at least 2 steps, got 1"), ({"samples": 0}, "samples must be at least 1")],
)
def test_values_out_of_range_are_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        make(**changed)


def test_inputs_are_shown_as_the_two_marked_numbers() -> None:
    data = Adding(length=4, batch_size=2, keys=Keys(0, "adding", 1), samples=2)
    batch = data.stream("test", 0)
    steps = batch.inputs[1, :, 1].nonzero()[:, 0].tolist()
    first, second = (f"{float(batch.inputs[1, step, 0]):.4f} (step {step})" for step in steps)
    assert data.input_text(batch, 1) == f"{first} + {second}"
