"""The curve of a run: training loss and validation scores by step, kept in the checkpoint.

It also stops a run that has no numbers left, before a checkpoint of it is written.
"""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as L
import torch
from torch import Tensor

from seqbench.models.module import SequenceModule

EVERY = 50
"""Steps that one point of the training curve is the mean of."""


class DivergedError(Exception):
    """Training met a loss or a score that is no finite number."""


class Curve(L.Callback):
    """Collects ``train`` (step, loss) and ``validation`` (step, one column a metric), for the record.

    Losses stay on the device until ``EVERY`` steps are together or validation begins, so that a step costs
    nothing. A checkpoint between two points holds those of its steps.
    """

    def __init__(self) -> None:
        self.train: dict[str, list[Any]] = {"step": [], "loss": []}
        self.validation: dict[str, list[Any]] = {"step": []}
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Keep the loss; every ``EVERY`` steps make a point of them."""
        self._losses.append(outputs["loss"].detach())
        if trainer.global_step % EVERY == 0:
            self._point(trainer)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Make a point of what is left."""
        self._point(trainer)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add the validation scores; checkpoints are written after this."""
        if not isinstance(pl_module, SequenceModule):
            return
        scores = pl_module.evaluated["validation"]
        for name, value in scores.items():
            if not math.isfinite(value):
                raise DivergedError(f"validation {name} is {value} at step {trainer.global_step}")
            self.validation.setdefault(name, []).append(value)
        self.validation["step"].append(trainer.global_step)
        self._log(trainer, {f"validation/{name}": value for name, value in scores.items()})

    def _point(self, trainer: L.Trainer) -> None:
        if not self._losses:
            return
        loss = float(self._of_all_ranks(trainer).mean())
        self._losses.clear()
        if not math.isfinite(loss):
            raise DivergedError(f"the training loss is {loss} at step {trainer.global_step}")
        self.train["step"].append(trainer.global_step)
        self.train["loss"].append(loss)
        self._log(trainer, {"train/loss": loss, "train/lr": float(trainer.optimizers[0].param_groups[0]["lr"])})

    def _of_all_ranks(self, trainer: L.Trainer) -> Tensor:
        """The losses since the last point, ``(steps,)``."""
        # Each rank holds its share of the global loss times the number of ranks: their mean is the loss.
        together: Any = trainer.strategy.reduce(torch.stack(self._losses), reduce_op="mean")
        return together

    @staticmethod
    def _log(trainer: L.Trainer, figures: dict[str, float]) -> None:
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=trainer.global_step)

    def on_save_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the losses since the last point: all ranks are here, as they are not in ``state_dict``.

        Raises:
            DivergedError: one is no finite number, so that nothing of this step is worth keeping.
        """
        losses = self._of_all_ranks(trainer).cpu() if self._losses else torch.empty(0)
        if not losses.isfinite().all():
            raise DivergedError(f"the training loss is {float(losses.mean())} at step {trainer.global_step}")
        checkpoint["seqbench_losses"] = losses

    def on_load_checkpoint(self, trainer: L.Trainer, pl_module: L.LightningModule, checkpoint: dict[str, Any]) -> None:
        """Take them up."""
        self._losses = list(checkpoint["seqbench_losses"].to(trainer.strategy.root_device))

    def state_dict(self) -> dict[str, Any]:
        """The points so far, for the checkpoint and the record."""
        return {"train": self.train, "validation": self.validation}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the points of a checkpoint."""
        self.train, self.validation = state_dict["train"], state_dict["validation"]
