"""The data of a task alone: the same batches as in a run, in a user's own module and in a plain loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import seqbench
from seqbench.datamodules.characters import Characters
from seqbench.protocol.specs import Batch
from seqbench.utils.errors import SeqbenchError

TASK = {"name": "copy", "delay": 3, "samples": 16}


def test_the_batches_are_those_of_a_run_with_the_same_seed_and_batch_size() -> None:
    data = seqbench.data(TASK, tier="smoke", seed=7, batch_size=4)
    module = seqbench.build("gru", TASK, tier="smoke", seed=7, optim={"batch_size": 4})
    assert module.data is not None
    for split in ("train", "validation", "test"):
        own, of_run = data.stream(split, 1), module.data.stream(split, 1)
        assert torch.equal(own.inputs, of_run.inputs)
        assert len(own) == 4
    assert data.steps_per_epoch == module.data.steps_per_epoch == 200
    other = seqbench.data(TASK, tier="smoke", seed=8, batch_size=4)
    assert not torch.equal(other.stream("train", 0).inputs, data.stream("train", 0).inputs)
    assert torch.equal(other.stream("test", 0).inputs, data.stream("test", 0).inputs)


def test_the_batch_size_of_the_card_is_the_default() -> None:
    assert seqbench.data("copy", tier="smoke").batch_size == 64
    assert isinstance(seqbench.data("copy", tier="smoke").stream("test", 0), seqbench.Batch)
    assert seqbench.Batch is Batch


@pytest.mark.parametrize("carry_state", [None, True, False])
def test_streams_are_chunks_or_windows(carry_state: bool | None, text_folder: Path) -> None:
    task = {"name": "char-lm", "data_dir": str(text_folder), "length": 16, "window": 24}
    data = seqbench.data(task, tier="smoke", batch_size=4, carry_state=carry_state)
    assert isinstance(data, Characters)
    batch = data.stream("train", 0)
    assert (batch.first, batch.inputs.shape[1]) == ((None, 24) if carry_state is False else (True, 16))


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("cpy", {}, "unknown task 'cpy'. Did you mean 'copy'"),
        (3, {}, 'task must be a name such as "copy", or a mapping .* got 3'),
        ({"delay": 3}, {}, "task must be a name"),
        ({"name": "copy", "dely": 3}, {}, r"unknown option 'task.dely' .*Did you mean task.delay"),
        ({"name": "copy", "delay": "x"}, {}, "option --task.delay: expected int, got 'x'"),
        ({"name": "copy", "delay": object()}, {}, "plain data"),
        ("copy", {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ("copy", {"batch_size": "many"}, "option --optim.batch_size: expected int, got 'many'"),
        ("copy", {"seed": -1}, "seed must be a whole number from 0 to"),
        ("copy", {"seed": "0"}, "seed must be a whole number from 0 to"),
        ("copy", {"tier": "huge"}, "has no tier 'huge'"),
        ("copy", {"carry_state": True}, "carry_state is for tasks on streams"),
    ],
)
def test_wrong_input_is_one_sentence(task: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        seqbench.data(task, **options)


def test_missing_data_are_named(no_data: None) -> None:
    with pytest.raises(SeqbenchError, match="SEQBENCH_DATA"):
        seqbench.data("char-lm-ptb", tier="smoke")
