"""Translation: read a sentence and write it in another language.

    source  A man is riding a bicycle .
    target  Ein Mann fährt Fahrrad .

Source and target share one byte-pair vocabulary, learned from the training split. Training uses the true target as
input of the decoder (teacher forcing). Scores compare decoded translations with the raw, cased reference: BLEU
(Papineni et al. 2002) and chrF (Popović 2015) as sacrebleu computes them (Post 2018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.datamodules.encoded_pairs import END, START, encode_pairs, pad_rows, read_encoded_pairs
from seqbench.datamodules.length_buckets import (
    BatchLimits,
    EpochCache,
    batches_by_length,
    batches_of_epoch,
    batches_per_epoch,
)
from seqbench.datamodules.long_samples import cut_rows, describe_cut, describe_left_out
from seqbench.datamodules.sources import data_location, prepared_cache, sentence_pairs
from seqbench.datamodules.text import bleu
from seqbench.datamodules.text.tokenization import Tokenizer
from seqbench.protocol import run_folder
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence
from seqbench.protocol.splits import SPLITS

MOST_PAIRS = 2**20
"""Largest product of rows, source tokens and target tokens of a batch, because additive attention has a vector each."""

EVALUATION_LIMITS = BatchLimits(rows=128, pairs=MOST_PAIRS)
"""Limits of one evaluation batch, for any training batch size."""

LONGEST_EVALUATED = 512
"""Largest number of tokens that evaluation reads on either side; the published pairs have at most 73."""
LENGTHS = (8, 10, 12, 15)
"""Upper limits of the bins of scores by source length, in words; the last bin has no limit."""
EXACT_SCORES: Scores = {"bleu": 100.0, "chrf": 100.0, "token_loss": 0.0, "token_accuracy": 1.0}
"""Scores of translations that equal their reference."""


@dataclass(frozen=True)
class DecodingOptions:
    """Options of the training loss and of decoding; see ``Translation``.

    Raises:
        SeqbenchError: a value is out of range.
    """

    longest: int
    smoothing: float
    beam: int
    length_penalty: float

    def __post_init__(self) -> None:
        require(self.longest >= 1, f"translation's longest must be at least 1 token, got {self.longest}.")
        require(0 <= self.smoothing < 1, f"translation's smoothing must be in [0, 1), got {self.smoothing}.")
        require(self.beam >= 1, f"translation's beam must be at least 1 hypothesis, got {self.beam}.")
        require(
            0 <= self.length_penalty < math.inf,
            f"translation's length_penalty must be a finite number of at least 0, got {self.length_penalty}.",
        )

    def output(self, vocab: int) -> TokenSequence:
        """Return the output specification for a vocabulary of ``vocab`` tokens."""
        return TokenSequence(vocab, START, END, self.longest, self.smoothing, self.beam, self.length_penalty)


class Translation(SequenceDataModule):
    """Sentence pairs as token ids.

    Args:
        dataset: name of the published pairs, see ``seqbench.datamodules.sources.published_datasets``.
        source_language: language to translate from, as in the names of the files (``en``).
        target_language: language to translate into.
        vocabulary_size: number of byte-pair tokens of both languages together.
        max_length: maximum number of tokens on either side of a training pair; longer pairs are excluded and counted.
        longest: maximum number of tokens that decoding generates.
        smoothing: label smoothing of the training loss.
        beam: number of hypotheses in beam search; 1 is greedy search.
        length_penalty: exponent in log-probability / length ** length_penalty, by which hypotheses are ranked.
        data_dir: folder to read instead of downloaded data, with ``train``, ``val`` and ``test`` in both languages.
        source: source of the pairs: auto (a folder, else the hub), folder, hub, or synthetic (a toy grammar
            with exact translations).
        batch_size: pairs in one training batch.
        keys: keys of the random generators.
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
        self._max_length = max_length
        self._decoding = DecodingOptions(longest, smoothing, beam, length_penalty)
        require(
            source_language != target_language, f"source and target are both '{source_language}'; give two languages."
        )
        languages = (source_language, target_language)
        self._location = data_location.locate_data(dataset, data_dir, source, languages)
        self.exact = self._location.source == "synthetic"
        if not self.exact:
            self.best_unknown = "a sentence has more right translations than its reference"
        self._use_arrays(read_encoded_pairs(self._location, vocabulary_size))

    def vocabulary_text(self) -> str:
        """Return the tokenizer as JSON."""
        return self.tokenizer.to_json()

    def use_vocabulary(self, vocabulary: str, facts: Mapping[str, object]) -> None:
        """Encode the sentences again, with the byte pairs of a model that was trained on other sentences.

        Args:
            vocabulary: ``vocabulary_text()`` of the training data.
            facts: not used.

        Raises:
            SeqbenchError: the text is not a tokenizer, or has no start and end tokens.
        """
        tokenizer = Tokenizer.from_json(vocabulary)
        require(len(tokenizer) > END, "the tokenizer of the run has no start and end tokens; train the model again.")
        self._use_arrays(encode_pairs(sentence_pairs.read_sentence_pairs(self._location), tokenizer))

    def _use_arrays(self, arrays: prepared_cache.Arrays) -> None:
        """Set the data of all splits, and exclude training pairs that are too long."""
        self.tokenizer = Tokenizer.from_json(prepared_cache.array_text(arrays["tokenizer"]))
        self.references = {
            split: prepared_cache.array_text(arrays[f"{split}-references"]).split("\n")
            for split in ("validation", "test")
        }
        self.sides = {
            split: tuple(
                (arrays[f"{split}-{side}"], arrays[f"{split}-{side}-offsets"]) for side in ("source", "target")
            )
            for split in SPLITS
        }
        whole = {split: np.maximum(*(np.diff(offsets) for _, offsets in both)) for split, both in self.sides.items()}
        for split in ("validation", "test"):
            self.sides[split] = tuple(cut_rows(*side, LONGEST_EVALUATED) for side in self.sides[split])
        lengths = {split: [np.diff(offsets) for _, offsets in both] for split, both in self.sides.items()}
        fits = np.maximum(*lengths["train"]) <= self._max_length
        self.samples = {split: np.arange(len(both[0])) for split, both in lengths.items()}
        self.left_out = int((~fits).sum())
        self.samples["train"] = self.samples["train"][fits]
        require(
            len(self.samples["train"]) > 0,
            f"no training pair has at most {self._max_length} tokens; raise --task.max_length.",
        )
        self.lengths = {split: [side[self.samples[split]] for side in both] for split, both in lengths.items()}
        self._evaluation = {
            split: batches_by_length(self.lengths[split][0], EVALUATION_LIMITS, self.lengths[split][1])
            for split in ("validation", "test")
        }
        self._limits = BatchLimits(self.batch_size, pairs=MOST_PAIRS)
        source, target = self.lengths["train"]
        self._epochs = EpochCache(self._draw_epoch, batches_per_epoch(source, self._limits, target))
        notes = prepared_cache.array_text(arrays["notes"]).split("\n")
        self.notes = (*self._location.notes, *(note for note in notes if note), *self._describe_lengths(arrays, whole))
        self._choose_bleu()
        longest_source = max(int(both[0].max()) for both in self.lengths.values())
        size = len(self.tokenizer)
        self.spec = SequenceSpec(Tokens(size), self._decoding.output(size), max_length=longest_source, look_ahead=True)

    def _describe_lengths(self, arrays: prepared_cache.Arrays, whole: Mapping[str, np.ndarray]) -> list[str]:
        """Return sentences on pairs that are left out of training or cut in evaluation.

        Args:
            arrays: the encoded pairs, with the names of their files.
            whole: number of tokens on the longer side of each pair by split, before any was cut.
        """

        def place(split: str, number: int) -> str:
            if f"{split}-places" not in arrays:
                return ""
            source, target, first = prepared_cache.array_text(arrays[f"{split}-places"]).split("\n")
            return f"{source} and {target}, line {int(first) + number}"

        notes = describe_left_out(whole["train"], self._max_length, partial(place, "train"))
        for split in ("validation", "test"):
            notes += describe_cut(split, whole[split], LONGEST_EVALUATED, partial(place, split))
        return notes

    def _choose_bleu(self) -> None:
        """Choose the tokenizer of BLEU by the target language, and note it if it is not the usual one."""
        # The toy grammar is written in Latin letters, whatever its languages are called.
        language = "" if self.exact else self._location.languages[1]
        self.bleu_tokenizer = bleu.choose_tokenizer(language, self.references["validation"])
        if self.bleu_tokenizer != bleu.SPACED:
            unit = "Chinese characters" if self.bleu_tokenizer == bleu.CHINESE else "characters"
            self.notes = (
                *self.notes,
                f"BLEU counts {unit} (tokenizer {self.bleu_tokenizer}), because words of the target language "
                f"'{self._location.languages[1]}' cannot be divided at spaces",
            )

    def _bleu(self, hypotheses: Sequence[str], references: Sequence[str]) -> dict[str, float]:
        return bleu.bleu_scores(hypotheses, references, self.bleu_tokenizer)

    def stream(self, split: str, step: int) -> Batch:
        """Return a batch of pairs of similar length; in training, from the permutation of the epoch."""
        if split != "train":
            return self._batch(split, self._evaluation[split][step])
        return self._batch(split, self._epochs.batch(step))

    def _draw_epoch(self, epoch: int) -> list[np.ndarray]:
        source, target = self.lengths["train"]
        return batches_of_epoch(self.keys.generator("train", epoch), source, self._limits, pool=50, others=target)

    def _batch(self, split: str, places: np.ndarray) -> Batch:
        index = self.samples[split][places]
        sources, targets = (pad_rows(ids, offsets, index) for ids, offsets in self.sides[split])
        lengths, target_lengths = (side[places] for side in self.lengths[split])
        # The end token follows each target.
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

    def steps_per_pass(self) -> int:
        """Return the number of batches that contain each training sample once."""
        return len(self._epochs.batches(0))

    def steps(self, split: str) -> int:
        """Return the number of batches that contain each pair of the split once."""
        return len(self._evaluation[split])

    def score_decoded(self, split: str, decoded: Mapping[int, list[int]]) -> dict[str, float]:
        """Return BLEU and chrF (0 to 100) of the translations of a whole split.

        Args:
            split: evaluation split of the samples.
            decoded: token ids of each translation, by the index of its pair.

        Raises:
            RuntimeError: the indices are not those of all pairs of the split.
        """
        if sorted(decoded) != list(range(len(self.references[split]))):
            raise RuntimeError(f"{len(decoded)} of {len(self.references[split])} {split} sentences were translated")
        return self._bleu(self.decoded_texts(decoded), self.references[split])

    def decoded_standard_errors(self, split: str, decoded: Mapping[int, list[int]]) -> dict[str, float]:
        """Return the standard errors of BLEU and chrF over the pairs of a split, by a bootstrap.

        Args:
            split: evaluation split of the samples.
            decoded: token ids of each translation, by the index of its pair.
        """
        return bleu.bleu_standard_errors(self.decoded_texts(decoded), self.references[split], self.bleu_tokenizer)

    def decoded_group_influences(
        self, split: str, decoded: Mapping[int, list[int]], groups: int
    ) -> dict[str, list[float]]:
        """Return how far each group of pairs moves BLEU and chrF.

        Args:
            split: evaluation split of the samples.
            decoded: token ids of each translation, by the index of its pair.
            groups: number of groups; pair i is in group i modulo this number.
        """
        texts = self.decoded_texts(decoded)
        return bleu.bleu_group_influences(texts, self.references[split], groups, self.bleu_tokenizer)

    def decoded_texts(self, decoded: Mapping[int, list[int]]) -> list[str]:
        """Return translations as text, each in one line, in the order of the pairs."""
        return [" ".join(self.tokenizer.decode(decoded[index]).split()) for index in sorted(decoded)]

    def scores_by_length(self, decoded: Mapping[int, list[int]]) -> dict[str, list[float]]:
        """Return test BLEU and chrF in bins of source length.

        Args:
            decoded: token ids of each test translation, by the index of its pair.

        Returns:
            Columns ``length`` (mean, in words), ``sentences`` (number), ``bleu`` and ``chrf``.
        """
        words = np.array([len(sentence.split()) for sentence in self.source_texts("test")])
        hypotheses, references = self.decoded_texts(decoded), self.references["test"]
        bins = np.searchsorted(LENGTHS, words, side="left")
        columns: dict[str, list[float]] = {"length": [], "sentences": [], "bleu": [], "chrf": []}
        for number in np.unique(bins):
            places = np.flatnonzero(bins == number)
            scores = self._bleu([hypotheses[i] for i in places], [references[i] for i in places])
            row = {"length": float(words[places].mean()), "sentences": len(places), **scores}
            for name, value in row.items():
                columns[name].append(value)
        return columns

    def source_texts(self, split: str) -> list[str]:
        """Return the source sentences of a split, in order."""
        return self._side_texts(split, 0, self.samples[split])

    def _side_texts(self, split: str, side: int, index: np.ndarray) -> list[str]:
        ids, offsets = self.sides[split][side]
        return [self.tokenizer.decode(ids[offsets[i] : offsets[i + 1]]) for i in index]

    @cached_property
    def _unigrams(self) -> np.ndarray:
        """Frequency of each token in the training targets, with one added to each count."""
        ids, offsets = self.sides["train"][1]
        counts = np.bincount(ids, minlength=len(self.tokenizer)) + 1.0
        counts[END] += len(offsets) - 1
        frequencies: np.ndarray = counts / counts.sum()
        return frequencies

    def chance(self, split: str) -> Scores:
        """Return BLEU and chrF of random training targets, and token scores of the unigram distribution."""
        rng = self.keys.generator(f"chance-{split}", 0)
        drawn = rng.choice(self.samples["train"], size=len(self.references[split]))
        ids, offsets = self.sides[split][1]
        tokens = np.concatenate([ids, np.full(len(offsets) - 1, END)])
        return {
            **self._bleu(self._side_texts("train", 1, drawn), self.references[split]),
            "token_loss": float(-np.log(self._unigrams[tokens]).mean()),
            "token_accuracy": float((tokens == self._unigrams.argmax()).mean()),
        }

    def best(self, split: str) -> Scores:
        """Return the scores of exact translations for the toy grammar; unknown for real sentences."""
        return dict(EXACT_SCORES) if self.exact else dict.fromkeys(EXACT_SCORES)

    def baselines(self, split: str) -> dict[str, dict[str, float]]:
        """Return the scores of the source sentences, used as translations."""
        return {"copied source": self._bleu(self.source_texts(split), self.references[split])}

    def describe_data(self) -> dict[str, object]:
        """Return the number of pairs, the vocabulary, and the signatures of BLEU and chrF."""
        return {
            **{split: len(index) for split, index in self.samples.items()},
            "left_out": self.left_out,
            "vocabulary": len(self.tokenizer),
            "tokenizer": self.tokenizer.checksum,
            **bleu.bleu_signatures(self.bleu_tokenizer),
            **self.describe_reading(),
        }
