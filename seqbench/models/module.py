"""The LightningModule of an architecture on a task: its training, optimiser and checkpoints."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map, tree_map_only

from seqbench.models import lightning_defaults, own_training, rebuild
from seqbench.models.contract import module_probe
from seqbench.models.evaluated_module import EvaluatedModule
from seqbench.models.optimization import build_optimizer, learning_rate_schedule
from seqbench.models.parameter_groups import OptimizerGroup, collect_optimizer_groups
from seqbench.models.plateau import PlateauLR
from seqbench.protocol.batches import trained_batches
from seqbench.protocol.random_keys import generator_seed
from seqbench.protocol.specs import Batch
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    from lightning.fabric.utilities.types import _MAP_LOCATION_TYPE, _PATH
    from lightning.pytorch.utilities.types import OptimizerLRScheduler, OptimizerLRSchedulerConfig

CARRIED_STATE = "seqbench_carried"
"""Key of a checkpoint under which the carried state of truncated back-propagation is kept."""

PerRank = TypeVar("PerRank")


class SequenceModule(EvaluatedModule):
    """One architecture on one task.

    Any Trainer can run it: ``Trainer(max_epochs=5).fit(module)`` trains on the task that it was built for. In a user's
    own Trainer it has the defaults of Lightning, see ``models.lightning_defaults``. A run has a ``RunTrainer``.

    A subclass is an architecture that brings its own training. It builds its backbone in
    ``__init__(self, context, d_model, ...)`` and may override ``training_step``, ``configure_optimizers``,
    ``configure_callbacks``, ``setup`` and the hooks of training, but not evaluation, so that scores stay comparable
    (see ``models.own_training``). Hooks run after those of this class and need not call ``super()``.

    Args:
        context: the configuration and the task; ``models.build`` makes it.
        backbone: the backbone; its contract is in ``docs/architecture.md``.
        encoder: the encoder of a task with pairs of sequences; None for the one that the configuration names.

    Attributes:
        spec: input and output of the task.
        body: body that turns a batch into hidden vectors.
        objective: objective that turns hidden vectors into loss, metrics and predictions.
        optim: optimiser and schedule; its ``clip`` applies unless the Trainer sets ``gradient_clip_val``.
        seed: seed of the random numbers of each training step (dropout).
        data: the data of the task; None for a module that was loaded without data.
        data_source: function that builds the data when they are first used; None for a module without such a function.
        evaluated: metrics of the last evaluation of each split; None for one that is undefined (0/0).
        causality: result of the causality probe; None before training.
        decoded: decoded tokens of each sample of each split, if outputs are token sequences.
        samples: scores and digests of the predictions of each sample of each tested split.

    >>> import seqbench
    >>> module = seqbench.build("gru", "parity", tier="smoke")
    >>> batch = module.data.stream("train", 0)
    >>> module(batch).shape == (*batch.targets.shape, 2)
    True
    """

    brings_training: ClassVar[bool] = True
    """Tells ``protocol.registry.brings_training`` that a class is a module with training of its own."""

    unrolls: ClassVar[bool] = True
    """False if the backbone that a subclass builds has no ``unroll``: it then reads streams as overlapping windows."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check that a subclass leaves evaluation alone.

        Raises:
            SeqbenchError: it overrides a final method.
        """
        super().__init_subclass__(**kwargs)
        cls._is_own = True
        own_training.prepare_subclass(cls, SequenceModule)

    # Training.

    def on_fit_start(self) -> None:
        """Write the options to the loggers of a user's own Trainer, and probe the backbone if no callback has done it.

        Raises:
            SeqbenchError: an output depends on later inputs or on padding, or the backbone returns a wrong value.
        """
        lightning_defaults.log_configuration(self)
        if self.causality is None:
            self.causality = module_probe.probe_module(self, self.trainer)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Seed the random numbers of the step by a hash of (seed, step, rank).

        Therefore a resumed run draws the same numbers, and no two seeds draw the same ones at different steps.
        """
        step, rank = trained_batches(self.trainer), self.trainer.global_rank
        key = generator_seed("dropout", self.seed, step, rank)
        torch.default_generator.manual_seed(key)
        if self.device.type == "cuda":
            torch.cuda.default_generators[self.device.index or 0].manual_seed(key)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a training batch."""
        return self.batch_loss(self.hidden_states(batch), batch)

    def hidden_states(self, batch: Batch) -> Tensor:
        """Return the hidden vectors of a training batch, ``(batch, out_time, d_model)``.

        On streams the backbone continues from the state after the previous call, so call it once in a training step.
        """
        hidden, self._carried = self._hidden_and_state(batch, self._carried)
        return hidden

    def batch_loss(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the loss: a weighted mean over the global batch, so that the mean over ranks is exact.

        Args:
            hidden: hidden vectors of the batch, ``(batch, out_time, d_model)``.
            batch: the training batch, with targets and weights.
        """
        return self.objective.loss_sum(hidden, batch) * (self.trainer.world_size / batch.total)

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        """Log the loss in a user's own Trainer."""
        lightning_defaults.log_training_loss(self, outputs)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser and schedule of the card; a backbone may choose its own parameter groups."""
        return self.card_optimizer(self.parameters())

    def card_optimizer(self, parameters: Iterable[nn.Parameter]) -> OptimizerLRSchedulerConfig:
        """Return the optimiser and the schedule of the card for some parameters of this module.

        A subclass with several optimisers uses it for the parameters that have no other one. Which parameters have
        weight decay is stated in ``models.parameter_groups``.

        Args:
            parameters: the parameters; those in a backbone's ``parameter_groups`` keep their options.

        Raises:
            SeqbenchError: a group of a backbone cannot be used.
        """
        chosen = {id(p) for p in parameters}
        groups: list[OptimizerGroup] = [
            {**group, "params": kept}
            for group in collect_optimizer_groups(self, self.body, self.optim)
            if (kept := [p for p in group["params"] if id(p) in chosen])
        ]
        # Lightning does not clip under a fused optimiser in mixed precision, and no fused optimiser supports complex
        # numbers.
        mixed = self._trainer is not None and str(self.trainer.precision).endswith("-mixed")
        fused = not mixed and not any(p.is_complex() for p in self.parameters())
        optimizer = build_optimizer(groups, self.optim, fused)
        optim = lightning_defaults.follow_trainer(self.optim, self._trainer)
        schedule: torch.optim.lr_scheduler.LRScheduler
        if optim.schedule == "plateau":
            schedule = PlateauLR(optimizer, optim, self.context.config.card.metric.direction)
        else:
            schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate_schedule(optim))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_validation_epoch_end(self) -> None:
        """Compute and log ``validation/<metric>``; in training, the schedule ``plateau`` compares the card's metric."""
        super().on_validation_epoch_end()
        if self.trainer.state.fn != "fit" or self.trainer.sanity_checking:
            return
        score = self.evaluated.get("validation", {}).get(self.context.config.card.metric.selected_by)
        for config in self.trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, PlateauLR):
                config.scheduler.observe(score)

    def clip(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the gradients of an optimiser at ``optim.clip``, in a training step with manual optimisation.

        With automatic optimisation the Trainer clips.

        Args:
            optimizer: one of ``self.optimizers()``; the norm is that of its own parameters.
        """
        if self.optim.clip:
            self.clip_gradients(optimizer, gradient_clip_val=self.optim.clip, gradient_clip_algorithm="norm")

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip the gradient as the Trainer says; a user's own Trainer without ``gradient_clip_val``, as the card says.

        Args:
            optimizer: the optimiser that steps next.
            gradient_clip_val: largest norm of the whole gradient, from the Trainer.
            gradient_clip_algorithm: ``norm`` or ``value``, from the Trainer.
        """
        if not lightning_defaults.clip_as_on_card(self, optimizer, gradient_clip_val):
            super().configure_gradient_clipping(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the description of the module, and the carried state of the rows of all ranks.

        Neither can be computed from the step number.
        """
        checkpoint[rebuild.DESCRIPTION] = rebuild.describe_module(self)
        state = self._carried
        if state is not None and self.trainer.world_size > 1:
            own = self._shard().rows(self._require_data().batch_size)
            # A rank without rows of its own trains on a row of another rank. States are gathered on the CPU, because
            # the ranks have different devices.
            kept = tree_map_only(Tensor, Tensor.cpu, state) if own.stop > own.start else None
            parts = [part for part in self._gather(kept) if part is not None]
            state = tree_map(lambda *leaves: torch.cat(leaves) if isinstance(leaves[0], Tensor) else leaves[0], *parts)
        checkpoint[CARRIED_STATE] = state

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the carried state of this rank's rows."""
        state = checkpoint.get(CARRIED_STATE)
        if state is not None and self._trainer is not None:
            shard = self._shard()
            state = tree_map_only(Tensor, lambda leaf: leaf[shard.training_rows(len(leaf))], state)
        self._carried = state

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: _PATH | IO[bytes],
        map_location: _MAP_LOCATION_TYPE = None,
        hparams_file: _PATH | None = None,
        strict: bool | None = None,
        weights_only: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        """Return the module of a checkpoint, with its weights; the checkpoint holds all that is needed to build it.

        The data of the task are built when a Trainer first asks for them.

        Args:
            checkpoint_path: path of the checkpoint, or an open file.
            map_location: device of the weights, as ``torch.load`` takes it.
            hparams_file: must be None.
            strict: whether the names of all weights must match; None means True.
            weights_only: False also loads objects of other classes, which may execute code; None means True.
            **kwargs: must be empty.

        Raises:
            SeqbenchError: the checkpoint does not describe its module, or describes one of another class; or there is
                an argument that would change the module.
        """
        if hparams_file is not None or kwargs:
            names = ", ".join(["hparams_file"] * (hparams_file is not None) + list(kwargs))
            raise SeqbenchError(f"a checkpoint fixes the options of its module; leave out {names}.")
        return rebuild.load_module(cls, checkpoint_path, map_location, strict, weights_only)
