"""The training loop of a run: it counts batches, whatever the optimisers of the module do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as L
import pytest
import torch

from seqbench.models.module import SequenceModule
from seqbench.protocol.specs import Batch
from seqbench.running.training_loop import StepCallback, count_batches
from tests.models.modules import build_copy, build_trainer

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class Recorder(StepCallback):
    """Notes the step and a weight that the module's own hook changes, after each step."""

    def __init__(self, module: SequenceModule, path: Path | None = None, save_at: int = 0) -> None:
        self.module, self.path, self.save_at = module, path, save_at
        self.seen: list[tuple[int, int]] = []

    def on_step_end(self, trainer: L.Trainer) -> None:
        self.seen.append((trainer.global_step, trainer.fit_loop.epoch_loop._batches_that_stepped))
        if self.path is not None and trainer.global_step == self.save_at:
            trainer.save_checkpoint(self.path)


def train(module: SequenceModule, steps: int, callbacks: list[L.Callback], **options: Any) -> L.Trainer:
    trainer = build_trainer(max_steps=steps, max_epochs=-1, limit_val_batches=0, callbacks=callbacks)
    count_batches(trainer)
    trainer.fit(module, **options)
    return trainer


@pytest.mark.parametrize("optimizer_steps", [0, 1, 2])
def test_the_steps_of_a_trainer_are_its_batches_whatever_its_optimisers_do(optimizer_steps: int) -> None:
    module = build_copy("gru")
    module.automatic_optimization = False
    indices: list[int] = []

    def training_step(batch: Batch, batch_idx: int) -> torch.Tensor:
        indices.append(int(batch.index[0]))
        for _ in range(optimizer_steps):
            module.optimizers().step()  # type: ignore[union-attr]  # One optimiser.
        return torch.zeros(())

    module.training_step = training_step  # type: ignore[method-assign]
    recorder = Recorder(module)
    trainer = train(module, 3, [recorder])
    assert trainer.global_step == 3
    assert [step for step, _ in recorder.seen] == [1, 2, 3]
    assert len(set(indices)) == 3


def test_a_step_ends_after_the_hooks_of_the_module() -> None:
    module = build_copy("gru")
    order: list[str] = []
    module.on_train_batch_end = lambda *_: order.append("module")  # type: ignore[method-assign]

    class Last(StepCallback):
        def on_train_batch_end(self, *_: object) -> None:
            order.append("callback")

        def on_step_end(self, trainer: L.Trainer) -> None:
            order.append("step")

    train(module, 2, [Last()])
    assert order == ["callback", "module", "step"] * 2


def test_a_checkpoint_of_a_step_continues_with_the_next_one(tmp_path: Path) -> None:
    whole = build_copy("gru")
    train(whole, 4, [first := Recorder(whole, tmp_path / "step.ckpt", save_at=2)])
    rest = build_copy("gru", seed=0)
    train(rest, 4, [second := Recorder(rest)], ckpt_path=tmp_path / "step.ckpt", weights_only=True)
    assert first.seen[2:] == second.seen
    assert [step for step, _ in second.seen] == [3, 4]
    assert all(torch.equal(whole.state_dict()[name], tensor) for name, tensor in rest.state_dict().items())
