from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqbench.datamodules.text.tokenization import Tokenizer
from seqbench.utils.errors import SeqbenchError

SENTENCES = ["the cat sat on the mat", "the dog saw the cat", "Ein Mann, der lächelt.", "a b c a b a"] * 3
BPE = Tokenizer.bpe(SENTENCES, size=320, extra=("[START]", "[END]"))


def encode_ids(tokenizer: Tokenizer, sentence: str) -> list[int]:
    return tokenizer.encode([sentence])[0].tolist()


def test_words_are_sorted_by_frequency_and_then_alphabetically() -> None:
    words = Tokenizer.words(["b a b c", "b c d"], min_count=1, extra=("[START]",))
    assert len(words) == 2 + 4
    assert encode_ids(words, "b c a d") == [2, 3, 4, 5]
    assert encode_ids(words, "[UNK] e") == [0, 0]


def test_rare_words_and_words_beyond_the_size_are_unknown() -> None:
    assert encode_ids(Tokenizer.words(["b a b c", "b c d"], min_count=2), "b c a d") == [1, 2, 0, 0]
    assert encode_ids(Tokenizer.words(["b a b c", "b c d"], min_count=1, size=2), "b c a d") == [1, 0, 0, 0]


def test_offsets_separate_the_sentences() -> None:
    ids, offsets = Tokenizer.words(["a b"], 1).encode(["a b", "", "b"])
    assert (ids.dtype, offsets.dtype) == (np.int32, np.int64)
    assert ids.tolist() == [1, 2, 2]
    assert offsets.tolist() == [0, 2, 2, 3]


def test_decoding_removes_special_tokens() -> None:
    words = Tokenizer.words(["a b"], 1, extra=("[START]", "[END]"))
    assert words.decode(np.array([1, 3, 0, 4, 2])) == "a b"
    assert BPE.decode([1, *encode_ids(BPE, "the cat"), 2]) == "the cat"


def test_the_name_of_a_special_token_in_a_text_is_not_that_token() -> None:
    words = Tokenizer.words(["a [END] b"], 1, extra=("[START]", "[END]"))
    assert encode_ids(words, "[START] a [END] b") == [0, 3, 0, 4]
    text = "say [END] or [UNK], [START]"
    assert BPE.decode(encode_ids(BPE, text)) == text
    assert min(encode_ids(BPE, text)) > 2


def test_frequent_words_have_few_byte_pair_tokens() -> None:
    assert len(encode_ids(BPE, "the")) == 1 == len(encode_ids(BPE, "the the")) // 2
    assert encode_ids(BPE, "the the")[0] == encode_ids(BPE, "the the")[1]
    assert len(BPE) <= 320


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(str.strip))
def test_byte_pairs_restore_any_stripped_text(text: str) -> None:
    ids = encode_ids(BPE, text)
    assert BPE.decode(ids) == text
    assert all(2 < token < len(BPE) for token in ids)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["the", "cat", "lächelt.", "Ein"]), max_size=8).map(" ".join))
def test_words_restore_known_words(text: str) -> None:
    words = Tokenizer.words(SENTENCES, 1)
    assert words.decode(encode_ids(words, text)) == text


@pytest.mark.parametrize("made", [BPE, Tokenizer.words(SENTENCES, 1, extra=("[END]",))])
def test_json_restores_the_tokenizer(made: Tokenizer) -> None:
    again = Tokenizer.from_json(made.to_json())
    assert again.checksum == made.checksum
    assert len(again) == len(made)
    for sentence in (*SENTENCES, "so [END] unseen ü"):
        assert encode_ids(again, sentence) == encode_ids(made, sentence)
        assert again.decode(encode_ids(made, sentence)) == made.decode(encode_ids(made, sentence))


TRAIN = """
from seqbench.datamodules.text.tokenization import Tokenizer
lines = ["".join(chr(97 + (i * j * j + j) % 17) + " " * (j % 4 == 0) for j in range(60)) for i in range(200)]
print(Tokenizer.bpe(lines, 500).checksum, Tokenizer.words(lines, 1).checksum)
"""


def test_training_does_not_depend_on_the_hash_seed() -> None:
    result = set()
    for seed in ("0", "1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, check=True, env=env)
        result.add(done.stdout)
    assert len(result) == 1
    assert len(result.pop().split()) == 2


def test_vocabulary_sizes_without_room_are_refused() -> None:
    with pytest.raises(SeqbenchError, match="258 tokens is too small: the special tokens and the 256 bytes need 259"):
        Tokenizer.bpe(SENTENCES, 258, extra=("[START]", "[END]"))
    with pytest.raises(SeqbenchError, match="1 token is too small"):
        Tokenizer.words(SENTENCES, 1, size=1)


def test_text_that_is_not_a_tokenizer_is_refused() -> None:
    whole = BPE.to_json()
    for text in ("", "{}", "null", "[" * 10_000, whole[:-40], whole.replace("BPE", "X")):
        with pytest.raises(SeqbenchError, match="expected a tokenizer"):
            Tokenizer.from_json(text)
