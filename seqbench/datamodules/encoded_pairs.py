"""Sentence pairs as arrays of token ids, cached on disk."""

from __future__ import annotations

import numpy as np

from seqbench.datamodules.sources import data_contents, prepared_cache, sentence_pairs
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.text.tokenization import TOKENIZERS_VERSION, Tokenizer

SPECIALS = ("[START]", "[END]")
"""Names of the tokens before and after each target."""
START, END = 1, 2
"""Ids of the special tokens."""


def read_encoded_pairs(location: DataLocation, vocabulary_size: int) -> prepared_cache.Arrays:
    """Return the encoded pairs of a data set, from the cache if they were encoded before.

    Raises:
        SeqbenchError: the files cannot be read, or are not the published ones where they must be.
    """
    key = {
        "data": data_contents.verified_checksums(location),
        "library": TOKENIZERS_VERSION,
        "languages": list(location.languages),
        "vocabulary_size": vocabulary_size,
    }
    return prepared_cache.load_or_prepare(
        "pairs-2", key, lambda: _prepare(sentence_pairs.read_sentence_pairs(location), vocabulary_size)
    )


def _prepare(pairs: sentence_pairs.SentencePairs, vocabulary_size: int) -> prepared_cache.Arrays:
    """Learn the vocabulary from the training split and encode all splits."""
    sources, targets = pairs.splits["train"]
    return encode_pairs(pairs, Tokenizer.bpe([*sources, *targets], vocabulary_size, SPECIALS))


def encode_pairs(pairs: sentence_pairs.SentencePairs, tokenizer: Tokenizer) -> prepared_cache.Arrays:
    """Encode all sentence pairs.

    Returns:
        ``tokenizer`` (its JSON as bytes); for each split ``{split}-source`` and ``{split}-target`` ``(tokens,)`` with
        ``-offsets`` ``(sentences + 1,)``, and ``{split}-places`` (names of both files and the number of the first
        line, one in each line of a text); for evaluation splits ``{split}-references`` (the raw targets as bytes); and
        ``notes`` on how the files were read.
    """
    arrays = {
        "tokenizer": prepared_cache.text_array(tokenizer.to_json()),
        "notes": prepared_cache.text_array("\n".join(pairs.notes)),
    }
    for split, files in (pairs.files or {}).items():
        first_line = (pairs.first_lines or {})[split]
        arrays[f"{split}-places"] = prepared_cache.text_array("\n".join((*files, str(first_line))))
    for split, both in pairs.splits.items():
        for side, sentences in zip(("source", "target"), both, strict=True):
            arrays[f"{split}-{side}"], arrays[f"{split}-{side}-offsets"] = tokenizer.encode(sentences)
        if split != "train":
            arrays[f"{split}-references"] = prepared_cache.text_array("\n".join(both[1]))
    return arrays


def pad_rows(ids: np.ndarray, offsets: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return rows of a ragged array, padded with 0.

    Args:
        ids: all rows, one after another, ``(tokens,)``.
        offsets: row i lies between offsets i and i + 1, ``(rows + 1,)``.
        index: numbers of the rows, ``(batch,)``.

    Returns:
        ``(batch, time)`` int64.

    >>> pad_rows(np.array([5, 6, 7]), np.array([0, 1, 3]), np.array([1, 0])).tolist()
    [[6, 7], [5, 0]]
    """
    starts, lengths = offsets[index], offsets[index + 1] - offsets[index]
    steps = np.arange(int(lengths.max()))
    inside = steps < lengths[:, None]
    return np.where(inside, ids[np.where(inside, starts[:, None] + steps, 0)], 0).astype(np.int64)
