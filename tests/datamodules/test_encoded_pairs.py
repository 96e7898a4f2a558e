"""Encoded sentence pairs, and the cache of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from seqbench.datamodules import encoded_pairs
from seqbench.datamodules.encoded_pairs import END, START, encode_pairs, pad_rows, read_encoded_pairs
from seqbench.datamodules.sources import data_location, prepared_cache
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.sources.sentence_pairs import SentencePairs
from seqbench.datamodules.text.tokenization import Tokenizer


@pytest.fixture
def location(small_data: Path, cache: Path) -> DataLocation:
    return data_location.locate_data("multi30k", str(small_data / "pairs"), languages=("en", "de"))


def test_both_sides_share_a_vocabulary_and_references_stay_raw(location: DataLocation) -> None:
    arrays = read_encoded_pairs(location, 300)
    tokenizer = Tokenizer.from_json(prepared_cache.array_text(arrays["tokenizer"]))
    raw = (location.files["test/de"][0]).read_text().strip().split("\n")
    assert prepared_cache.array_text(arrays["test-references"]).split("\n") == raw
    assert "train-references" not in arrays
    for side, split in (("source", "train"), ("target", "test")):
        ids, offsets = arrays[f"{split}-{side}"], arrays[f"{split}-{side}-offsets"]
        language = "en" if side == "source" else "de"
        lines = location.files[f"{split}/{language}"][0].read_text().strip().split("\n")
        assert [tokenizer.decode(ids[a:b]) for a, b in itertools.pairwise(offsets)] == lines


def test_the_special_tokens_come_first_and_are_not_in_the_text(location: DataLocation) -> None:
    arrays = read_encoded_pairs(location, 300)
    assert (START, END) == (1, 2)
    assert min(int(arrays["train-source"].min()), int(arrays["train-target"].min())) > END


def test_pairs_are_encoded_once_for_each_vocabulary_size(
    location: DataLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_encoded_pairs(location, 300)
    monkeypatch.setattr(encoded_pairs, "_prepare", None)
    assert read_encoded_pairs(location, 300)["train-source"].tolist() == first["train-source"].tolist()
    with pytest.raises(TypeError):
        read_encoded_pairs(location, 301)


def test_pairs_can_be_encoded_with_another_tokenizer() -> None:
    pairs = SentencePairs({"train": (["a b"], ["b"]), "test": (["b"], ["c a"])})
    arrays = encode_pairs(pairs, Tokenizer.words(["a b"], 1, extra=encoded_pairs.SPECIALS))
    assert arrays["train-source"].tolist() == [3, 4]
    assert arrays["test-target"].tolist() == [0, 3]
    assert prepared_cache.array_text(arrays["test-references"]) == "c a"


def test_rows_are_padded_with_zeros() -> None:
    ids, offsets = np.array([5, 6, 7, 8], np.int32), np.array([0, 1, 1, 4])
    padded = pad_rows(ids, offsets, np.array([2, 0, 1]))
    assert padded.tolist() == [[6, 7, 8], [5, 0, 0], [0, 0, 0]]
    assert padded.dtype == np.int64
