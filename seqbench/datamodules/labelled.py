"""Sentences with one label each, read or generated: which of the classes is it?

input   a gorgeous , witty , seductive movie .
target  1
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.datamodules.length_buckets import batches_by_length, batches_of_epoch
from seqbench.datamodules.sources import data_location, labelled_sentences, prepared_cache
from seqbench.datamodules.sources.folder_layouts import SPLITS
from seqbench.datamodules.text.tokenization import TOKENIZERS_VERSION, UNKNOWN, Tokenizer
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceClass, SequenceSpec, Tokens
from seqbench.utils.errors import did_you_mean
from seqbench.utils.plain_data import short_repr

EVALUATION_ROWS = 256
"""Sentences in one evaluation batch, whatever the training batch."""

DIVERGENCES = {"last": "last", "mean": "mean", "uniform": "every", "ramp": "every"}
"""What the loss is taken of, and which steps answer then (see ``SequenceClass.reads``)."""

Prepared = Mapping[str, np.ndarray]


class Labelled(SequenceDataModule):
    """Token ids with a class for each sentence: batches, and the lines that need no more than the labels.

    Args:
        tokenizer: of the ids.
        prepared: what ``encoded`` gives.
        classes: names of the classes.
        batch_size: sentences in one training batch.
        keys: what random draws are keyed by.
        unknown_rate: see ``Sentences``.
        divergence: see ``Sentences``.
        max_length: see ``Sentences``; None leaves nothing out.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        prepared: Prepared,
        classes: Sequence[str],
        batch_size: int,
        keys: Keys,
        unknown_rate: float = 0.0,
        divergence: str = "last",
        max_length: int | None = None,
    ) -> None:
        super().__init__(batch_size, keys)
        require(
            divergence in DIVERGENCES,
            f"task.divergence '{divergence}' is unknown.{did_you_mean(divergence, DIVERGENCES)}",
        )
        require(0 <= unknown_rate < 1, f"task.unknown_rate must be in [0, 1), got {unknown_rate}.")
        self.classes = tuple(classes)
        self.unknown_rate, self.divergence, self._max_length = unknown_rate, divergence, max_length
        self._take(tokenizer, prepared)
        self._epoch: tuple[int, list[np.ndarray]] = (-1, [])

    def _take(self, tokenizer: Tokenizer, prepared: Prepared) -> None:
        """Take up what was prepared, and leave out training sentences that are too long."""
        self.tokenizer, max_length = tokenizer, self._max_length
        self.ids = {split: prepared[f"{split}-ids"] for split in SPLITS}
        self.offsets = {split: prepared[f"{split}-offsets"] for split in SPLITS}
        self.labels = {split: prepared[f"{split}-labels"] for split in SPLITS}
        lengths = {split: np.diff(offsets) for split, offsets in self.offsets.items()}
        self.samples = {split: np.arange(len(some)) for split, some in lengths.items()}
        if max_length is not None:
            self.samples["train"] = np.flatnonzero(lengths["train"] <= max_length)
            require(
                len(self.samples["train"]) > 0,
                f"no training sentence has at most {max_length} tokens; raise --task.max_length.",
            )
        self.lengths = {split: lengths[split][self.samples[split]] for split in SPLITS}
        self.evaluation = {
            split: batches_by_length(self.lengths[split], EVALUATION_ROWS) for split in ("validation", "test")
        }
        output = SequenceClass(len(self.classes), DIVERGENCES[self.divergence])
        longest = max(int(some.max()) for some in self.lengths.values())
        self.spec = SequenceSpec(Tokens(len(tokenizer)), output, max_length=longest, look_ahead=True)

    def vocabulary_text(self) -> str:
        """The tokenizer, as JSON."""
        return self.tokenizer.to_json()

    def use_vocabulary(self, vocabulary: str, facts: Mapping[str, Any]) -> None:
        """Read the sentences with another's tokens.

        Raises:
            SeqbenchError: it is no tokenizer, or was learnt with other classes than these sentences have.
        """
        known = facts.get("classes")
        require(
            known == list(self.classes),
            f"the model knows the classes {short_repr(known)}, and these sentences have {short_repr(list(self.classes))}; give "
            f"sentences with the same labels.",
        )
        tokenizer = Tokenizer.from_json(vocabulary)
        self._take(tokenizer, encode_texts(tokenizer, *self._raw()))

    def _raw(self) -> tuple[Mapping[str, list[str]], Mapping[str, np.ndarray]]:
        """Texts and labels of each split, as ``encoded`` takes them."""
        raise NotImplementedError(f"{type(self).__name__} keeps no texts")

    def stream(self, split: str, step: int) -> Batch:
        """A batch of sentences of like length; in training of the epoch's permutation."""
        if split != "train":
            return self._batch(split, self.evaluation[split][step])
        epoch, place = divmod(step, math.ceil(len(self.samples["train"]) / self.batch_size))
        if self._epoch[0] != epoch:
            rng = self.keys.generator("train", epoch)
            # Small pools: where length tells something of the class, batches of one length would swing.
            self._epoch = (epoch, batches_of_epoch(rng, self.lengths["train"], self.batch_size, pool=20))
        batch = self._batch("train", self._epoch[1][place])
        if self.unknown_rate > 0:
            # Negative numbers: not those that key the permutations.
            drawn = self.keys.generator("train", -1 - step).random(batch.inputs.shape)
            batch.inputs[torch.from_numpy(drawn < self.unknown_rate)] = UNKNOWN
        return batch

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
        """Weight of each answer in the loss, those of a sentence adding up to 1, and in the metrics."""
        if DIVERGENCES[self.divergence] != "every":
            return np.ones((len(lengths), 1)), np.ones((len(lengths), 1))
        steps = np.arange(inside.shape[1])
        rising = inside * (steps + 1.0 if self.divergence == "ramp" else 1.0)
        return rising / rising.sum(1, keepdims=True), steps == lengths[:, None] - 1

    def steps(self, split: str) -> int:
        """Batches in which each sentence of the split comes once."""
        return len(self.evaluation[split])

    def chance(self, split: str) -> Scores:
        """The majority class of training, always; the loss of its class frequencies."""
        counts = np.bincount(self.labels["train"], minlength=len(self.classes))
        always = np.full(len(self.labels[split]), counts.argmax())
        loss = float(-np.log(counts / counts.sum())[self.labels[split]].mean())
        return {**agreement(always, self.labels[split]), "loss": loss}

    def describe_data(self) -> dict[str, Any]:
        """Sentences of each split, those left out, the classes, the vocabulary, and the share it does not know."""
        return {
            **{split: len(index) for split, index in self.samples.items()},
            "left_out": len(self.labels["train"]) - len(self.samples["train"]),
            "classes": list(self.classes),
            "vocabulary": len(self.tokenizer),
            "unknown": {split: float((self.ids[split] == UNKNOWN).mean()) for split in ("validation", "test")},
            "tokenizer": self.tokenizer.checksum,
        }


