"""The evaluation of a module: one path for validation and test, which no architecture may override."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import lightning.pytorch as L
import torch
from torch import Tensor

from seqbench.datamodules.base import SequenceDataModule
from seqbench.datamodules.epochs import EpochLoader
from seqbench.models import length_scores, lightning_defaults, own_training
from seqbench.models.bodies.stepping import continue_stream
from seqbench.models.context import ModuleContext
from seqbench.models.decoding.search import decode
from seqbench.models.objectives import RatioMetrics
from seqbench.models.sample_scores import SampleScores, join_samples, score_samples
from seqbench.protocol.backbones import State
from seqbench.protocol.batches import EvaluationLoader, Shard, TrainingLoader, check_scored
from seqbench.protocol.record_fields import Causality
from seqbench.protocol.run_trainer import is_run
from seqbench.protocol.specs import Batch, TokenSequence
from seqbench.utils.errors import SeqbenchError

PerRank = TypeVar("PerRank")


class EvaluatedModule(L.LightningModule):
    """The parts of a module and their evaluation; ``SequenceModule`` adds training and documents the attributes.

    Args:
        context: the configuration and the task; ``models.build`` makes it.
        backbone: the backbone; its contract is in ``docs/architecture.md``.
        encoder: the encoder of a task with pairs of sequences; None for the one that the configuration names.
    """

    _is_own: ClassVar[bool] = False
    """True for a class of a user, whose instances are checked at each evaluation."""

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
        self.samples: dict[str, SampleScores] = {}
        self.causality: Causality | None = None
        self._metrics: list[RatioMetrics] = []
        self._scored_samples: list[list[SampleScores]] = []
        self._marks: list[Tensor] = []
        self._finished: list[bool] = []
        self._stage = ""
        self._carried: State = None
        self._evaluation_carried: State = None

    def forward(self, batch: Batch) -> Tensor:
        """Return the predicted distribution of each target of whole sequences; see ``Objective``."""
        return self.objective.predict_distribution(self.body(batch))

    def _hidden_and_state(self, batch: Batch, carried: State) -> tuple[Tensor, State]:
        """Return the hidden vectors of a batch and the detached state after it; the state is None without streams."""
        return continue_stream(self.body, batch, carried)

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
        if self._is_own:
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
        self._scored_samples = [[] for _ in splits]
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
        scored, tokens = self.objective.update_metrics(self._metrics[split], hidden, batch), None
        loader = self._evaluation_loaders()[split]
        if isinstance(loader, EvaluationLoader):
            self._marks[split] += loader.count_and_hash(step, batch.index)
        if isinstance(self.spec.output, TokenSequence):
            tokens = decode(self.body, self.objective, batch, self.spec.output)
            name = self._require_data().splits(self._stage)[split]
            self.decoded[name].update(zip(batch.index.tolist(), tokens, strict=True))
        if self._stage == "test":
            chunk = step if self._require_data().streaming else None
            self._scored_samples[split].append(score_samples(batch, scored, chunk, tokens))

    def _finish_evaluation(self) -> None:
        self._check_each_sample_once()
        for split, (finished, steps) in enumerate(zip(self._finished, self._evaluation_steps(), strict=True)):
            if not finished and steps > 0:
                self._finish_split(split)
        self._score_over_lengths()

    def _score_over_lengths(self) -> None:
        """Add the scores over the probed lengths to those of the stage; nothing if a probe was not evaluated."""
        data = self._require_data()
        names = [name for name, done in zip(data.splits(self._stage), self._finished, strict=False) if done]
        scores = length_scores.scores_over_lengths(data, self._stage, {name: self.evaluated[name] for name in names})
        if scores:
            self.evaluated[self._stage] |= scores
            lightning_defaults.log_scores(self, self._stage, self._stage, scores)

    def _finish_split(self, number: int) -> None:
        split, metrics = self._require_data().splits(self._stage)[number], self._metrics[number]
        # The metrics gather the sums of all ranks, so the values are the same on every rank.
        values = metrics.values()
        if isinstance(self.spec.output, TokenSequence):
            parts = self._gather(self.decoded[split])
            self.decoded[split] = {index: tokens for part in parts for index, tokens in part.items()}
            values |= self._require_data().score_decoded(split, self.decoded[split])
        own = join_samples(self._scored_samples[number])
        samples = join_samples([part for part in self._gather(own) if part]) if self._stage == "test" else None
        self.samples |= {split: samples} if samples else {}
        self.evaluated[split] = values
        self._finished[number] = True
        lightning_defaults.log_scores(self, self._stage, split, values)

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
