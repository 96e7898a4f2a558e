"""The LightningModule that joins a body with an objective, with one path for training and one for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import lightning.pytorch as L
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map, tree_map_only

from seqbench.datamodules.base import SequenceDataModule
from seqbench.datamodules.epochs import EpochLoader
from seqbench.models import lightning_defaults, own_training, rebuild
from seqbench.models.context import ModuleContext
from seqbench.models.contract import module_probe
from seqbench.models.decoding.search import decode
from seqbench.models.objectives import RatioMetrics
from seqbench.models.optimization import build_optimizer, collect_parameter_groups, learning_rate_schedule
from seqbench.protocol.backbones import ParameterGroup, State
from seqbench.protocol.batches import EvaluationLoader, Shard, TrainingLoader, check_scored, trained_batches
from seqbench.protocol.record_fields import Causality
from seqbench.protocol.run_trainer import is_run
from seqbench.protocol.specs import Batch, TokenSequence
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    from lightning.fabric.utilities.types import _MAP_LOCATION_TYPE, _PATH
    from lightning.pytorch.utilities.types import OptimizerLRScheduler, OptimizerLRSchedulerConfig

CARRIED_STATE = "seqbench_carried"
"""Key of a checkpoint under which the carried state of truncated back-propagation is kept."""

PerRank = TypeVar("PerRank")


class SequenceModule(L.LightningModule):
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

    def __init__(self, context: ModuleContext, backbone: Any, encoder: Any = None) -> None:
        super().__init__()
        self.context = context
        self.spec, self.optim, self.seed = context.spec, context.optim, context.seed
        # The objective comes first: the order of the parameters is that of the optimiser's state in checkpoints.
        body, self.objective = context.assemble(backbone, encoder)
        self.body = body
        self._assembled = (self.body, self.objective)
        self.data: SequenceDataModule | None = None
        self.data_source: Callable[[], SequenceDataModule] | None = None
        self.evaluated: dict[str, dict[str, float | None]] = {}
        self.decoded: dict[str, dict[int, list[int]]] = {}
        self.causality: Causality | None = None
        self._metrics: list[RatioMetrics] = []
        self._marks: list[Tensor] = []
        self._finished: list[bool] = []
        self._stage = ""
        self._carried: State = None
        self._evaluation_carried: State = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Check that a subclass leaves evaluation alone.

        Raises:
            SeqbenchError: it overrides a final method.
        """
        super().__init_subclass__(**kwargs)
        own_training.prepare_subclass(cls, SequenceModule)

    def forward(self, batch: Batch) -> Tensor:
        """Return the predicted distribution of each target of whole sequences; see ``Objective``."""
        return self.objective.predict_distribution(self.body(batch))

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
        """Seed the random numbers of the step by (seed, step, rank), so that a resumed run draws the same numbers."""
        step, rank = trained_batches(self.trainer), self.trainer.global_rank
        key = ((self.seed * 1_000_003 + step) * 10_007 + rank) & 0xFFFFFFFF
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

    def _hidden_and_state(self, batch: Batch, carried: State) -> tuple[Tensor, State]:
        """Return the hidden vectors of a batch and the detached state after it; the state is None without streams."""
        if batch.first is None:
            return self.body(batch), None
        # A checkpoint restores the state before the module is on its device.
        carried = None if batch.first else tree_map_only(Tensor, lambda leaf: leaf.to(batch.inputs.device), carried)
        hidden, state = self.body.unroll(batch, carried)
        # A clone, because a view would keep the whole chunk in memory and in checkpoints.
        return hidden, tree_map_only(Tensor, lambda leaf: leaf.detach().clone(), state)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser and schedule of the card; a backbone may choose its own parameter groups."""
        return self.card_optimizer(self.parameters())

    def card_optimizer(self, parameters: Iterable[nn.Parameter]) -> OptimizerLRSchedulerConfig:
        """Return the optimiser and the schedule of the card for some parameters of this module.

        A subclass with several optimisers uses it for the parameters that have no other one.

        Args:
            parameters: the parameters; a backbone's ``parameter_groups`` keep their options.
        """
        chosen = {id(p) for p in parameters}
        groups: list[ParameterGroup] = [
            {**group, "params": kept}
            for group in collect_parameter_groups(self, self.body)
            if (kept := [p for p in group["params"] if id(p) in chosen])
        ]
        # Lightning does not clip under a fused optimiser in mixed precision, and no fused optimiser supports complex
        # numbers.
        mixed = self._trainer is not None and str(self.trainer.precision).endswith("-mixed")
        fused = not mixed and not any(p.is_complex() for p in self.parameters())
        optimizer = build_optimizer(groups, self.optim, fused)
        optim = lightning_defaults.follow_trainer(self.optim, self._trainer)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, learning_rate_schedule(optim))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

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

    # Evaluation: one path for validation and test.

    def on_validation_start(self) -> None:
        """Begin new metrics for each validation split."""
        self._start_evaluation("validation")

    def on_test_start(self) -> None:
        """Begin new metrics for each test split."""
        self._start_evaluation("test")

    def validation_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add a batch to the metrics of its split."""
        self._evaluate_batch(batch, batch_idx, dataloader_idx)

    def test_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Add a batch to the metrics of its split."""
        self._evaluate_batch(batch, batch_idx, dataloader_idx)

    def on_validation_epoch_end(self) -> None:
        """Compute and log ``validation/<metric>``."""
        self._finish_evaluation()

    def on_test_epoch_end(self) -> None:
        """Compute and log ``test/<metric>`` and the metrics of each probe."""
        self._finish_evaluation()

    def _start_evaluation(self, stage: str) -> None:
        if type(self) is not SequenceModule:
            own_training.check_instance(self, *self._assembled)
        self._stage = stage
        splits, loaders = self._require_data().splits(stage), len(self._evaluation_loaders())
        if loaders > len(splits):
            raise SeqbenchError(
                f"the Trainer has {loaders} loaders for the {stage} splits {', '.join(splits)}; pass at most as many "
                f"loaders as there are splits."
            )
        splits = splits[:loaders]
        self._finished = [False for _ in splits]
        self._metrics = [self.objective.build_metrics().to(self.device) for _ in splits]
        self._marks = [torch.zeros(2, dtype=torch.int64, device=self.device) for _ in splits]
        self.decoded.update({split: {} for split in splits})
        self._evaluation_carried = None

    def _evaluate_batch(self, batch: Batch, step: int, split: int) -> None:
        if len(batch):  # There may be more ranks than samples, and this rank may have none.
            self._score_batch(batch, step, split)
        # Lightning's table then has each score in the column of its loader only.
        if not is_run(self._trainer) and step + 1 == self._evaluation_steps()[split]:
            self._finish_split(split)

    def _score_batch(self, batch: Batch, step: int, split: int) -> None:
        hidden, self._evaluation_carried = self._hidden_and_state(batch, self._evaluation_carried)
        self.objective.update_metrics(self._metrics[split], hidden, batch)
        loader = self._evaluation_loaders()[split]
        if isinstance(loader, EvaluationLoader):
            self._marks[split] += loader.count_and_hash(step, batch.index)
        if isinstance(self.spec.output, TokenSequence):
            tokens = decode(self.body, self.objective, batch, self.spec.output)
            name = self._require_data().splits(self._stage)[split]
            self.decoded[name].update(zip(batch.index.tolist(), tokens, strict=True))

    def _finish_evaluation(self) -> None:
        self._check_each_sample_once()
        for split, (finished, steps) in enumerate(zip(self._finished, self._evaluation_steps(), strict=True)):
            if not finished and steps > 0:
                self._finish_split(split)

    def _finish_split(self, number: int) -> None:
        split, metrics = self._require_data().splits(self._stage)[number], self._metrics[number]
        # ``compute`` gathers the sums of all ranks, so the values are the same on every rank.
        computed = metrics.compute()
        values: dict[str, float | None] = {
            name: None if name in metrics.undefined else float(value) for name, value in computed.items()
        }
        if isinstance(self.spec.output, TokenSequence):
            parts = self._gather(self.decoded[split])
            self.decoded[split] = {index: tokens for part in parts for index, tokens in part.items()}
            values |= self._require_data().score_decoded(split, self.decoded[split])
        self.evaluated[split] = values
        self._finished[number] = True
        lightning_defaults.log_scores(self, split, values)

    def _check_each_sample_once(self) -> None:
        """Check that all ranks together scored each sample of each split exactly once.

        Splits that a user's own Trainer evaluates in part or with other loaders are not checked.
        """
        evaluated = zip(self._evaluation_loaders(), self._evaluation_steps(), self._marks, strict=False)
        whole = [(x, marks) for x, steps, marks in evaluated if isinstance(x, EvaluationLoader) and steps >= len(x)]
        check_scored(whole, self.trainer.world_size, self.trainer.strategy.reduce)

    def _evaluation_loaders(self) -> list[object]:
        """Return the loaders that the Trainer evaluates now, one for each split."""
        trainer = self.trainer
        loaders: object = trainer.val_dataloaders if self._stage == "validation" else trainer.test_dataloaders
        return loaders if isinstance(loaders, list) else [loaders]

    def _evaluation_steps(self) -> list[int | float]:
        """Return the number of batches that the Trainer takes from each loader."""
        if self.trainer.sanity_checking:
            return self.trainer.num_sanity_val_batches
        return self.trainer.num_val_batches if self._stage == "validation" else self.trainer.num_test_batches

    def _gather(self, own: PerRank) -> list[PerRank]:
        """Return the objects of all ranks, in the order of the ranks."""
        if self.trainer.world_size == 1:
            return [own]
        gathered = [own] * self.trainer.world_size
        torch.distributed.all_gather_object(gathered, own)
        return gathered

    def _shard(self) -> Shard:
        return Shard(self.trainer.global_rank, self.trainer.world_size)

    # Loaders, for a Trainer that gets the module but no data.

    def train_dataloader(self) -> TrainingLoader | EpochLoader:
        """Return the training batches of the task."""
        return self._require_data().train_dataloader()

    def val_dataloader(self) -> EvaluationLoader | list[EvaluationLoader]:
        """Return the loader of the task's validation split."""
        return self._require_data().val_dataloader()

    def test_dataloader(self) -> EvaluationLoader | list[EvaluationLoader]:
        """Return the loaders of the task's test splits: one, or a list."""
        return self._require_data().test_dataloader()

    def _require_data(self) -> SequenceDataModule:
        if self.data is None and self.data_source is not None:
            self.data = self.data_source()
        if self.data is None:
            raise RuntimeError(
                "this module was loaded without the data of its task; set module.data = seqbench.data(...), or build a "
                "module with data by seqbench.build"
            )
        if self._trainer is not None:
            self.data.trainer = self.trainer
        return self.data
