"""The base class: loaders start at the step of the trainer, take the rows of their rank, and cover all splits."""

from __future__ import annotations

from itertools import islice
from types import MappingProxyType

import pytest
import torch

from seqbench.datamodules import epochs
from seqbench.datamodules.base import Scores, SequenceDataModule, require, shorten_items
from seqbench.protocol.batches import EvaluationLoader, Keys, TrainingLoader
from seqbench.protocol.run_trainer import RunTrainer
from seqbench.protocol.specs import Batch, Features, SequenceSpec, StepClasses, Tokens
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


class TrainerAt(RunTrainer):
    """The Trainer of a run at a step, on a rank of some processes."""

    def __init__(self, step: int, accumulate: int, rank: int, world: int) -> None:
        self.accumulate_grad_batches = accumulate
        self._at = (step, rank, world)

    @property
    def global_step(self) -> int:
        return self._at[0]

    @property
    def global_rank(self) -> int:
        return self._at[1]

    @property
    def world_size(self) -> int:
        return self._at[2]


def attach(data: SequenceDataModule, step: int = 0, accumulate: int = 1, rank: int = 0, world: int = 1) -> None:
    """Give a datamodule the trainer of a run in the given state."""
    data.trainer = TrainerAt(step, accumulate, rank, world)


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
    validation, tests = data.val_dataloader(), data.test_dataloader()
    assert isinstance(validation, EvaluationLoader)
    assert isinstance(tests, list)
    assert [loader.split for loader in (validation, *tests)] == ["validation", "test", "length-5"]
    assert [len(loader) for loader in tests] == [2, 2]


def test_a_loader_of_one_evaluation_split_has_its_batches() -> None:
    loader = Counter().split_dataloader("length-5")
    assert [int(batch.inputs[0, 0]) for batch in loader] == [0, 1]
    with pytest.raises(SeqbenchError, match="no evaluation split 'train'; the splits are validation, test, length-5"):
        Counter().split_dataloader("train")


def test_without_a_trainer_each_loop_over_the_training_batches_is_the_next_epoch() -> None:
    data = Counter()
    data.validate_every = 3
    loops = [[int(batch.inputs[0, 0]) for batch in data.train_dataloader()] for _ in range(2)]
    loader = data.train_dataloader()
    loops += [[int(batch.inputs[0, 0]) for batch in loader] for _ in range(2)]
    assert loops == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    data.epoch = 1
    assert [int(batch.inputs[0, 0]) for batch in islice(data.train_dataloader(), 2)] == [3, 4]
    assert data.epoch == 2


def test_the_loader_of_a_run_has_no_end() -> None:
    data = Counter()
    data.validate_every = 3
    attach(data, step=2)
    loader = data.train_dataloader()
    assert isinstance(loader, TrainingLoader)
    assert [int(batch.inputs[0, 0]) for batch in islice(loader, 5)] == [2, 3, 4, 5, 6]


def test_an_epoch_is_a_pass_over_the_data_or_else_the_steps_between_two_validations() -> None:
    data = Counter()
    assert data.steps_per_epoch == epochs.DEFAULT_STEPS
    data.validate_every = 7
    assert data.steps_per_epoch == 7
    vars(data)["steps_per_pass"] = lambda: 4
    assert data.steps_per_epoch == len(data.train_dataloader()) == 4  # type: ignore[arg-type]


def test_a_datamodule_is_printed_in_one_line() -> None:
    assert str(Counter(5)) == repr(Counter(5))
    assert str(Counter(5)).endswith("batches: train 1000, validation 2, test 2, length-5 2)")


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


def test_inputs_are_shown_as_numbers_and_long_ones_are_cut() -> None:
    data = Counter()
    assert data.input_text(data.stream("test", 7), 0) == "7 7 7"
    assert shorten_items([str(k) for k in range(42)]).endswith("38 39 ... (2 more)")
    data.spec = SequenceSpec(Features(2), StepClasses(2), max_length=3)
    assert data.input_text(data.stream("test", 7), 0) == "3 steps of 2 numbers"
