"""Encoded sentences, and the cache of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seqbench.datamodules import encoded_sentences
from seqbench.datamodules.encoded_sentences import VocabularyOptions, encode_texts, read_encoded_sentences
from seqbench.datamodules.sources import data_location
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.datamodules.text.tokenization import Tokenizer
from seqbench.utils.errors import SeqbenchError

LINES = {"train": "b a b\tpos\nc\tneg\n", "dev": "a unseen\tneg\n", "test": "b\tpos\n"}
WORDS = VocabularyOptions("words", 100, 1)


@pytest.fixture
def location(tmp_path: Path, cache: Path) -> DataLocation:
    folder = tmp_path / "sentences"
    folder.mkdir()
    for name, text in LINES.items():
        (folder / f"{name}.tsv").write_text(text)
    return data_location.locate_data("sst2", str(folder))


def test_sentences_become_ids_offsets_and_labels(location: DataLocation) -> None:
    sentences = read_encoded_sentences(location, WORDS)
    assert sentences.classes == ("neg", "pos")
    # Words by frequency in training: b is 1, a is 2, c is 3; the unknown word is 0.
    assert {name: array.tolist() for name, array in sentences.arrays.items() if name.startswith(("train", "val"))} == {
        **{"train-ids": [1, 2, 1, 3], "train-offsets": [0, 3, 4], "train-labels": [1, 0]},
        **{"validation-ids": [2, 0], "validation-offsets": [0, 2], "validation-labels": [0]},
        **{"train-places": [[0, 1], [0, 2]], "validation-places": [[1, 1]]},
    }
    assert sentences.place("train", 1) == "train.tsv, line 2"
    assert sentences.notes == ()
    assert sentences.arrays["train-labels"].dtype == np.int64


def test_the_vocabulary_follows_its_options(location: DataLocation) -> None:
    assert len(read_encoded_sentences(location, WORDS).tokenizer) == 4
    assert len(read_encoded_sentences(location, VocabularyOptions("words", 3, 1)).tokenizer) == 3
    assert len(read_encoded_sentences(location, VocabularyOptions("words", 100, 2)).tokenizer) == 2
    bpe = read_encoded_sentences(location, VocabularyOptions("bpe", 300, 1))
    assert 0 not in bpe.arrays["validation-ids"].tolist()


def test_sentences_are_encoded_once_for_each_file_and_option(
    location: DataLocation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = read_encoded_sentences(location, WORDS)
    monkeypatch.setattr(encoded_sentences, "_prepare", None)
    again = read_encoded_sentences(location, WORDS)
    assert again.classes == first.classes
    assert again.tokenizer.checksum == first.tokenizer.checksum
    for options in (VocabularyOptions("bpe", 300, 1), VocabularyOptions("words", 3, 1)):
        with pytest.raises(TypeError):
            read_encoded_sentences(location, options)
    location.files["test"][0].write_text("b\tneg\n")
    with pytest.raises(TypeError):
        read_encoded_sentences(location, WORDS)


def test_all_splits_are_encoded_with_the_same_tokenizer() -> None:
    tokenizer = Tokenizer.words(["a b"], 1)
    texts = {"train": ["a"], "validation": ["b", ""], "test": ["b a"]}
    arrays = encode_texts(tokenizer, texts, {split: np.arange(len(lines)) for split, lines in texts.items()})
    assert arrays["validation-ids"].tolist() == [2]
    assert arrays["validation-offsets"].tolist() == [0, 1, 1]
    assert arrays["test-ids"].tolist() == [2, 1]


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(SeqbenchError, match="must be 'words' or 'bpe', got 'letters'"):
        VocabularyOptions("letters", 100, 1)
    with pytest.raises(SeqbenchError, match="at least 1 occurrence, got 0"):
        VocabularyOptions("words", 100, 0)
