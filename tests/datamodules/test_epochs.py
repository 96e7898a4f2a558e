"""Epochs of training batches: their length, and their position in a user's own Trainer and without one."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn

import seqbench
from seqbench.datamodules.base import SequenceDataModule
from seqbench.datamodules.epochs import EpochLoader
from seqbench.protocol.batches import Shard
from seqbench.protocol.specs import Batch
from tests.datamodules.test_base import Counter
from tests.models.modules import build_trainer

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Recorder(L.LightningModule):
    """A module of a user that records the numbers of its training batches."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.seen: list[int] = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.seen.append(int(batch.inputs[0, 0]))
        loss: Tensor = self.layer(torch.ones(1, 1)).sum()
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def seen_by(trainer: L.Trainer, data: SequenceDataModule, checkpoint: Path | None = None) -> list[int]:
    module = Recorder()
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint)
    return module.seen


def counter(steps: int = 4) -> Counter:
    data = Counter()
    data.validate_every = steps
    return data


def test_a_loader_yields_one_epoch_from_the_present_position() -> None:
    position = 3
    loader = EpochLoader(counter().stream, lambda: position, 4, Shard())
    assert [int(batch.inputs[0, 0]) for batch in loader] == [3, 4, 5, 6]
    position = 8
    assert [int(batch.inputs[0, 0]) for batch in loader] == [8, 9, 10, 11]
    assert len(loader) == 4


@pytest.mark.parametrize(
    ("options", "batches"),
    [
        ({"max_epochs": 2}, list(range(8))),
        ({"max_steps": 6}, list(range(6))),
        ({"max_epochs": 2, "accumulate_grad_batches": 3}, list(range(8))),
        ({"max_epochs": 3, "limit_train_batches": 2}, list(range(6))),
        ({"max_epochs": 3, "overfit_batches": 2}, [0, 1, 0, 1, 0, 1]),
        ({"fast_dev_run": True}, [0]),
        ({"max_epochs": 2, "reload_dataloaders_every_n_epochs": 1}, list(range(8))),
    ],
    ids=str,
)
def test_a_users_trainer_gets_the_batches_of_its_epochs(options: dict[str, Any], batches: list[int]) -> None:
    assert seen_by(build_trainer(**{"max_steps": -1, **options}), counter()) == batches


@pytest.mark.parametrize("limit", [{"max_steps": 10}, {"max_epochs": 3, "max_steps": -1}], ids=str)
@pytest.mark.parametrize("steps", [3, 4, 6])
def test_a_resumed_fit_continues_at_the_next_batch(steps: int, limit: dict[str, int], tmp_path: Path) -> None:
    """Also within an epoch."""
    first = build_trainer(max_steps=steps)
    assert seen_by(first, counter()) == list(range(steps))
    first.save_checkpoint(tmp_path / "half.ckpt")
    seen = seen_by(build_trainer(**limit), counter(), tmp_path / "half.ckpt")
    assert seen == list(range(steps, steps + len(seen)))
    assert len(seen) == 10 - steps or "max_epochs" in limit


def test_a_fit_resumed_from_a_checkpoint_of_a_callback_sees_each_batch_once(tmp_path: Path) -> None:
    saving = ModelCheckpoint(tmp_path, "{step}", every_n_train_steps=3, save_top_k=-1)
    seen_by(build_trainer(max_epochs=3, max_steps=-1, callbacks=[saving], enable_checkpointing=True), counter())
    for steps in (3, 6, 9, 12):
        resumed = build_trainer(max_epochs=3, max_steps=-1)
        assert seen_by(resumed, counter(), tmp_path / f"step={steps}.ckpt") == list(range(steps, 12))


def test_a_resumed_fit_gets_no_warning_about_its_loader(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    first = build_trainer(max_steps=3)
    seen_by(first, counter())
    first.save_checkpoint(tmp_path / "half.ckpt")
    seen_by(build_trainer(max_steps=10), counter(), tmp_path / "half.ckpt")
    assert [str(warning.message) for warning in recwarn if "not resumable" in str(warning.message)] == []


def test_after_a_fit_a_loop_without_a_trainer_has_epochs_of_its_own() -> None:
    data = counter()
    seen_by(build_trainer(max_steps=6), data)
    loops = [[int(batch.inputs[0, 0]) for batch in data.train_dataloader()] for _ in range(2)]
    assert loops == [[0, 1, 2, 3], [4, 5, 6, 7]]


@pytest.mark.parametrize(
    ("task", "folder"),
    [
        ({"name": "sentiment"}, "sentences"),
        ({"name": "music", "segment": 0}, "rolls"),
        ({"name": "music", "segment": 3}, "rolls"),
        ({"name": "translation", "vocabulary_size": 300}, "pairs"),
        ({"name": "char-lm", "length": 16}, "texts"),
    ],
    ids=str,
)
def test_an_epoch_of_a_data_set_is_one_pass_over_it(
    task: dict[str, Any], folder: str, small_data: Path, text_folder: Path
) -> None:
    data = seqbench.data({**task, "data_dir": str(small_data / folder)}, tier="smoke", batch_size=4)
    rows = [row for batch in data.train_dataloader() for row in batch.index.tolist()]
    if task["name"] == "char-lm":
        chunks = [batch.first for batch in data.train_dataloader()]
        assert chunks == [True] + [False] * (data.steps_per_epoch - 1)
        assert next(iter(data.train_dataloader())).first is True
    elif not task.get("segment"):
        assert sorted(rows) == list(range(len(rows)))
    assert len(list(data.train_dataloader())) == data.steps_per_epoch


def test_an_epoch_of_generated_data_has_the_steps_between_two_validations_of_the_card() -> None:
    data = seqbench.data("copy", tier="smoke")
    assert data.steps_per_pass() is None
    assert data.steps_per_epoch == 200
    again = [int(batch.inputs.sum()) for batch in islice(seqbench.data("copy", tier="smoke").train_dataloader(), 3)]
    assert again == [int(data.stream("train", step).inputs.sum()) for step in range(3)]
