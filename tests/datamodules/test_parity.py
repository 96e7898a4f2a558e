from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from seqbench.datamodules.parity import Parity, running_parity
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, Tokens
from seqbench.utils.errors import SeqbenchError
from tests.datamodules import kit


def make(**changed: Any) -> Parity:
    settings = {"probe_lengths": [10, 50], "probe_samples": 100, "samples": 500, "batch_size": 64}
    return Parity(**{**settings, "keys": Keys(0, "parity", 1), **changed})


def oracle(batch: Batch) -> torch.Tensor:
    return F.one_hot(batch.inputs.cumsum(1) % 2, 2).float() * 100


def test_the_documented_example_is_correct() -> None:
    assert running_parity(np.array([[0, 1, 1, 1, 1, 0, 1]])).tolist() == [[0, 1, 0, 1, 0, 0, 1]]


@pytest.mark.parametrize("weights", ["everywhere", "last"])
def test_the_oracle_reaches_the_best_possible_score(weights: str) -> None:
    data = make(weights=weights)
    for split in data.splits("test"):
        best, scored = data.best(split), kit.score(data, split, oracle)
        assert scored == pytest.approx({name: best[name] for name in scored}, abs=1e-6)


@pytest.mark.parametrize("weights", ["everywhere", "last"])
def test_a_constant_answer_scores_the_chance_level(weights: str) -> None:
    data = make(weights=weights, samples=4000)
    result = kit.score(data, "test", lambda batch: torch.zeros(*batch.inputs.shape, 2))
    assert result["accuracy"] == pytest.approx(0.5, abs=4 * 0.5 / 4000**0.5)
    assert result["loss"] == pytest.approx(data.chance("test")["loss"], abs=1e-6)


def test_weights_select_all_steps_or_the_last_step() -> None:
    everywhere, last = make().stream("test", 0), make(weights="last").stream("test", 0)
    assert everywhere.weights.sum(1).tolist() == everywhere.lengths.tolist()
    assert last.weights.sum(1).tolist() == [1.0] * 64
    assert (last.weights.argmax(1) == last.lengths - 1).all()


def test_a_training_batch_may_have_one_length() -> None:
    data = make(one_length=True)
    lengths = [set(data.stream("train", step).lengths.tolist()) for step in range(30)]
    assert all(len(one) == 1 for one in lengths)
    assert len(set.union(*lengths)) > 10
    assert len(set(data.stream("test", 0).lengths.tolist())) > 10
    assert len(set(make().stream("train", 0).lengths.tolist())) > 10


def test_a_third_token_may_ask_for_the_parity_of_all_bits() -> None:
    data = make(weights="last", answer_token=True, max_length=20)
    assert (data.spec.input, data.spec.max_length) == (Tokens(3), 51)
    for split in ("train", "test", "length-50"):
        batch = data.stream(split, 0)
        rows = torch.arange(len(batch))
        assert (batch.inputs[rows, batch.lengths - 1] == 2).all()
        assert ((batch.inputs == 2).sum(1) == 1).all()
        assert (batch.weights.argmax(1) == batch.lengths - 1).all()
        bits = [row[: length - 1] for row, length in zip(batch.inputs.tolist(), batch.lengths.tolist(), strict=True)]
        assert batch.targets[rows, batch.lengths - 1].tolist() == [sum(row) % 2 for row in bits]
        assert torch.equal(data.oracle(batch), batch.targets)
    assert set(data.stream("length-50", 0).lengths.tolist()) == {51}


def test_a_probe_has_one_length_and_is_scored_at_its_last_step() -> None:
    data = make()
    assert data.splits("test") == ("test", "length-10", "length-50")
    assert data.splits("validation") == ("validation",)
    batch = data.stream("length-50", 0)
    assert batch.scored is not None
    assert set(batch.lengths.tolist()) == {50}
    assert batch.scored.nonzero()[:, 1].tolist() == [49] * 64
    # The loss weights are those of training, because models that feed back their output need all outputs.
    assert batch.weights.sum(1).tolist() == [50.0] * 64
    last_only = make(weights="last").stream("length-50", 0)
    assert last_only.scored is not None
    assert torch.equal(last_only.weights, last_only.scored)
    kit.check_samples(data, "length-50", 100)


def test_validation_probes_have_lengths_and_sequences_of_their_own() -> None:
    data = make(validation_lengths=[50, 60], validation_probe_samples=32)
    assert data.splits("validation") == ("validation", "validation-length-50", "validation-length-60")
    assert data.splits("test") == ("test", "length-10", "length-50")
    assert data.spec.max_length == 60
    kit.check_samples(data, "validation-length-50", 32)
    validated, tested = data.stream("validation-length-50", 0), data.stream("length-50", 0)
    assert set(validated.lengths.tolist()) == {50}
    equal = (validated.inputs[:, None] == tested.inputs[None]).all(-1)
    assert not equal.any()


def test_the_score_over_longer_lengths_has_a_chance_line_where_there_are_longer_lengths() -> None:
    data = make(validation_lengths=[60])
    assert (data.chance("test")["accuracy_longer"], data.best("test")["accuracy_longer"]) == (0.5, 1.0)
    assert data.chance("validation")["accuracy_seen_and_longer"] == 0.5
    assert "accuracy_longer" not in make(probe_lengths=[10]).chance("test")
    assert "accuracy_longer" not in data.chance("length-50")


def test_training_lengths_are_those_of_the_card() -> None:
    data = make()
    seen = torch.cat([data.stream("train", step).lengths for step in range(50)])
    assert set(seen.tolist()) == set(range(3, 41))
    assert data.spec.max_length == 50


def test_batches_repeat_and_contain_each_sample_once() -> None:
    kit.check_repeats(make(), make())
    kit.check_weights(make())
    kit.check_samples(make(), "validation", 500)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"min_length": 0}, "1 <= min_length <= max_length, got 0 and 40"),
        ({"min_length": 9, "max_length": 8}, "got 9 and 8"),
        ({"weights": "first"}, "must be 'everywhere' or 'last', got 'first'"),
        ({"probe_lengths": [0]}, "at least 1 bit"),
        ({"samples": 0}, "samples must be at least 1"),
        ({"probe_samples": 0}, "probe_samples must be at least 1"),
        ({"validation_lengths": [0]}, "validation_lengths must each be at least 1 bit"),
        ({"validation_probe_samples": 0}, "validation_probe_samples must be at least 1"),
    ],
)
def test_values_out_of_range_are_refused(changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        make(**changed)
