"""Character language modelling: predict the next character of a text.

    input   F i r s t   C i t i z e n
    target  i r s t   C i t i z e n :

The text is divided into one contiguous stream for each row of a batch. A backbone with ``unroll`` reads the streams
chunk by chunk and carries its state over (truncated backpropagation through time, Williams & Peng 1990). A backbone
without ``unroll`` reads overlapping windows; the first part of a window is context and is not scored. In both cases
each character of validation and test is scored exactly once, except the first one, which has no context.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.datamodules.sources import data_location, texts
from seqbench.datamodules.text import ngrams
from seqbench.datamodules.text.vocabulary import Vocabulary
from seqbench.protocol import run_folder
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

NGRAM_ORDER = 5
"""Longest n-gram of the baseline."""


class Characters(SequenceDataModule):
    """Next-character prediction on a text.

    Args:
        dataset: name of the published text, see ``seqbench.datamodules.sources.published_datasets``.
        length: characters in one chunk; gradients are truncated at its start.
        window: characters in one window, for backbones that cannot carry state; only the last ``length`` are scored.
        evaluation_rows: number of streams into which validation and test are each divided.
        data_dir: folder or file to read instead of downloaded data: the published files, or any ``*.txt``.
        source: source of the text: auto (a folder, else the hub), folder, hub, or synthetic (a generated
            text whose entropy is known).
        newline: text that replaces each newline, such as ``<eos>``; None keeps the newlines.
        carry_state: whether the backbone carries its state from chunk to chunk; False gives windows.
        batch_size: number of streams into which the training text is divided.
        keys: keys of the random generators.
    """

    streaming: ClassVar[bool] = True
    vocabulary_file: ClassVar[str] = run_folder.VOCABULARY
    sampler: ClassVar[str] = "text"

    def __init__(
        self,
        dataset: str,
        batch_size: int,
        keys: Keys,
        length: int = 64,
        window: int = 128,
        evaluation_rows: int = 32,
        data_dir: str | None = None,
        source: str = "auto",
        newline: str | None = None,
        carry_state: bool = True,
    ) -> None:
        super().__init__(batch_size, keys)
        require(length >= 1, f"char-lm's length must be at least 1 character, got {length}.")
        require(
            carry_state or window > length,
            f"char-lm's window ({window}) must be longer than its length ({length}) for a backbone without unroll.",
        )
        require(evaluation_rows >= 1, f"char-lm's evaluation_rows must be at least 1, got {evaluation_rows}.")
        self.length, self.evaluation_rows, self.carry_state = length, evaluation_rows, carry_state
        self.context = 0 if carry_state else window - length
        location = data_location.locate_data(dataset, data_dir, source)
        self.text = texts.replace_newlines(texts.read_texts(location), newline)
        self.notes = (*location.notes, *self.text.notes)
        if self.text.entropy is None:
            synthetic = location.source == "synthetic"
            kind = "the synthetic text with replaced newlines" if synthetic else "real text"
            self.best_unknown = f"nobody knows the entropy of {kind}"
        self._encode(Vocabulary.from_text(self.text.splits["train"]))
        self._check_size()

    def _encode(self, vocabulary: Vocabulary) -> None:
        """Encode all splits with a vocabulary."""
        self.vocabulary = vocabulary
        self.ids = {split: vocabulary.encode(text) for split, text in self.text.splits.items()}
        size = len(vocabulary)
        output = StepClasses(size, metrics=("bits_per_character", "loss", "accuracy"))
        self.spec = SequenceSpec(Tokens(size), output, max_length=self.length + self.context)

    def vocabulary_text(self) -> str:
        """Return the characters of the vocabulary as a JSON list."""
        return plain_data.to_json(list(self.vocabulary.characters))

    def use_vocabulary(self, vocabulary: str, facts: Mapping[str, object]) -> None:
        """Encode the text with the characters of another text; all other characters become the unknown token.

        Args:
            vocabulary: ``vocabulary_text()`` of the other text.
            facts: not used.

        Raises:
            SeqbenchError: the vocabulary is not a JSON list of single characters.
        """
        try:
            characters = json.loads(vocabulary)
        except (ValueError, RecursionError):
            characters = None
        if not isinstance(characters, list) or not all(isinstance(c, str) and len(c) == 1 for c in characters):
            raise SeqbenchError("the vocabulary of the run must be a JSON list of characters; train the model again.")
        self._encode(Vocabulary("".join(characters)))

    def _check_size(self) -> None:
        needed = self.batch_size * self.length + 2 * self.length + self.context
        size = len(self.ids["train"])
        if size < needed:
            raise SeqbenchError(
                f"the training text has {counted(size, 'character')}, but {self.batch_size} streams of chunks of "
                f"{self.length} need {needed}; give a longer text, or lower --optim.batch_size or --task.length."
            )
        for split in ("validation", "test"):
            if len(self.ids[split]) < 2:
                raise SeqbenchError(
                    f"the {split} text has {counted(len(self.ids[split]), 'character')}, at least 2 are needed; "
                    f"give a longer text."
                )

    def stream(self, split: str, step: int) -> Batch:
        """Return chunk ``step`` of the streams; each training epoch starts again, at another offset."""
        return self._training_chunk(step) if split == "train" else self._evaluation_chunk(split, step)

    @property
    def chunks_per_epoch(self) -> int:
        """Number of training chunks in one pass over the text."""
        return (len(self.ids["train"]) - 1 - self.length - self.context) // self.batch_size // self.length

    def _training_chunk(self, step: int) -> Batch:
        ids, epoch, chunk = self.ids["train"], *divmod(step, self.chunks_per_epoch)
        row_length = self.chunks_per_epoch * self.length
        # Another offset in each epoch, so that no character is near a border in every epoch.
        offset = int(self.keys.generator("train", epoch).integers(0, self.length))
        starts = offset + np.arange(self.batch_size) * row_length + chunk * self.length
        place = starts[:, None] + np.arange(self.context + self.length)[None, :]
        weights = np.ones(place.shape, np.float32)
        weights[:, : self.context] = 0
        return self._batch(ids[place], ids[place + 1], weights, chunk)

    def _evaluation_chunk(self, split: str, chunk: int) -> Batch:
        ids, rows = self.ids[split], self.evaluation_rows
        row_length = self._stream_length(split)
        steps = np.arange(chunk * self.length, min((chunk + 1) * self.length, row_length))
        steps = np.concatenate([np.arange(steps[0] - self.context, steps[0]), steps])
        place = np.arange(rows)[:, None] * row_length + steps[None, :]
        inside = (place >= 0) & (place < len(ids) - 1)
        inputs = np.where(inside, ids[np.clip(place, 0, len(ids) - 1)], 0)
        targets = np.where(inside, ids[np.clip(place + 1, 0, len(ids) - 1)], 0)
        weights = inside.astype(np.float32)
        weights[:, : self.context] = 0
        return self._batch(inputs, targets, weights, chunk)

    def _batch(self, inputs: np.ndarray, targets: np.ndarray, weights: np.ndarray, chunk: int) -> Batch:
        rows, time = inputs.shape
        return Batch(
            inputs=torch.from_numpy(inputs.astype(np.int64)),
            targets=torch.from_numpy(targets.astype(np.int64)),
            lengths=torch.full((rows,), time),
            weights=torch.from_numpy(weights),
            total=float(weights.sum()),
            index=torch.arange(rows),
            first=chunk == 0 if self.carry_state else None,
        )

    def _stream_length(self, split: str) -> int:
        """Return the number of characters in each stream of an evaluation split."""
        return math.ceil((len(self.ids[split]) - 1) / self.evaluation_rows)

    def steps_per_pass(self) -> int:
        """Return the number of chunks in one pass over the training text."""
        return self.chunks_per_epoch

    def steps(self, split: str) -> int:
        """Return the number of chunks that contain each character of the split once."""
        return math.ceil(self._stream_length(split) / self.length)

    @cached_property
    def _unigrams(self) -> np.ndarray:
        """Frequency of each character in the training text, with one added to each count."""
        counts = np.bincount(self.ids["train"], minlength=len(self.vocabulary)) + 1
        frequencies: np.ndarray = counts / counts.sum()
        return frequencies

    def chance(self, split: str) -> Scores:
        """Return the scores of the unigram distribution of the training text."""
        frequency = self._unigrams
        nats = float(-np.log(frequency[self.ids[split][1:]]).mean())
        majority = float((self.ids[split][1:] == frequency.argmax()).mean())
        return {"bits_per_character": nats / math.log(2), "loss": nats, "accuracy": majority}

    def best(self, split: str) -> Scores:
        """Return the entropy rate of the synthetic source; unknown for real text."""
        nats = self.text.entropy
        bits = None if nats is None else nats / math.log(2)
        return {"bits_per_character": bits, "loss": nats, "accuracy": self.text.accuracy}

    def describe_data(self) -> dict[str, object]:
        """Return the number of characters in each split, and the size of the vocabulary."""
        sizes = {split: len(ids) for split, ids in self.ids.items()}
        return {**sizes, "vocabulary": len(self.vocabulary), **self.describe_reading()}

    def baselines(self, split: str) -> dict[str, dict[str, float]]:
        """Return the scores of an n-gram model of the training text: a 5-gram, or less for a huge vocabulary."""
        size = len(self.vocabulary)
        nats = ngrams.ngram_cross_entropy(self.ids["train"], self.ids[split], size, NGRAM_ORDER)
        return {
            f"{ngrams.usable_order(size, NGRAM_ORDER)}-gram": {"bits_per_character": nats / math.log(2), "loss": nats}
        }