class Sentences(Labelled):
    """Labelled sentences of a published data set, or of the user's own.

    Args:
        dataset: the published sentences, a name in ``seqbench.datamodules.sources.published_datasets``.
        tokens: ``words`` (between white space) or ``bpe`` (byte pairs); learnt from the training split alone.
        vocabulary_size: most tokens in the vocabulary.
        min_count: occurrences in training from which a word is known.
        unknown_rate: share of the training tokens that read as unknown, so that the unknown's vector is learnt.
        divergence: what the loss is taken of: ``last`` (one answer, read at the last step, or at both ends of a
            backbone that looks ahead), ``mean`` (one answer, read from the mean of the steps), ``uniform`` and
            ``ramp`` (every step answers, weighted equally or rising in step; the last one is scored).
        max_length: most tokens of a training sentence; longer ones are left out and counted. None is cut.
        data_dir: folder (or file) to read instead, lines of ``sentence<TAB>label`` or ``label sentence``.
        source: where the sentences come from: auto (a folder, else the hub), folder or hub.
        batch_size: sentences in one training batch.
        keys: what random draws are keyed by.
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
        require(tokens in ("words", "bpe"), f"task.tokens must be 'words' or 'bpe', got '{tokens}'.")
        require(min_count >= 1, f"task.min_count must be at least 1 occurrence, got {min_count}.")
        require(max_length >= 1, f"task.max_length must be at least 1 token, got {max_length}.")
        self._location = location = data_location.locate_data(dataset, data_dir, source)
        options: dict[str, Any] = {"tokens": tokens, "vocabulary_size": vocabulary_size, "min_count": min_count}
        key = {"data": data_location.verified_checksums(location), "library": TOKENIZERS_VERSION, **options}
        arrays = prepared_cache.load_or_prepare(
            "sentences-1", key, lambda: _prepare(labelled_sentences.read_labelled_sentences(location), **options)
        )
        tokenizer = Tokenizer.from_json(arrays["tokenizer"].tobytes().decode())
        classes = arrays["classes"].tobytes().decode().split("\n")
        super().__init__(tokenizer, arrays, classes, batch_size, keys, unknown_rate, divergence, max_length)

    def _raw(self) -> tuple[Mapping[str, list[str]], Mapping[str, np.ndarray]]:
        read = labelled_sentences.read_labelled_sentences(self._location)
        return read.texts, read.labels

    def best(self, split: str) -> Scores:
        """Unknown: see ``best_unknown``."""
        return {"accuracy": None, "macro_f1": None, "loss": None}

    def baselines(self, split: str) -> dict[str, dict[str, float]]:
        """Multinomial naive Bayes over the tokens, plus one count each: what a bag of words gives at once."""
        counts = np.ones((len(self.classes), len(self.tokenizer)))
        np.add.at(counts, (np.repeat(self.labels["train"], np.diff(self.offsets["train"])), self.ids["train"]), 1)
        likelihood = np.log(counts / counts.sum(1, keepdims=True))
        likelihood[:, UNKNOWN] = 0.0  # Training shows none: it tells nothing.
        sums = np.add.reduceat(likelihood[:, self.ids[split]], self.offsets[split][:-1], axis=1)
        prior = np.log(np.bincount(self.labels["train"], minlength=len(self.classes)))
        return {"naive Bayes": agreement((prior[:, None] + sums).argmax(0), self.labels[split])}


def encode_texts(
    tokenizer: Tokenizer, texts: Mapping[str, list[str]], labels: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Arrays of each split: ``ids (tokens,)``, ``offsets (sentences + 1,)`` and ``labels (sentences,)``."""
    arrays: dict[str, np.ndarray] = {}
    for split in SPLITS:
        arrays[f"{split}-ids"], arrays[f"{split}-offsets"] = tokenizer.encode(texts[split])
        arrays[f"{split}-labels"] = np.asarray(labels[split], np.int64)
    return arrays


def agreement(said: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Accuracy, and the mean F1 of the classes that occur or are said; both ``(sentences,)``."""
    scores = [
        2 * float(((said == name) & (true == name)).sum()) / float((said == name).sum() + (true == name).sum())
        for name in np.union1d(said, true)
    ]
    return {"accuracy": float((said == true).mean()), "macro_f1": sum(scores) / len(scores)}


def _prepare(
    read: labelled_sentences.LabelledSentences, tokens: str, vocabulary_size: int, min_count: int
) -> prepared_cache.Arrays:
    texts = read.texts["train"]
    tokenizer = (
        Tokenizer.bpe(texts, vocabulary_size) if tokens == "bpe" else Tokenizer.words(texts, min_count, vocabulary_size)
    )
    names = {"tokenizer": tokenizer.to_json(), "classes": "\n".join(read.classes)}
    as_bytes = {name: np.frombuffer(text.encode(), np.uint8) for name, text in names.items()}
    return {**as_bytes, **encode_texts(tokenizer, read.texts, read.labels)}
