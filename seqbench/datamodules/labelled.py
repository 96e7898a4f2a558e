"""Labelled sentences: predict the class of a sentence.

    input   a gorgeous , witty , seductive movie .
    target  1

``Labelled`` makes batches of encoded sentences. ``Sentences`` reads them from files; ``templates`` generates them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.datamodules.encoded_sentences import (
    EncodedSentences,
    VocabularyOptions,
    encode_texts,
    read_encoded_sentences,
)
from seqbench.datamodules.length_buckets import (
    BatchLimits,
    EpochCache,
    batches_by_length,
    batches_of_epoch,
    batches_per_epoch,
)
from seqbench.datamodules.long_samples import cut_rows, describe_cut, describe_left_out, describe_small_batches
from seqbench.datamodules.sources import data_location, labelled_sentences
from seqbench.datamodules.text.tokenization import UNKNOWN, Tokenizer
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceClass, SequenceSpec, Tokens
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import did_you_mean
from seqbench.utils.plain_data import short_repr

EVALUATION_LIMITS = BatchLimits(rows=256, pairs=2**24)
"""Limits of one evaluation batch, for any training batch size."""

LONGEST_EVALUATED = 4096
"""Largest number of tokens of a sentence that evaluation reads; the sentences of published data have at most 170."""

MANY_UNKNOWN = 0.5
"""Share of unknown words in validation above which the words are said to be no good tokens."""

DIVERGENCES = {"last": "last", "mean": "mean", "uniform": "every", "ramp": "every"}
"""Option ``divergence`` -> the hidden vectors that are classified (see ``SequenceClass.reads``)."""


@dataclass(frozen=True)
class TrainingOptions:
    """Options of the training batches and of the loss; see ``Sentences``.

    Raises:
        SeqbenchError: a value is out of range.
    """

    unknown_rate: float = 0.0
    divergence: str = "last"
    max_length: int | None = None
    """Maximum number of tokens in a training sentence; None keeps all sentences."""

    def __post_init__(self) -> None:
        require(
            self.divergence in DIVERGENCES,
            f"task.divergence '{self.divergence}' is unknown.{did_you_mean(self.divergence, DIVERGENCES)}",
        )
        require(0 <= self.unknown_rate < 1, f"task.unknown_rate must be in [0, 1), got {self.unknown_rate}.")


class Labelled(SequenceDataModule):
    """Batches of encoded sentences with one class each, and the scores that are computed from the labels alone.

    Args:
        sentences: the encoded sentences.
        batch_size: sentences in one training batch.
        keys: keys of the random generators.
        options: options of the training batches and of the loss.
        folder_notes: sentences on files of the user's folder that are joined or not read.
    """

    def __init__(
        self,
        sentences: EncodedSentences,
        batch_size: int,
        keys: Keys,
        options: TrainingOptions | None = None,
        folder_notes: tuple[str, ...] = (),
    ) -> None:
        super().__init__(batch_size, keys)
        self._options = options or TrainingOptions()
        self._folder_notes = folder_notes
        self._use_sentences(sentences)

    def _use_sentences(self, sentences: EncodedSentences) -> None:
        """Set the data of all splits, and exclude training sentences that are too long."""
        self._sentences = sentences
        self.tokenizer, self.classes = sentences.tokenizer, sentences.classes
        self.output_names = self.classes
        self.ids, self.offsets, self.labels = (
            {split: sentences.arrays[f"{split}-{kind}"] for split in SPLITS} for kind in ("ids", "offsets", "labels")
        )
        whole = {split: np.diff(offsets) for split, offsets in self.offsets.items()}
        for split in ("validation", "test"):
            self.ids[split], self.offsets[split] = cut_rows(self.ids[split], self.offsets[split], LONGEST_EVALUATED)
        lengths = {split: np.diff(offsets) for split, offsets in self.offsets.items()}
        self.samples = {split: np.arange(len(lengths[split])) for split in SPLITS}
        max_length = self._options.max_length
        if max_length is not None:
            self.samples["train"] = np.flatnonzero(lengths["train"] <= max_length)
            require(
                len(self.samples["train"]) > 0,
                f"no training sentence has at most {max_length} tokens; raise --task.max_length.",
            )
        self.lengths = {split: lengths[split][self.samples[split]] for split in SPLITS}
        self._evaluation = {
            split: batches_by_length(self.lengths[split], EVALUATION_LIMITS) for split in ("validation", "test")
        }
        limits = BatchLimits(self.batch_size)
        self._epochs = EpochCache(self._draw_epoch, batches_per_epoch(self.lengths["train"], limits))
        self.notes = (*self._folder_notes, *sentences.notes, *self._describe_lengths(whole))
        output = SequenceClass(len(self.classes), DIVERGENCES[self._options.divergence])
        longest = max(int(split_lengths.max()) for split_lengths in self.lengths.values())
        self.spec = SequenceSpec(Tokens(len(self.tokenizer)), output, max_length=longest, look_ahead=True)

    def _describe_lengths(self, whole: Mapping[str, np.ndarray]) -> list[str]:
        """Return sentences on samples that are left out, cut or in small batches, and on many unknown words.

        Args:
            whole: number of tokens of each sentence by split, before any was cut or left out.
        """
        places = {split: partial(self._sentences.place, split) for split in SPLITS}
        notes = describe_left_out(
            whole["train"], self._options.max_length or int(whole["train"].max()), places["train"]
        )
        for split in ("validation", "test"):
            cut = describe_cut(split, whole[split], LONGEST_EVALUATED, places[split])
            notes += cut or describe_small_batches(split, whole[split], EVALUATION_LIMITS, places[split])
        unknown = float((self.ids["validation"] == UNKNOWN).mean())
        if unknown > MANY_UNKNOWN:
            notes.append(
                f"{100 * unknown:.0f} % of the validation words do not occur in training; for a language without "
                f"spaces or with many forms of a word, give --task.tokens bpe"
            )
        samples, place = self.samples["train"], places["train"]
        return notes + describe_small_batches(
            "train", self.lengths["train"], BatchLimits(self.batch_size), lambda number: place(int(samples[number]))
        )

    def vocabulary_text(self) -> str:
        """Return the tokenizer as JSON."""
        return self.tokenizer.to_json()

    def use_vocabulary(self, vocabulary: str, facts: Mapping[str, object]) -> None:
        """Encode the sentences again, with the tokenizer of a model that was trained on other sentences.

        Args:
            vocabulary: ``vocabulary_text()`` of the training data.
            facts: ``describe_data()`` of the training data.

        Raises:
            SeqbenchError: the text is not a tokenizer, or the classes of the two data sets differ.
        """
        classes = facts.get("classes")
        require(
            classes == list(self.classes),
            f"the model knows the classes {short_repr(classes)}, but these sentences have the classes "
            f"{short_repr(list(self.classes))}; give sentences with the same labels.",
        )
        tokenizer = Tokenizer.from_json(vocabulary)
        texts, labels = self._texts_and_labels()
        arrays = {**self._sentences.arrays, **encode_texts(tokenizer, texts, labels)}
        self._use_sentences(dataclasses.replace(self._sentences, tokenizer=tokenizer, arrays=arrays))

    def _texts_and_labels(self) -> tuple[Mapping[str, list[str]], Mapping[str, np.ndarray]]:
        """Return texts and labels of each split, which are arguments of ``encode_texts``."""
        raise NotImplementedError(f"{type(self).__name__} keeps no texts")

    def stream(self, split: str, step: int) -> Batch:
        """Return a batch of sentences of similar length; in training, from the permutation of the epoch."""
        if split != "train":
            return self._batch(split, self._evaluation[split][step])
        batch = self._batch("train", self._epochs.batch(step))
        unknown_rate = self._options.unknown_rate
        if unknown_rate > 0:
            # Negative epoch numbers, so that these keys never equal those of the permutations.
            drawn = self.keys.generator("train", -1 - step).random(batch.inputs.shape)
            batch.inputs[torch.from_numpy(drawn < unknown_rate)] = UNKNOWN
        return batch

    def _draw_epoch(self, epoch: int) -> list[np.ndarray]:
        # A small pool: if length and class are correlated, batches of a single length would make the loss oscillate.
        limits = BatchLimits(self.batch_size)
        return batches_of_epoch(self.keys.generator("train", epoch), self.lengths["train"], limits, pool=20)

    def _batch(self, split: str, places: np.ndarray) -> Batch:
        index, lengths = self.samples[split][places], self.lengths[split][places]
        steps = np.arange(int(lengths.max()))
        inside = steps < lengths[:, None]
        flat = np.where(inside, self.offsets[split][index][:, None] + steps, 0)
        weights, scored = self._weights(lengths, inside)
        return Batch(
            inputs=torch.from_numpy(np.where(inside, self.ids[split][flat], UNKNOWN).astype(np.int64)),
            targets=torch.from_numpy(self.labels[split][index][:, None]),
            lengths=torch.from_numpy(lengths),
            weights=torch.from_numpy(weights.astype(np.float32)),
            total=float(len(index)),
            scored=torch.from_numpy(scored.astype(np.float32)),
            index=torch.from_numpy(index),
        )

    def _weights(self, lengths: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of each prediction in the loss, which sum to 1 per sentence, and in the metrics."""
        divergence = self._options.divergence
        if DIVERGENCES[divergence] != "every":
            return np.ones((len(lengths), 1)), np.ones((len(lengths), 1))
        steps = np.arange(inside.shape[1])
        weights = inside * (steps + 1.0 if divergence == "ramp" else 1.0)
        return weights / weights.sum(1, keepdims=True), steps == lengths[:, None] - 1

    def steps_per_pass(self) -> int:
        """Return the number of batches that contain each training sample once."""
        return len(self._epochs.batches(0))

    def input_text(self, batch: Batch, row: int) -> str:
        """Return the tokens of the sentence; a word that the vocabulary lacks is the unknown token."""
        return self.tokenizer.decode(batch.inputs[row, : int(batch.lengths[row])].tolist(), special=True)

    def steps(self, split: str) -> int:
        """Return the number of batches that contain each sentence of the split once."""
        return len(self._evaluation[split])

    def chance(self, split: str) -> Scores:
        """Return the scores of the majority class of training, and the loss of its class frequencies."""
        counts = np.bincount(self.labels["train"], minlength=len(self.classes))
        constant = np.full(len(self.labels[split]), counts.argmax())
        loss = float(-np.log(counts / counts.sum())[self.labels[split]].mean())
        return {**score_classes(constant, self.labels[split]), "loss": loss}

    def describe_data(self) -> dict[str, object]:
        """Return the number of sentences, the classes, the vocabulary, and the share of unknown tokens."""
        return {
            **{split: len(index) for split, index in self.samples.items()},
            "left_out": len(self.labels["train"]) - len(self.samples["train"]),
            "classes": list(self.classes),
            "vocabulary": len(self.tokenizer),
            "unknown": {split: float((self.ids[split] == UNKNOWN).mean()) for split in ("validation", "test")},
            "tokenizer": self.tokenizer.checksum,
            **self.describe_reading(),
        }


