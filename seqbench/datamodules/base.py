"""The base class of all datamodules: batches by their number, evaluation splits, and reference scores."""

from __future__ import annotations

import copy
import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Self

import lightning.pytorch as L
from torch import Tensor

from seqbench.datamodules import epochs
from seqbench.datamodules.epochs import EpochLoader
from seqbench.protocol.batches import EvaluationLoader, Keys, Shard, TrainingLoader
from seqbench.protocol.run_trainer import is_run
from seqbench.protocol.specs import Batch, Context, Features, SequenceSpec
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

Scores = Mapping[str, float | None]
"""Scores by the name of their metric; None where a score is unknown."""


SHOWN_ITEMS = 40
"""Largest number of inputs of a sequence that a sample shows."""


class SequenceDataModule(L.LightningDataModule, ABC):
    """Data of one task, as batches that are a function of their number.

    A subclass sets ``spec`` and implements ``stream``, ``steps``, ``chance`` and ``best``. All other members have
    defaults.

    Args:
        batch_size: sequences in one global batch.
        keys: keys of the random generators.

    Attributes:
        epoch: number of the epoch that the next loop over ``train_dataloader()`` yields; a Trainer counts its own
            epochs instead. Set it to 0 to start again.
        validate_every: training steps between two validations, as the task's card says; None without a card.

    >>> import seqbench
    >>> data = seqbench.data("copy", tier="smoke")
    >>> batches = [batch for batch in data.train_dataloader()]
    >>> len(batches), data.epoch
    (200, 1)
    >>> batches[0].inputs.shape == batches[0].targets.shape
    True
    """

    streaming: ClassVar[bool] = False
    """True if batches are chunks of long streams. The constructor of such a class also takes ``carry_state``."""

    sequence_to_sequence: ClassVar[bool] = False
    """True if the output is a token sequence with a length of its own, which needs an encoder and a decoder."""

    sampler: ClassVar[str] = ""
    """Name of the sampler that writes samples of a trained model: ``text``, ``music`` or
    ``translation``, or the module of a plug-in's sampler. Empty for the default: the first wrong answers on test beside
    the right ones. See ``seqbench.running.samples``."""

    vocabulary_file: ClassVar[str] = ""
    """Name of the file in a run folder to which ``sampler`` writes ``vocabulary_text()``; empty if there is none."""

    output_names: Sequence[str] = ()
    """Names of the classes or output tokens, by their number, for samples; empty if they have no names."""

    best_unknown: str = ""
    """The reason why ``best`` contains None; empty if it contains none."""

    notes: tuple[str, ...] = ()
    """Sentences on how files of a user were read: what was joined, divided, skipped, renamed or cut."""

    spec: SequenceSpec
    """Inputs and outputs of the task."""

    trained_length: int | None = None
    """Longest training sequence in steps, for tasks that also test longer sequences."""

    probes: Mapping[int, str] = MappingProxyType({})
    """Test splits in which all sequences have one length: length in steps -> name of the split."""

    validation_probes: Mapping[int, str] = MappingProxyType({})
    """The same for validation, which selects the weights: fewer lengths and samples, and none of those of test."""

    def __init__(self, batch_size: int, keys: Keys) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.keys = keys
        self.epoch = 0
        self.validate_every: int | None = None

    @abstractmethod
    def stream(self, split: str, step: int) -> Batch:
        """Return batch number ``step`` of a split, as a pure function of the arguments and of ``keys``."""

    @abstractmethod
    def steps(self, split: str) -> int:
        """Return the number of batches of an evaluation split."""

    def steps_per_pass(self) -> int | None:
        """Return the number of batches in one pass over the training data; None if every batch has new samples."""
        return None

    @property
    def steps_per_epoch(self) -> int:
        """Number of batches in one training epoch: a pass over the data, or else the steps between two validations."""
        return self.steps_per_pass() or self.validate_every or epochs.DEFAULT_STEPS

    def splits(self, stage: str) -> tuple[str, ...]:
        """Return the evaluation splits of a stage (``validation`` or ``test``), with its probes."""
        return (stage, *self.probes_of(stage).values())

    def probes_of(self, stage: str) -> Mapping[int, str]:
        """Return the probes of a stage (``validation`` or ``test``): length in steps -> name of the split."""
        return self.probes if stage == "test" else self.validation_probes

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

    def input_text(self, batch: Batch, row: int) -> str:
        """Return the inputs of one row of a batch as text, for samples; long inputs are shortened.

        Args:
            batch: a batch of ``stream``.
            row: number of the row.
        """
        steps = int(batch.lengths[row])
        match self.spec.input:
            case Context(dim=dim):
                return f"a vector of {dim} numbers"
            case Features(dim=dim):
                return f"{counted(steps, 'step')} of {counted(dim, 'number')}"
        return shorten_items([str(number) for number in batch.inputs[row, :steps].tolist()])

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

    def decoded_standard_errors(self, split: str, decoded: Mapping[int, list[int]]) -> dict[str, float]:
        """Return the standard errors of ``score_decoded`` over the samples, without scores for which it is undefined.

        Args:
            split: evaluation split of the samples.
            decoded: token ids that the model generated, by the index of the sample.
        """
        return {}

    def decoded_group_influences(
        self, split: str, decoded: Mapping[int, list[int]], groups: int
    ) -> Mapping[str, list[float]]:
        """Return how far each group of samples moves the scores of ``score_decoded``; only where that is defined.

        Args:
            split: evaluation split of the samples.
            decoded: token ids that the model generated, by the index of the sample.
            groups: number of groups; sample i is in group i modulo this number.
        """
        return {}

    def scores_by_length(self, decoded: Mapping[int, list[int]]) -> Mapping[str, list[float]]:
        """Return test scores by sequence length as columns of a table, for tasks without probes.

        Args:
            decoded: token ids that the model generated, by the index of the test sample.
        """
        return {}

    def with_fresh_test(self, secret: str) -> Self | None:
        """Return the same data with other evaluation splits, drawn from a secret; None if there is one test split.

        Only a task that generates its data can draw more of them. ``stream`` must draw evaluation batches from
        ``keys``; such a task returns ``self.with_secret(secret)``.

        Args:
            secret: text that nobody knows.
        """
        return None

    def with_secret(self, secret: str) -> Self:
        """Return a copy whose evaluation batches are drawn from a secret, for ``with_fresh_test``.

        Args:
            secret: text that nobody knows.
        """
        twin = copy.copy(self)
        twin.keys = dataclasses.replace(self.keys, secret=secret)
        return twin

    def describe_data(self) -> Mapping[str, object]:
        """Return plain data that describes the data set, for the record: sizes, excluded samples, vocabularies."""
        return {}

    def describe_reading(self) -> dict[str, object]:
        """Return ``notes`` as a part of ``describe_data``; empty if there are none."""
        return {"reading": list(self.notes)} if self.notes else {}

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

    def train_dataloader(self) -> TrainingLoader | EpochLoader:
        """Return a loader of training batches.

        Each iteration yields one epoch of ``steps_per_epoch`` batches, and the next iteration the next epoch. In a run
        of seqbench, the loader is endless and starts at the current step of the trainer.
        """
        if is_run(self.trainer):
            return TrainingLoader(self.stream, self._next_batch, self._shard())
        steps = epochs.epoch_length(self.trainer, self.steps_per_epoch)
        return EpochLoader(self.stream, self._next_batch_of_epoch, steps, self._shard())

    def val_dataloader(self) -> EvaluationLoader | list[EvaluationLoader]:
        """Return the loader of the validation split; a list with those of its probes if the task has some."""
        return self._evaluation_loaders("validation")

    def test_dataloader(self) -> EvaluationLoader | list[EvaluationLoader]:
        """Return the loader of the test split; a list with those of the probes if the task has ``probes``."""
        return self._evaluation_loaders("test")

    def split_dataloader(self, split: str) -> EvaluationLoader:
        """Return the loader of one evaluation split: ``validation``, ``test``, or that of a probe.

        Raises:
            SeqbenchError: there is no such split.

        >>> import seqbench
        >>> data = seqbench.data("parity", tier="smoke")
        >>> data.splits("test")
        ('test', 'length-20', 'length-40', 'length-41', 'length-100', 'length-500')
        >>> sum(len(batch) for batch in data.split_dataloader("length-500"))
        64
        """
        known = (*self.splits("validation"), *self.splits("test"))
        if split not in known:
            raise SeqbenchError(f"there is no evaluation split '{split}'; the splits are {', '.join(known)}.")
        return EvaluationLoader(self.stream, split, self.steps(split), self._shard(), chunks=self.streaming)

    def __repr__(self) -> str:
        sizes = {split: self.steps(split) for split in (*self.splits("validation"), *self.splits("test"))}
        loaders = ", ".join(f"{split} {steps}" for split, steps in {"train": self.steps_per_epoch, **sizes}.items())
        return f"{type(self).__name__}(task {self.keys.task}, batch size {self.batch_size}; batches: {loaders})"

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return a copy without a Trainer that shares the data, which never change.

        Callbacks such as StochasticWeightAveraging copy a module with all that it holds.
        """
        twin = copy.copy(self)
        twin.trainer = None
        return twin

    # Lightning's own text supports loaders of the class ``DataLoader`` only.
    __str__ = __repr__

    def _evaluation_loaders(self, stage: str) -> EvaluationLoader | list[EvaluationLoader]:
        loaders = [self.split_dataloader(split) for split in self.splits(stage)]
        return loaders[0] if len(loaders) == 1 else loaders

    def _next_batch(self) -> int:
        """Return the number of the next training batch of a run."""
        if self.trainer is None:
            return 0
        # With gradient accumulation, one optimiser step takes several batches.
        return self.trainer.global_step * self.trainer.accumulate_grad_batches

    def _next_batch_of_epoch(self) -> int:
        """Return the number of the next training batch of a user's own Trainer, or of a loop without a Trainer."""
        if self.trainer is not None and epochs.is_fitting(self.trainer):
            return epochs.next_batch(self.trainer)
        epoch, self.epoch = self.epoch, self.epoch + 1
        return epoch * self.steps_per_epoch

    def _shard(self) -> Shard:
        return Shard(self.trainer.global_rank, self.trainer.world_size) if self.trainer else Shard()


def shorten_items(items: Sequence[str]) -> str:
    """Return items separated by spaces; of more than ``SHOWN_ITEMS``, the first ones and the number of the others.

    >>> shorten_items(["3", "1", "4"])
    '3 1 4'
    """
    more = len(items) - SHOWN_ITEMS
    return " ".join(items) if more <= 0 else f"{' '.join(items[:SHOWN_ITEMS])} ... ({more} more)"


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
