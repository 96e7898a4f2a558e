"""What Lightning's users expect of a module in a Trainer of their own; in a run of seqbench, nothing of it happens.

In a run, callbacks log losses and scores, the card sets the steps of the schedule, and the Trainer clips.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import lightning.pytorch as L
import torch
from torch import Tensor

from seqbench.protocol.cards import Optim
from seqbench.protocol.run_trainer import is_run

if TYPE_CHECKING:
    from seqbench.models.evaluated_module import EvaluatedModule
    from seqbench.models.module import SequenceModule

TRAINER_FIELDS = ("trainer", "logger")
"""Options of a configuration that a user's own Trainer replaces."""


def follow_trainer(optim: Optim, trainer: L.Trainer | None) -> Optim:
    """Return the optimisation with the number of steps that a user's own Trainer will take.

    A Trainer without an end, and no Trainer at all, leave the card's number of steps. The warm-up takes the card's
    share of the steps.

    Args:
        optim: optimisation of the card.
        trainer: the Trainer of the module, or None.
    """
    if trainer is None or is_run(trainer):
        return optim
    steps = trainer.estimated_stepping_batches
    if not 0 < steps < math.inf or steps == optim.steps:
        return optim
    steps = int(steps)
    # Validations are the Trainer's; a card requires that they divide the steps.
    return dataclasses.replace(optim, steps=steps, validate_every=steps, warmup=optim.warmup_of(steps))


def clip_as_on_card(module: SequenceModule, optimizer: torch.optim.Optimizer, value: float | None) -> bool:
    """Clip the gradient at the norm of the card, unless the Trainer has a value of its own or belongs to a run.

    Args:
        module: the module of the optimiser.
        optimizer: optimiser whose parameters have gradients.
        value: ``gradient_clip_val`` of the Trainer; 0 means that the user wants no clipping.

    Returns:
        True if the gradient was clipped here.
    """
    if value is not None or is_run(module.trainer) or not module.optim.clip:
        return False
    module.clip_gradients(optimizer, gradient_clip_val=module.optim.clip, gradient_clip_algorithm="norm")
    return True


def log_configuration(module: SequenceModule) -> None:
    """Write the options of the module to the loggers, as hyperparameters."""
    if is_run(module.trainer):
        return
    options = {key: value for key, value in module.context.config.options().items() if key not in TRAINER_FIELDS}
    for logger in module.trainer.loggers:
        logger.log_hyperparams(options)


def log_training_loss(module: SequenceModule, outputs: object) -> None:
    """Log ``train/loss`` of a step and ``train/loss_epoch``, the mean over the steps of the epoch.

    Args:
        module: the module that was trained.
        outputs: outputs of the training step; without a loss nothing is logged.
    """
    loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
    trainer = module.trainer
    if is_run(trainer) or not isinstance(loss, Tensor):
        return
    # With automatic optimisation, Lightning divides the loss by the number of batches of an optimiser step.
    loss = loss.detach() * (trainer.accumulate_grad_batches if module.automatic_optimization else 1)
    several = trainer.world_size > 1
    # Each rank has its share of the loss times the number of ranks, so all ranks have the same weight in the mean,
    # however many sequences they have.
    module.log("train/loss", loss, prog_bar=True, batch_size=1, sync_dist=several)
    module.log("train/loss_epoch", loss, on_step=False, on_epoch=True, batch_size=1, sync_dist=several)


def log_scores(module: EvaluatedModule, stage: str, split: str, scores: Mapping[str, float | None]) -> None:
    """Log the scores of a split as ``<split>/<metric>``, for loggers, callbacks, the progress bar and the results.

    Args:
        module: the module that was evaluated.
        stage: ``validation`` or ``test``.
        split: name of the split.
        scores: score of each metric, the same on every rank; a score that is undefined (None) is not logged.
    """
    defined = {name: value for name, value in scores.items() if value is not None}
    if is_run(module.trainer):
        # Callbacks read these. Loggers get validation scores from the curve callback instead, because Lightning would
        # log them one step too early.
        named = {f"{split}/{name}": value for name, value in defined.items()}
        module.log_dict(named, logger=stage != "validation", add_dataloader_idx=False)
        return
    shown = {"loss", module.context.config.card.metric.name}
    for name, value in defined.items():
        module.log(
            f"{split}/{name}",
            value,
            prog_bar=name in shown,
            on_step=False,
            on_epoch=True,
            sync_dist=module.trainer.world_size > 1,
            add_dataloader_idx=False,
            batch_size=1,
        )
