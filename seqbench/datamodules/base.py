"""The base class of all datamodules: batches by their number, evaluation splits, and reference scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import lightning.pytorch as L
from torch import Tensor

from seqbench.protocol.batches import EvaluationLoader, Keys, Shard, TrainingLoader
from seqbench.protocol.specs import Batch, SequenceSpec
from seqbench.utils.errors import SeqbenchError

Scores = Mapping[str, float | None]
"""Scores by the name of their metric; None where a score is unknown."""


class SequenceDataModule(L.LightningDataModule, ABC):
    """Data of one task, as batches that are a function of their number.

    A subclass sets ``spec`` and implements ``stream``, ``steps``, ``chance`` and ``best``. All other members have
    defaults.

    Args:
        batch_size: sequences in one global batch.
        keys: keys of the random generators.
    """

    streaming: ClassVar[bool] = False
    """True if batches are chunks of long streams. The constructor of such a class also takes ``carry_state``."""

    sequence_to_sequence: ClassVar[bool] = False
    """True if the output is a token sequence with a length of its own, which needs an encoder and a decoder."""

    sampler: ClassVar[str] = ""
    """Name of the sampler that writes samples of a trained model: ``text``, ``music`` or
    ``translation``, or the module of a plug-in's sampler. Empty if there is none. See ``seqbench.running.samples``."""

    vocabulary_file: ClassVar[str] = ""
    """Name of the file in a run folder to which ``sampler`` writes ``vocabulary_text()``; empty if there is none."""

    best_unknown: str = ""
    """The reason why ``best`` contains None; empty if it contains none."""

    spec: SequenceSpec
    """Inputs and outputs of the task."""

    trained_length: int | None = None
    """Longest training sequence in steps, for tasks that also test longer sequences."""

    probes: Mapping[int, str] = MappingProxyType({})
    """Test splits in which all sequences have one length: length in steps -> name of the split."""

    def __init__(self, batch_size: int, keys: Keys) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.keys = keys

    @abstractmethod
    def stream(self, split: str, step: int) -> Batch:
        """Return batch number ``step`` of a split, as a pure function of the arguments and of ``keys``."""

    @abstractmethod
    def steps(self, split: str) -> int:
        """Return the number of batches of an evaluation split."""

    def splits(self, stage: str) -> tuple[str, ...]:
        """Return the evaluation splits of a stage (``validation`` or ``test``); ``test`` includes the probes."""
        return (stage, *self.probes.values()) if stage == "test" else (stage,)

    @abstractmethod
    def chance(self, split: str) -> Scores:
        """Return the score of a chance predictor for each metric."""

    @abstractmethod
    def best(self, split: str) -> Scores:
        """Return the best possible score for each metric."""

    def oracle(self, batch: Batch) -> Tensor | None:
        """Solve a batch from its inputs alone, so that ``seqbench.testing`` can check that the task is solvable.

        Args:
            batch: a batch whose targets are hidden.

        Returns:
            Integer predictions with the shape of the targets; or floats ``(batch, out_time, width)``, the outputs of
            the objective's head (logits or values). Predictions of weight 0 are ignored. None if no solution is known.
        """
        return None

    def baselines(self, split: str) -> Mapping[str, Mapping[str, float]]:
        """Return scores of simple models: name of the baseline -> metric -> score."""
        return {}

    def score_decoded(self, split: str, decoded: Mapping[int, list[int]]) -> dict[str, float]:
        """Return scores of decoded sequences, for sequence-to-sequence tasks.

        Args:
            split: evaluation split of the samples.
            decoded: token ids that the model generated, by the index of the sample.
        """
        return {}

    def scores_by_length(self, decoded: Mapping[int, list[int]]) -> Mapping[str, list[float]]:
        """Return test scores by sequence length as columns of a table, for tasks without probes.

        Args:
            decoded: token ids that the model generated, by the index of the test sample.
        """
        return {}

    def describe_data(self) -> Mapping[str, object]:
        """Return plain data that describes the data set, for the record: sizes, excluded samples, vocabularies."""
        return {}

    def vocabulary_text(self) -> str | None:
        """Return the vocabulary as text; None if the inputs are not texts."""
        return None

    def use_vocabulary(self, vocabulary: str, facts: Mapping[str, object]) -> None:
        """Encode the texts again, with the vocabulary of a model that was trained on other data.

        Args:
            vocabulary: ``vocabulary_text()`` of the training data.
            facts: ``describe_data()`` of the training data.

        Raises:
            SeqbenchError: the vocabulary is invalid, or does not fit this data.
        """
        raise SeqbenchError("this task has no vocabulary; evaluate the model on data of its own task.")

    def train_dataloader(self) -> TrainingLoader:
        """Return a loader of training batches that starts at the current step of the trainer."""
        return TrainingLoader(self.stream, self._next_batch, self._shard())

    def val_dataloader(self) -> list[EvaluationLoader]:
        """Return one loader for each validation split."""
        return self._evaluation_loaders("validation")

    def test_dataloader(self) -> list[EvaluationLoader]:
        """Return one loader for each test split."""
        return self._evaluation_loaders("test")

    def _evaluation_loaders(self, stage: str) -> list[EvaluationLoader]:
        return [
            EvaluationLoader(self.stream, split, self.steps(split), self._shard(), chunks=self.streaming)
            for split in self.splits(stage)
        ]

    def _next_batch(self) -> int:
        """Return the number of the next training batch."""
        if self.trainer is None:
            return 0
        # With gradient accumulation, one optimiser step takes several batches.
        return self.trainer.global_step * self.trainer.accumulate_grad_batches

    def _shard(self) -> Shard:
        return Shard(self.trainer.global_rank, self.trainer.world_size) if self.trainer else Shard()


def require(condition: bool, message: str) -> None:
    """Raise an error with ``message`` unless the condition holds.

    Raises:
        SeqbenchError: the condition is false.

    >>> require(1 + 1 == 2, "length must be at least 1 step, got 0.")
    >>> require(1 + 1 == 3, "length must be at least 1 step, got 0.")
    Traceback (most recent call last):
    seqbench.utils.errors.SeqbenchError: length must be at least 1 step, got 0.
    """
    if not condition:
        raise SeqbenchError(message)