class Sentences(Labelled):
    """Labelled sentences of a published data set, or of the user.

    Args:
        dataset: name of the published sentences, see ``seqbench.datamodules.sources.published_datasets``.
        tokens: ``words`` (between white space) or ``bpe`` (byte pairs); learned from the training split alone.
        vocabulary_size: maximum number of tokens in the vocabulary.
        min_count: minimum number of occurrences of a word in training; rarer words are unknown.
        unknown_rate: share of the training tokens that are replaced by the unknown token, so that its embedding is
            trained.
        divergence: predictions from which the loss is computed: ``last`` (one prediction, from the last step, or from
            both ends if the backbone looks ahead), ``mean`` (one prediction, from the mean of the steps), ``uniform``
            or ``ramp`` (one prediction at each step, with equal or linearly rising weights; the last one is scored).
        max_length: maximum number of tokens in a training sentence; longer sentences are excluded and counted.
        data_dir: folder or file to read instead of downloaded data: tables with a sentence and a label in
            each line, see ``docs/data.md``.
        source: source of the sentences: auto (a folder, else the hub), folder or hub.
        batch_size: sentences in one training batch.
        keys: keys of the random generators.
    """

    best_unknown = "nobody knows how far readers agree on these labels"

    def __init__(
        self,
        dataset: str,
        batch_size: int,
        keys: Keys,
        tokens: str = "words",
        vocabulary_size: int = 20_000,
        min_count: int = 1,
        unknown_rate: float = 0.0,
        divergence: str = "last",
        max_length: int = 128,
        data_dir: str | None = None,
        source: str = "auto",
    ) -> None:
        vocabulary = VocabularyOptions(tokens, vocabulary_size, min_count)
        require(max_length >= 1, f"task.max_length must be at least 1 token, got {max_length}.")
        options = TrainingOptions(unknown_rate, divergence, max_length)
        self._location = data_location.locate_data(dataset, data_dir, source)
        sentences = read_encoded_sentences(self._location, vocabulary)
        super().__init__(sentences, batch_size, keys, options, self._location.notes)

    def _texts_and_labels(self) -> tuple[Mapping[str, list[str]], Mapping[str, np.ndarray]]:
        sentences = labelled_sentences.read_labelled_sentences(self._location)
        return sentences.texts, sentences.labels

    def best(self, split: str) -> Scores:
        """Return None for each metric; ``best_unknown`` gives the reason."""
        return {"accuracy": None, "macro_f1": None, "loss": None}

    def baselines(self, split: str) -> dict[str, dict[str, float]]:
        """Return the scores of multinomial naive Bayes, a bag-of-words model, with one added to each count."""
        counts = np.ones((len(self.classes), len(self.tokenizer)))
        np.add.at(counts, (np.repeat(self.labels["train"], np.diff(self.offsets["train"])), self.ids["train"]), 1)
        likelihood = np.log(counts / counts.sum(1, keepdims=True))
        likelihood[:, UNKNOWN] = 0.0  # Training contains no unknown token, so its counts carry no information.
        sums = np.add.reduceat(likelihood[:, self.ids[split]], self.offsets[split][:-1], axis=1)
        prior = np.log(np.bincount(self.labels["train"], minlength=len(self.classes)))
        return {"naive Bayes": score_classes((prior[:, None] + sums).argmax(0), self.labels[split])}


def score_classes(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return the accuracy, and the mean F1 of the classes that are predicted or true.

    Args:
        predicted: class numbers ``(sentences,)``.
        true: class numbers ``(sentences,)``.

    >>> score_classes(np.array([1, 1, 1, 1]), np.array([1, 1, 1, 0]))
    {'accuracy': 0.75, 'macro_f1': 0.42857142857142855}
    """
    scores = [
        2
        * float(((predicted == name) & (true == name)).sum())
        / float((predicted == name).sum() + (true == name).sum())
        for name in np.union1d(predicted, true)
    ]
    return {"accuracy": float((predicted == true).mean()), "macro_f1": sum(scores) / len(scores)}
