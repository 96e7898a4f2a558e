"""The curve of a run: training loss and validation scores by step.

The curve is part of each checkpoint and of the record. If a loss or a score is not a finite number, the callback also
ends the run before a checkpoint is written.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypedDict

import lightning.pytorch as L
import torch
from torch import Tensor

from seqbench.models.module import SequenceModule
from seqbench.running import scoring
from seqbench.utils.errors import SeqbenchError

POINT_STEPS = 50
"""Training steps whose mean loss is one point of the training curve."""

LOSSES_KEY = "seqbench_losses"
"""Key of a checkpoint under which the losses since the last point are kept."""

ScoreColumns = dict[str, list[float | None]]
"""Columns of equal length by name; a score is None where it is undefined."""

Columns = dict[str, list[float]]
"""Columns of equal length by name; ``step`` holds whole numbers."""


class CurveState(TypedDict):
    """The points of a curve: ``train`` and ``validation``, each with a column ``step``."""

    train: Columns
    validation: ScoreColumns


class DivergedError(Exception):
    """A loss or a score is not a finite number."""


class Curve(L.Callback):
    """Collect ``train`` (step, loss) and ``validation`` (step, one column for each metric).

    Losses stay on the device until there are ``POINT_STEPS`` of them or validation begins, so that no step waits for
    the device. A checkpoint between two points holds the losses since the last point.
    """

    def __init__(self) -> None:
        self.train: Columns = {"step": [], "loss": []}
        self.validation: ScoreColumns = {"step": []}
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor | Mapping[str, object] | None,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Keep the loss; add a point every ``POINT_STEPS`` steps.

        Raises:
            SeqbenchError: the training step of the module returned no loss.
        """
        self._losses.append(_loss_of(outputs, pl_module, trainer.global_step))
        if trainer.global_step % POINT_STEPS == 0:
            self._add_point(trainer)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add a point: the mean of the losses since the last point."""
        self._add_point(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add the validation scores; checkpoints are written after this.

        Raises:
            DivergedError: a score is not a finite number.
            SeqbenchError: the metric that selects the weights is undefined, or the task does not give it.
        """
        if not isinstance(pl_module, SequenceModule):
            return
        scores = pl_module.evaluated["validation"]
        metric = pl_module.context.config.card.metric.selected_by
        scoring.require_given(scores, "validation", metric)
        scoring.require_defined(scores[metric], "validation", metric)
        for name, value in scores.items():
            if value is not None and not math.isfinite(value):
                raise DivergedError(f"validation {name} is {value} at step {trainer.global_step}")
            self.validation.setdefault(name, []).append(value)
        self.validation["step"].append(trainer.global_step)
        _log_metrics(trainer, {f"validation/{name}": value for name, value in scores.items() if value is not None})

    def _add_point(self, trainer: L.Trainer) -> None:
        if not self._losses:
            return
        loss = float(self._losses_of_all_ranks(trainer).mean())
        self._losses.clear()
        if not math.isfinite(loss):
            raise DivergedError(f"the training loss is {loss} at step {trainer.global_step}")
        self.train["step"].append(trainer.global_step)
        self.train["loss"].append(loss)
        _log_metrics(trainer, {"train/loss": loss, **_learning_rates(trainer)})

    def _losses_of_all_ranks(self, trainer: L.Trainer) -> Tensor:
        """Return the losses since the last point, ``(steps,)``."""
        # Each rank holds its share of the global loss times the number of ranks, so their mean is the loss.
        losses = trainer.strategy.reduce(torch.stack(self._losses), reduce_op="mean")
        assert isinstance(losses, Tensor)
        return losses

    def on_save_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, object]
    ) -> None:
        """Add the losses since the last point to the checkpoint.

        All ranks call this method, but not ``state_dict``; the losses of all ranks are needed.

        Raises:
            DivergedError: a loss is not a finite number; the step gets no checkpoint.
        """
        losses = self._losses_of_all_ranks(trainer).cpu() if self._losses else torch.empty(0)
        if not losses.isfinite().all():
            raise DivergedError(f"the training loss is {float(losses.mean())} at step {trainer.global_step}")
        checkpoint[LOSSES_KEY] = losses

    def on_load_checkpoint(
        self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, object]
    ) -> None:
        """Restore the losses since the last point."""
        losses = checkpoint[LOSSES_KEY]
        assert isinstance(losses, Tensor)
        self._losses = list(losses.to(trainer.strategy.root_device))

    def curves(self) -> CurveState:
        """Return the points so far."""
        return {"train": self.train, "validation": self.validation}

    def state_dict(self) -> dict[str, object]:
        """Return the points so far, for the checkpoint."""
        return dict(self.curves())

    def load_state_dict(self, state_dict: CurveState) -> None:  # type: ignore[override]  # What state_dict returned.
        """Restore the points of a checkpoint."""
        self.train, self.validation = state_dict["train"], state_dict["validation"]


def _loss_of(outputs: Tensor | Mapping[str, object] | None, module: L.LightningModule, step: int) -> Tensor:
    """Return the loss in the outputs of a training step, a tensor without axes.

    Args:
        outputs: what Lightning made of the result of the training step.
        module: the module.
        step: number of batches so far, for the message.

    Raises:
        SeqbenchError: there is no loss; it would be missing in the curve, and a divergence would not be seen.
    """
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    if not isinstance(loss, Tensor) or loss.numel() != 1:
        found = f"a tensor of shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else "none"
        raise SeqbenchError(
            f"the training_step of {type(module).__name__} must return the loss of its batch, a tensor of one number "
            f"or a mapping with one under 'loss', but at step {step} there is {found}; return it."
        )
    return loss.detach().reshape(())


def _learning_rates(trainer: L.Trainer) -> dict[str, float]:
    """Return the learning rate of each optimiser: ``train/lr``, ``train/lr_2`` and so on; none without optimisers."""
    rates: dict[str, float] = {}
    for number, optimizer in enumerate(trainer.optimizers, 1):
        # Lightning has an optimiser without parameters for a module that has none.
        if optimizer.param_groups:
            rates["train/lr" if number == 1 else f"train/lr_{number}"] = float(optimizer.param_groups[0]["lr"])
    return rates


def _log_metrics(trainer: L.Trainer, values: Mapping[str, float]) -> None:
    for logger in trainer.loggers:
        logger.log_metrics(dict(values), step=trainer.global_step)
