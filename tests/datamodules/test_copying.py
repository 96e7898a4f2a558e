from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from seqbench.datamodules.copying import Copy, sample_copy
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch
from seqbench.utils.errors import SeqbenchError
from tests.datamodules import kit


def make(**changed: Any) -> Copy:
    return Copy(**{"delay": 7, "batch_size": 64, "samples": 1000, "keys": Keys(0, "copy", 1), **changed})


def test_a_sequence_has_the_form_of_the_documented_example() -> None:
    inputs, targets = sample_copy(np.random.default_rng(0), 1, delay=7, alphabet=8, payload=10)
    drawn = "".join("." if s == 0 else "#" if s == 9 else "s" for s in inputs[0])
    assert drawn == "ssssssssss......###########"
    assert targets[0].tolist() == [0] * 17 + inputs[0, :10].tolist()


def oracle(batch: Batch) -> torch.Tensor:
    """Solve the task independently: at each recall step, look back by payload + delay steps."""
    recalled = batch.inputs.roll(17, dims=1)
    answer = torch.where(torch.arange(27)[None] >= 17, recalled, 0)
    return F.one_hot(answer, 10).float() * 100


def guesser(batch: Batch) -> torch.Tensor:
    """Predict at the right time, but always the same symbol."""
    logits = torch.full((*batch.inputs.shape, 10), -1e9)
    logits[:, :17, 0] = 0
    logits[:, 17:, 1:9] = 0
    logits[:, 17:, 1] += 1e-6  # Always one symbol, which is correct in one of eight cases.
    return logits


def test_the_oracle_reaches_the_best_possible_score() -> None:
    data = make()
    assert kit.score(data, "test", oracle) == pytest.approx(data.best("test"), abs=1e-6)


def test_a_guesser_scores_the_chance_level() -> None:
    data = make()
    result, chance = kit.score(data, "test", guesser), data.chance("test")
    assert result["accuracy"] == pytest.approx(chance["accuracy"], abs=4 * (0.125 * 0.875 / 10_000) ** 0.5)
    assert result["loss"] == pytest.approx(chance["loss"], abs=1e-4)
    assert result["loss_all_positions"] == pytest.approx(chance["loss_all_positions"], abs=1e-4)


def test_the_chance_level_is_the_published_one() -> None:
    assert make(delay=1000).chance("test")["loss_all_positions"] == pytest.approx(0.02039, abs=1e-5)


def test_only_the_recalled_symbols_are_scored() -> None:
    batch = make().stream("test", 0)
    assert batch.scored is not None
    assert batch.scored.sum(1).tolist() == [10.0] * 64
    assert (batch.targets[batch.scored > 0] > 0).all()


def test_batches_repeat_and_contain_each_sample_once() -> None:
    kit.check_repeats(make(), make())
    kit.check_weights(make())
    for split in ("validation", "test"):
        kit.check_samples(make(), split, 1000)


def test_splits_share_no_sequence() -> None:
    data = make()
    payloads = {
        split: {tuple(row[:10].tolist()) for step in range(8) for row in data.stream(split, step).inputs}
        for split in ("train", "validation", "test")
    }
    assert not payloads["train"] & payloads["test"]
    assert not payloads["validation"] & payloads["test"]


@given(st.integers(1, 30), st.integers(2, 12), st.integers(1, 12))
def test_the_input_contains_the_answer_for_all_sizes(delay: int, alphabet: int, payload: int) -> None:
    inputs, targets = sample_copy(np.random.default_rng(1), 3, delay, alphabet, payload)
    assert inputs.shape == targets.shape == (3, delay + 2 * payload)
    assert (targets[:, -payload:] == inputs[:, :payload]).all()
    assert (targets[:, :-payload] == 0).all()
    assert ((inputs == alphabet + 1).sum(1) == payload + 1).all()


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("delay", -5, "delay must be at least 1 step, got -5"),
        ("alphabet", 1, "at least 2 symbols, got 1"),
        ("payload", 0, "at least 1 symbol, got 0"),
        ("samples", 0, "at least 1 sequence, got 0"),
    ],
)
def test_values_out_of_range_are_refused(option: str, value: int, sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        make(**{option: value})


def test_inputs_are_shown_with_dots_for_blanks_and_hashes_for_delimiters() -> None:
    batch = make(delay=3, payload=2).stream("test", 0)
    first, second = batch.inputs[0, :2].tolist()
    assert make(delay=3, payload=2).input_text(batch, 0) == f"{first} {second} . . # # #"
