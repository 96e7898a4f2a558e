"""The training of a module: random numbers of a step, carried state of checkpoints, and optimisation."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import torch

from seqbench.models.bodies import SingleBackbone
from seqbench.models.module import CARRIED_STATE, SequenceModule
from tests.models.modules import CHARACTERS, COPY, build_small_module, build_trainer, training_batch

if TYPE_CHECKING:
    from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def on_rank(module: SequenceModule, step: int = 0, rank: int = 0, world_size: int = 1) -> SequenceModule:
    """Make a module believe that it is at a step of a Trainer, on a rank of some processes."""
    progress = SimpleNamespace(total=SimpleNamespace(processed=step))
    loops = SimpleNamespace(epoch_loop=SimpleNamespace(batch_progress=progress))
    module._trainer = SimpleNamespace(fit_loop=loops, global_rank=rank, world_size=world_size)  # type: ignore[assignment]
    return module


def random_numbers(module: SequenceModule, seed: int = 0, step: int = 0, rank: int = 0) -> list[float]:
    """Return the random numbers that a training step of a run with that seed draws."""
    module.seed = seed
    on_rank(module, step, rank, world_size=2).on_train_batch_start(training_batch(module), 0)
    return torch.rand(4).tolist()


def test_the_random_numbers_of_a_step_depend_on_seed_step_and_rank_only(text_folder: Path) -> None:
    module = build_small_module("gru", COPY, text_folder)
    first = random_numbers(module)
    torch.rand(3)
    assert random_numbers(module) == first
    others = [random_numbers(module, seed=1), random_numbers(module, step=1), random_numbers(module, rank=1)]
    assert len({tuple(numbers) for numbers in (first, *others)}) == 4


def test_dropout_is_keyed_by_the_step(text_folder: Path) -> None:
    module = build_small_module({"name": "gru", "d_model": 8, "dropout": 0.5}, COPY, text_folder).train()
    batch, losses = training_batch(module), []
    for step in (0, 1, 0):
        on_rank(module, step).on_train_batch_start(batch, 0)
        losses.append(float(module.training_step(batch, 0).detach()))
    assert losses[0] == losses[2]
    assert losses[0] != losses[1]


def test_the_loss_is_the_weighted_mean_over_the_global_batch(text_folder: Path) -> None:
    module = build_small_module("gru", COPY, text_folder)
    batch = training_batch(module)
    loss = on_rank(module, world_size=1).training_step(batch, 0)
    torch.testing.assert_close(loss, module.objective.loss_sum(module.body(batch), batch) / batch.total)
    halves = [batch.rows(slice(0, 5)), batch.rows(slice(5, 8))]
    parts = [on_rank(module, rank=rank, world_size=2).training_step(half, 0) for rank, half in enumerate(halves)]
    torch.testing.assert_close(sum(parts) / 2, loss)


def test_a_checkpoint_holds_the_carried_state(text_folder: Path) -> None:
    module = on_rank(build_small_module("gru", CHARACTERS, text_folder))
    module.training_step(training_batch(module), 0)
    checkpoint: dict[str, object] = {}
    module.on_save_checkpoint(checkpoint)
    other = on_rank(build_small_module("gru", CHARACTERS, text_folder))
    other.on_load_checkpoint(checkpoint)
    restored, saved = other._carried, checkpoint[CARRIED_STATE]
    assert isinstance(restored, torch.Tensor)
    assert isinstance(saved, torch.Tensor)
    assert torch.equal(restored, saved)
    assert restored.any()


def test_each_rank_restores_the_state_of_its_own_rows(text_folder: Path) -> None:
    module = build_small_module("gru", CHARACTERS, text_folder)
    module.on_load_checkpoint({CARRIED_STATE: torch.arange(3)})
    assert isinstance(module._carried, torch.Tensor)
    assert module._carried.tolist() == [0, 1, 2]
    on_rank(module, rank=1, world_size=2).on_load_checkpoint({CARRIED_STATE: torch.arange(3)})
    assert isinstance(module._carried, torch.Tensor)
    assert module._carried.tolist() == [1, 2]


def test_clipping_acts_on_the_gradient_of_the_present_step(text_folder: Path) -> None:
    module = build_small_module("gru", COPY, text_folder, optimizer="sgd", weight_decay=0.0, lr=1.0)
    before = torch.cat([p.detach().flatten() for p in module.parameters()])
    build_trainer(max_steps=1, gradient_clip_val=1e-3, limit_val_batches=0).fit(module)
    step = torch.cat([p.detach().flatten() for p in module.parameters()]) - before
    assert float(step.norm()) == pytest.approx(1e-3, rel=1e-2)


def test_gradients_are_clipped_in_mixed_precision_too(text_folder: Path) -> None:
    """Lightning refuses to clip under a fused optimiser in mixed precision."""
    module = build_small_module("gru", COPY, text_folder)
    trainer = build_trainer(max_steps=2, gradient_clip_val=1.0, precision="bf16-mixed", limit_val_batches=0)
    trainer.fit(module)
    assert trainer.global_step == 2


def test_the_schedule_runs_at_every_step(text_folder: Path) -> None:
    """Lightning ignores a schedule under a key that it does not know."""
    module = build_small_module("gru", COPY, text_folder, schedule="cosine", warmup=2)
    trainer = build_trainer(max_steps=20, limit_val_batches=0)
    trainer.fit(module)
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.01 * module.optim.lr)


def test_a_backbone_may_choose_its_parameter_groups(text_folder: Path) -> None:
    module = build_small_module("gru", COPY, text_folder, weight_decay=0.1)
    assert isinstance(module.body, SingleBackbone)
    name, special = next((name, p) for name, p in module.named_parameters() if name.endswith("bias_hh_l0"))
    assert name.startswith("body.backbone.")
    vars(module.body.backbone)["parameter_groups"] = lambda: [
        {"params": [special], "weight_decay": 0.7, "lr_scale": 0.5}
    ]
    optimizer = cast("OptimizerLRSchedulerConfig", module.configure_optimizers())["optimizer"]
    options = {
        id(p): (group["initial_lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]
    }
    assert options.pop(id(special)) == (module.optim.lr / 2, 0.7)
    assert set(options.values()) == {(module.optim.lr, 0.0), (module.optim.lr, 0.1)}
    assert len(options) + 1 == len(list(module.parameters()))


def test_the_rates_of_groups_hold_in_a_trainer_of_a_user(text_folder: Path) -> None:
    module = build_small_module("lru", COPY, text_folder, schedule="cosine", warmup=2)
    trainer = build_trainer(max_steps=20, limit_val_batches=0)
    trainer.fit(module)
    rates = sorted({group["lr"] for group in trainer.optimizers[0].param_groups})
    assert rates == pytest.approx([0.005 * module.optim.lr, 0.01 * module.optim.lr])


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_module_trains_on_a_gpu(text_folder: Path, precision: str) -> None:
    module = build_small_module("gru", COPY, text_folder)
    build_trainer(accelerator="gpu", devices=1, precision=precision, limit_val_batches=0).fit(module)
    assert all(p.isfinite().all() for p in module.parameters())
