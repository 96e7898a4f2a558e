"""Translation: read a sentence, write it in another language.

    source  A man is riding a bicycle .
    target  Ein Mann fährt Fahrrad .

Source and target share one vocabulary of byte pairs, learnt from the training split. Training shows the true
target (teacher forcing); scores are of what a model writes by itself, against the raw, cased reference: BLEU
(Papineni et al. 2002) and chrF (Popović 2015) as sacrebleu computes them (Post 2018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.datamodules.length_buckets import batches_by_length, batches_of_epoch
from seqbench.datamodules.sources import data_location, prepared_cache, sentence_pairs
from seqbench.datamodules.text import bleu
from seqbench.datamodules.text.tokenization import TOKENIZERS_VERSION, Tokenizer
from seqbench.protocol import run_folder
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence

SPECIALS = ("[START]", "[END]")
START, END = 1, 2
EVALUATION_ROWS = 128
LENGTHS = (8, 10, 12, 15)
"""Words of a source up to which it falls into a bin of the curve over length; the last bin is open."""


class Translation(SequenceDataModule):
    """Sentence pairs as token ids.

    Args:
        dataset: the published pairs, a name in ``seqbench.datamodules.sources.published_datasets``.
        source_language: of the sentences that are read, as files are named (``en``).
        target_language: of those that are written.
        vocabulary_size: byte pairs of both languages together.
        max_length: most tokens on either side of a training pair; longer pairs are left out and counted.
        longest: most tokens that decoding may write.
        smoothing: label smoothing of the training loss.
        beam: hypotheses that decoding keeps; 1 is greedy search.
        length_penalty: hypotheses are compared by log-probability / length ** length_penalty.
        data_dir: folder to read instead, with ``train``, ``val`` and ``test`` in both languages.
        source: where the pairs come from: auto (a folder, else the hub), folder, hub, or synthetic (a toy
            grammar pair, whose translations are exact).
        batch_size: pairs in one training batch.
        keys: what random draws are keyed by.
    """

    sequence_to_sequence: ClassVar[bool] = True
    vocabulary_file: ClassVar[str] = run_folder.TOKENIZER
    sampler: ClassVar[str] = "translation"

    def __init__(
        self,
        dataset: str,
        batch_size: int,
        keys: Keys,
        source_language: str = "en",
        target_language: str = "de",
        vocabulary_size: int = 4000,
        max_length: int = 80,
        longest: int = 80,
        smoothing: float = 0.1,
        beam: int = 1,
        length_penalty: float = 1.0,
        data_dir: str | None = None,
        source: str = "auto",
    ) -> None:
        super().__init__(batch_size, keys)
        require(max_length >= 1, f"translation's max_length must be at least 1 token, got {max_length}.")
        require(longest >= 1, f"translation's longest must be at least 1 token, got {longest}.")
        require(0 <= smoothing < 1, f"translation's smoothing must be in [0, 1), got {smoothing}.")
        require(beam >= 1, f"translation's beam must be at least 1 hypothesis, got {beam}.")
        require(
            0 <= length_penalty < math.inf, f"translation's length_penalty must be from 0 on, got {length_penalty}."
        )
        require(
            source_language != target_language, f"source and target are both '{source_language}'; give two languages."
        )
        self._location = location = data_location.locate_data(
            dataset, data_dir, source, (source_language, target_language)
        )
        self._max_length, self._decoding = max_length, (longest, smoothing, beam, length_penalty)
        self.exact = location.source == "synthetic"
        if not self.exact:
            self.best_unknown = "a sentence has more right translations than its reference"
        key = {
            "data": data_location.verified_checksums(location),
            "library": TOKENIZERS_VERSION,
            "languages": [source_language, target_language],
            "vocabulary_size": vocabulary_size,
        }
        self._take(
            prepared_cache.load_or_prepare(
                "pairs-1", key, lambda: _prepare(sentence_pairs.read_sentence_pairs(location), vocabulary_size)
            )
        )
        self._kept: tuple[int, list[np.ndarray]] = (-1, [])

    def vocabulary_text(self) -> str:
        """The tokenizer, as JSON."""
        return self.tokenizer.to_json()

    def use_vocabulary(self, vocabulary: str, facts: Mapping[str, Any]) -> None:
        """Read the sentences with another's byte pairs.

        Raises:
            SeqbenchError: it is no tokenizer, or has no start and end.
        """
        tokenizer = Tokenizer.from_json(vocabulary)
        require(len(tokenizer) > END, "the run's tokenizer has no special tokens; run the model again.")
        self._take(_encoded(sentence_pairs.read_sentence_pairs(self._location), tokenizer))

    def _take(self, arrays: prepared_cache.Arrays) -> None:
        """Take up what was prepared, and leave out training pairs that are too long."""
        max_length = self._max_length
        self.tokenizer = Tokenizer.from_json(arrays["tokenizer"].tobytes().decode())
        self.references = {
            split: arrays[f"{split}-references"].tobytes().decode().split("\n") for split in ("validation", "test")
        }
        self.sides = {
            split: tuple(
                (arrays[f"{split}-{side}"], arrays[f"{split}-{side}-offsets"]) for side in ("source", "target")
            )
            for split in ("train", "validation", "test")
        }
        lengths = {split: [np.diff(offsets) for _, offsets in both] for split, both in self.sides.items()}
        fits = np.maximum(*lengths["train"]) <= max_length
        self.samples = {split: np.arange(len(both[0])) for split, both in lengths.items()}
        self.left_out = int((~fits).sum())
        self.samples["train"] = self.samples["train"][fits]
        require(
            len(self.samples["train"]) > 0,
            f"no training pair has at most {max_length} tokens; raise --task.max_length.",
        )
        self.lengths = {split: [side[self.samples[split]] for side in both] for split, both in lengths.items()}
        self._evaluation = {s: batches_by_length(self.lengths[s][0], EVALUATION_ROWS) for s in ("validation", "test")}
        size = len(self.tokenizer)
        output = TokenSequence(size, START, END, *self._decoding)
        most = max(int(both[0].max()) for both in self.lengths.values())
        self.spec = SequenceSpec(Tokens(size), output, max_length=most, look_ahead=True)

    def stream(self, split: str, step: int) -> Batch:
        """A batch of pairs of like length; in training of the epoch's permutation."""
        if split != "train":
            return self._batch(split, self._evaluation[split][step])
        epoch, place = divmod(step, math.ceil(len(self.samples["train"]) / self.batch_size))
        return self._batch(split, self._epoch(epoch)[place])

    def _epoch(self, epoch: int) -> list[np.ndarray]:
        """The batches of one epoch; the last one asked for is kept."""
        if self._kept[0] != epoch:
            source, target = self.lengths["train"]
            rng = self.keys.generator("train", epoch)
            # By the target first, which costs most; by the source among equals.
            self._kept = (epoch, batches_of_epoch(rng, target * 1000 + source, self.batch_size, pool=50))
        return self._kept[1]

    def _batch(self, split: str, places: np.ndarray) -> Batch:
        index = self.samples[split][places]
        sources, targets = (_padded(ids, offsets, index) for ids, offsets in self.sides[split])
        lengths, target_lengths = (side[places] for side in self.lengths[split])
        # Each target is followed by its end.
        ended = np.concatenate([targets, np.zeros_like(targets[:, :1])], axis=1)
        ended[np.arange(len(index)), target_lengths] = END
        weights = (np.arange(ended.shape[1]) <= target_lengths[:, None]).astype(np.float32)
        return Batch(
            inputs=torch.from_numpy(sources),
            targets=torch.from_numpy(ended),
            lengths=torch.from_numpy(lengths),
            weights=torch.from_numpy(weights),
            total=float(weights.sum()),
            index=torch.from_numpy(index),
            target_lengths=torch.from_numpy(target_lengths + 1),
        )

    def steps(self, split: str) -> int:
        """Batches in which each pair of the split comes once."""
        return len(self._evaluation[split])

    # Lines, and what decoding is judged by.

    def score_decoded(self, split: str, decoded: Mapping[int, list[int]]) -> dict[str, float]:
        """BLEU and chrF (0 to 100) of a whole split's translations.

        Raises:
            RuntimeError: a sentence is missing or strange: the evaluation went wrong.
        """
        if sorted(decoded) != list(range(len(self.references[split]))):
            raise RuntimeError(f"{len(decoded)} of {len(self.references[split])} {split} sentences were translated")
        return bleu.bleu_scores(self.written(decoded), self.references[split])

    def written(self, decoded: Mapping[int, list[int]]) -> list[str]:
        """Translations as text, in the order of the split."""
        # A line each: what bytes a model writes is its own affair.
        return [" ".join(self.tokenizer.decode(decoded[index]).split()) for index in sorted(decoded)]

    def scores_by_length(self, decoded: Mapping[int, list[int]]) -> dict[str, list[Any]]:
        """Test BLEU and chrF over the length of the source, in words: columns of length (mean), sentences and both."""
        words = np.array([len(sentence.split()) for sentence in self.source_texts("test")])
        hypotheses, references = self.written(decoded), self.references["test"]
        bins = np.searchsorted(LENGTHS, words, side="left")
        found: dict[str, list[Any]] = {"length": [], "sentences": [], "bleu": [], "chrf": []}
        for number in np.unique(bins):
            places = np.flatnonzero(bins == number)
            found["length"].append(float(words[places].mean()))
            found["sentences"].append(len(places))
            for name, score in bleu.bleu_scores(
                [hypotheses[i] for i in places], [references[i] for i in places]
            ).items():
                found[name].append(score)
        return found

    def source_texts(self, split: str) -> list[str]:
        """The source sentences of a split, in order."""
        return self._texts(split, 0, self.samples[split])

    def _texts(self, split: str, side: int, index: np.ndarray) -> list[str]:
        ids, offsets = self.sides[split][side]
        return [self.tokenizer.decode(ids[offsets[i] : offsets[i + 1]]) for i in index]

    @cached_property
    def _unigrams(self) -> np.ndarray:
        ids, offsets = self.sides["train"][1]
        counts = np.bincount(ids, minlength=len(self.tokenizer)) + 1.0
        counts[END] += len(offsets) - 1
        return counts / counts.sum()

    def chance(self, split: str) -> Scores:
        """A training sentence drawn for each, whatever its source; for tokens the training targets' unigrams."""
        rng = self.keys.generator(f"chance-{split}", 0)
        drawn = rng.choice(self.samples["train"], size=len(self.references[split]))
        ids, offsets = self.sides[split][1]
        tokens = np.concatenate([ids, np.full(len(offsets) - 1, END)])
        return {
            **bleu.bleu_scores(self._texts("train", 1, drawn), self.references[split]),
            "token_loss": float(-np.log(self._unigrams[tokens]).mean()),
            "token_accuracy": float((tokens == self._unigrams.argmax()).mean()),
        }

    def best(self, split: str) -> Scores:
        """Of the toy grammar, whose translations are exact; unknown for real sentences."""
        exact = {"bleu": 100.0, "chrf": 100.0, "token_loss": 0.0, "token_accuracy": 1.0}
        return exact if self.exact else dict.fromkeys(exact)

    def baselines(self, split: str) -> dict[str, dict[str, float]]:
        """The source itself, handed on untranslated."""
        return {"copied source": bleu.bleu_scores(self.source_texts(split), self.references[split])}

    def describe_data(self) -> dict[str, Any]:
        """Pairs of each split, those left out, the vocabulary, and how BLEU and chrF are computed."""
        return {
            **{split: len(index) for split, index in self.samples.items()},
            "left_out": self.left_out,
            "vocabulary": len(self.tokenizer),
            "tokenizer": self.tokenizer.checksum,
            **bleu.bleu_signatures(),
        }


def _prepare(read: sentence_pairs.SentencePairs, vocabulary_size: int) -> prepared_cache.Arrays:
    sources, targets = read.splits["train"]
    return _encoded(read, Tokenizer.bpe([*sources, *targets], vocabulary_size, SPECIALS))


def _encoded(read: sentence_pairs.SentencePairs, tokenizer: Tokenizer) -> prepared_cache.Arrays:
    arrays = {"tokenizer": _bytes(tokenizer.to_json())}
    for split, both in read.splits.items():
        for side, sentences in zip(("source", "target"), both, strict=True):
            arrays[f"{split}-{side}"], arrays[f"{split}-{side}-offsets"] = tokenizer.encode(sentences)
        if split != "train":
            arrays[f"{split}-references"] = _bytes("\n".join(both[1]))
    return arrays


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def _padded(ids: np.ndarray, offsets: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Rows ``index`` of a ragged array, ``(batch, time)`` int64, padded with 0."""
    starts, lengths = offsets[index], offsets[index + 1] - offsets[index]
    steps = np.arange(int(lengths.max()))
    inside = steps < lengths[:, None]
    return np.where(inside, ids[np.where(inside, starts[:, None] + steps, 0)], 0).astype(np.int64)
