"""The base class: loaders start at the step of the trainer, take the rows of their rank, and cover all splits."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace
from typing import cast

import lightning.pytorch as L
import pytest
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens
from seqbench.utils.errors import SeqbenchError


class Counter(SequenceDataModule):
    """Batches whose inputs are the number of the batch."""

    probes = MappingProxyType({5: "length-5"})

    def __init__(self, batch_size: int = 4) -> None:
        super().__init__(batch_size, Keys(0, "counter", 1))
        self.spec = SequenceSpec(Tokens(100), StepClasses(2), max_length=3)

    def stream(self, split: str, step: int) -> Batch:
        inputs = torch.full((self.batch_size, 3), step)
        weights, index = torch.ones(self.batch_size, 3), torch.arange(self.batch_size)
        return Batch(inputs, inputs, torch.full((self.batch_size,), 3), weights, 12.0, index)

    def steps(self, split: str) -> int:
        return 2

    def chance(self, split: str) -> Scores:
        return {"accuracy": 0.5}

    def best(self, split: str) -> Scores:
        return {"accuracy": None}


def attach(data: SequenceDataModule, step: int = 0, accumulate: int = 1, rank: int = 0, world: int = 1) -> None:
    """Give a datamodule a trainer in the given state."""
    trainer = SimpleNamespace(global_step=step, accumulate_grad_batches=accumulate, global_rank=rank, world_size=world)
    data.trainer = cast(L.Trainer, trainer)


def first_inputs(data: SequenceDataModule) -> int:
    return int(next(iter(data.train_dataloader())).inputs[0, 0])


def test_training_starts_at_the_first_batch_without_a_trainer() -> None:
    assert first_inputs(Counter()) == 0


def test_training_continues_at_the_step_of_the_trainer() -> None:
    data = Counter()
    attach(data, step=7)
    assert first_inputs(data) == 7
    attach(data, step=7, accumulate=3)
    assert first_inputs(data) == 21


def test_each_rank_gets_its_rows() -> None:
    rows = []
    for rank in range(2):
        data = Counter()
        attach(data, rank=rank, world=2)
        rows += next(iter(data.train_dataloader())).index.tolist()
    assert rows == [0, 1, 2, 3]


def test_the_test_stage_includes_the_probes() -> None:
    data = Counter()
    assert data.splits("validation") == ("validation",)
    assert data.splits("test") == ("test", "length-5")
    assert [loader.split for loader in data.val_dataloader()] == ["validation"]
    assert [loader.split for loader in data.test_dataloader()] == ["test", "length-5"]
    assert [len(loader) for loader in data.test_dataloader()] == [2, 2]


def test_optional_members_have_empty_defaults() -> None:
    data = Counter()
    assert data.oracle(data.stream("test", 0)) is None
    assert data.baselines("test") == data.score_decoded("test", {}) == data.scores_by_length({}) == {}
    assert data.describe_data() == {}
    assert data.vocabulary_text() is None
    assert (data.sampler, data.vocabulary_file, data.best_unknown, data.trained_length) == ("", "", "", None)


def test_a_task_without_vocabulary_refuses_one() -> None:
    with pytest.raises(SeqbenchError, match="no vocabulary"):
        Counter().use_vocabulary("abc", {})


def test_a_subclass_must_implement_the_abstract_methods() -> None:
    assert SequenceDataModule.__abstractmethods__ == {"stream", "steps", "chance", "best"}


def test_require_raises_its_message_if_the_condition_is_false() -> None:
    require(True, "not raised")
    with pytest.raises(SeqbenchError, match=r"^length must be at least 1$"):
        require(False, "length must be at least 1")
