"""Labelled sentences as arrays of token ids, cached on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from seqbench.datamodules.base import require
from seqbench.datamodules.sources import data_contents, labelled_sentences, prepared_cache
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.text.tokenization import TOKENIZERS_VERSION, Tokenizer
from seqbench.protocol.splits import SPLITS


@dataclass(frozen=True)
class EncodedSentences:
    """Sentences as token ids, with their classes.

    Args:
        tokenizer: tokenizer of the ids.
        arrays: ids, offsets and labels of each split, from ``encode_texts``.
        classes: names of the classes.
        files: names of the files; empty for generated sentences.
        notes: sentences on how files of a user were read.
    """

    tokenizer: Tokenizer
    arrays: Mapping[str, np.ndarray]
    classes: tuple[str, ...]
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def place(self, split: str, number: int) -> str:
        """Return file and line of a sentence; empty for generated sentences."""
        if not self.files:
            return ""
        file, line = self.arrays[f"{split}-places"][number]
        return f"{self.files[file]}, line {line}"


@dataclass(frozen=True)
class VocabularyOptions:
    """Options of the vocabulary.

    Args:
        tokens: ``words`` or ``bpe``.
        vocabulary_size: maximum number of tokens.
        min_count: minimum number of occurrences of a word.

    Raises:
        SeqbenchError: ``tokens`` is unknown or ``min_count`` is out of range.
    """

    tokens: str
    vocabulary_size: int
    min_count: int

    def __post_init__(self) -> None:
        require(self.tokens in ("words", "bpe"), f"task.tokens must be 'words' or 'bpe', got '{self.tokens}'.")
        require(self.min_count >= 1, f"task.min_count must be at least 1 occurrence, got {self.min_count}.")


def encode_texts(
    tokenizer: Tokenizer, texts: Mapping[str, list[str]], labels: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Encode the sentences of each split.

    Args:
        tokenizer: tokenizer of the texts.
        texts: sentences of each split.
        labels: class numbers of each split, ``(sentences,)``.

    Returns:
        For each split ``{split}-ids`` ``(tokens,)``, ``{split}-offsets`` ``(sentences + 1,)`` and ``{split}-labels``
        ``(sentences,)``.
    """
    arrays: dict[str, np.ndarray] = {}
    for split in SPLITS:
        arrays[f"{split}-ids"], arrays[f"{split}-offsets"] = tokenizer.encode(texts[split])
        arrays[f"{split}-labels"] = np.asarray(labels[split], np.int64)
    return arrays


def read_encoded_sentences(location: DataLocation, options: VocabularyOptions) -> EncodedSentences:
    """Return the encoded sentences of a data set, from the cache if they were encoded before.

    Raises:
        SeqbenchError: the files cannot be read, or are not the published ones where they must be.
    """
    key = {
        "data": data_contents.verified_checksums(location),
        "library": TOKENIZERS_VERSION,
        "tokens": options.tokens,
        "vocabulary_size": options.vocabulary_size,
        "min_count": options.min_count,
    }
    arrays = prepared_cache.load_or_prepare(
        "sentences-2", key, lambda: _prepare(labelled_sentences.read_labelled_sentences(location), options)
    )
    tokenizer = Tokenizer.from_json(prepared_cache.array_text(arrays["tokenizer"]))
    classes, files, notes = (
        tuple(prepared_cache.array_text(arrays[name]).split("\n")) for name in ("classes", "files", "notes")
    )
    return EncodedSentences(tokenizer, arrays, classes, files, tuple(note for note in notes if note))


def _prepare(sentences: labelled_sentences.LabelledSentences, options: VocabularyOptions) -> prepared_cache.Arrays:
    """Learn the vocabulary from the training split and encode all splits."""
    texts = sentences.texts["train"]
    if options.tokens == "bpe":
        tokenizer = Tokenizer.bpe(texts, options.vocabulary_size)
    else:
        tokenizer = Tokenizer.words(texts, options.min_count, options.vocabulary_size)
    return {
        "tokenizer": prepared_cache.text_array(tokenizer.to_json()),
        "classes": prepared_cache.text_array("\n".join(sentences.classes)),
        "files": prepared_cache.text_array("\n".join(sentences.files)),
        "notes": prepared_cache.text_array("\n".join(sentences.notes)),
        **{f"{split}-places": places for split, places in sentences.places.items()},
        **encode_texts(tokenizer, sentences.texts, sentences.labels),
    }
