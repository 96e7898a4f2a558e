"""What every task's datamodule is: a counter-based stream, its splits, and the lines a score stands between."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import lightning.pytorch as L
from torch import Tensor

from seqbench.protocol.batches import EvaluationLoader, Keys, Shard, TrainingLoader
from seqbench.protocol.specs import Batch, SequenceSpec
from seqbench.utils.errors import SeqbenchError

Scores = Mapping[str, float | None]


class SequenceDataModule(L.LightningDataModule, ABC):
    """Base of every task: subclasses set ``spec`` and give ``stream``, ``steps`` and the lines.

    Args:
        batch_size: sequences in one global batch.
        keys: what random draws are keyed by.
    """

    streaming: ClassVar[bool] = False
    """Whether batches are chunks of long streams; such a class also takes ``carry_state``."""

    sequence_to_sequence: ClassVar[bool] = False
    """Whether outputs are sequences of their own, which takes an encoder and a decoder."""

    sampler: ClassVar[str] = ""
    """Name of the sampler that shows what a trained module generates (``text``, ``music``, ``translation``), or the module
    of a plug-in's own; empty for none. See ``seqbench.running.samples``."""

    best_unknown: str = ""
    """Why ``best`` holds None, where it does."""

    vocabulary_file: ClassVar[str] = ""
    """The file of a run's folder that holds ``vocabulary_text``, where ``sampler`` leaves one."""

    spec: SequenceSpec

    trained_length: int | None = None
    """Longest sequence that training shows, where the task probes longer ones."""

    probes: Mapping[int, str] = MappingProxyType({})
    """Test splits that ask at one length each, by that length; see ``diagnostics.lengths``."""

    def __init__(self, batch_size: int, keys: Keys) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.keys = keys

    @abstractmethod
    def stream(self, split: str, step: int) -> Batch:
        """Batch number ``step`` of a split: a pure function of the two and of the keys."""

    @abstractmethod
    def steps(self, split: str) -> int:
        """How many batches an evaluation split has."""

    def splits(self, stage: str) -> tuple[str, ...]:
        """The evaluation splits of ``validation`` or ``test``: the task's own, then the probes."""
        return (stage, *self.probes.values()) if stage == "test" else (stage,)

    @abstractmethod
    def chance(self, split: str) -> Scores:
        """Per metric, the score of a predictor that has learnt nothing; None where unknown."""

    @abstractmethod
    def best(self, split: str) -> Scores:
        """Per metric, the best possible score; None where it cannot be known."""

    def oracle(self, batch: Batch) -> Tensor | None:
        """What solves the task, for its proof in ``seqbench.testing``; None where nobody knows how.

        Args:
            batch: its targets are hidden.

        Returns:
            Integers, shaped as targets: certain answers. Or floats ``(batch, out_time, width)``: what an objective's
            head would give (log-odds of classes, numbers). What it says where nothing is scored does not matter.
        """
        return None

    def baselines(self, split: str) -> Mapping[str, Mapping[str, float]]:
        """Other lines to print beside a score, by name and metric."""
        return {}

    def score_decoded(self, split: str, decoded: Mapping[int, list[int]]) -> dict[str, float]:
        """Score what was decoded freely, by sample; for tasks whose outputs are sequences of their own."""
        return {}

    def scores_by_length(self, decoded: Mapping[int, list[int]]) -> Mapping[str, list[Any]]:
        """Test scores over lengths as columns, where a task has them besides its probes."""
        return {}

    def describe_data(self) -> Mapping[str, Any]:
        """Plain data on what was read, for the record: samples of each split, what was left out, vocabularies."""
        return {}

    def vocabulary_text(self) -> str | None:
        """The vocabulary that texts are read with, as text; None where inputs are no texts."""
        return None

    def use_vocabulary(self, vocabulary: str, facts: Mapping[str, Any]) -> None:
        """Read the texts anew, with the vocabulary of a model that was trained on others.

        Args:
            vocabulary: what ``vocabulary_text`` gave of the data that it was trained on.
            facts: what ``describe_data`` gave of them.

        Raises:
            SeqbenchError: it is no vocabulary of this task's, or these data do not go with it.
        """
        raise SeqbenchError("this task's data are not read with a vocabulary.")

    def train_dataloader(self) -> TrainingLoader:
        """Training batches from the trainer's step on."""
        return TrainingLoader(self.stream, self._position, self._shard())

    def val_dataloader(self) -> list[EvaluationLoader]:
        """One loader for each validation split."""
        return self._evaluation_loaders("validation")

    def test_dataloader(self) -> list[EvaluationLoader]:
        """One loader for each test split."""
        return self._evaluation_loaders("test")

    def _evaluation_loaders(self, stage: str) -> list[EvaluationLoader]:
        return [
            EvaluationLoader(self.stream, split, self.steps(split), self._shard(), chunks=self.streaming)
            for split in self.splits(stage)
        ]

    def _position(self) -> int:
        # In a trainer of someone's own, accumulation makes one optimiser step of several batches.
        if self.trainer is None:
            return 0
        return self.trainer.global_step * self.trainer.accumulate_grad_batches

    def _shard(self) -> Shard:
        return Shard(self.trainer.global_rank, self.trainer.world_size) if self.trainer else Shard()


def require(condition: bool, sentence: str) -> None:
    """Refuse a value out of range.

    Raises:
        SeqbenchError: with the sentence, if the condition does not hold.
    """
    if not condition:
        raise SeqbenchError(sentence)
