from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.datamodules.text.vocabulary import UNKNOWN, Vocabulary
from seqbench.utils.errors import SeqbenchError


@given(st.text(min_size=1))
def test_decoding_restores_the_training_text(text: str) -> None:
    vocabulary = Vocabulary.from_text(text)
    assert len(vocabulary) == len(set(text)) + 1
    assert vocabulary.decode(vocabulary.encode(text).tolist()) == text
    assert UNKNOWN not in vocabulary.encode(text)


@given(st.text(min_size=1), st.text())
def test_other_characters_are_unknown(train: str, test: str) -> None:
    ids = Vocabulary.from_text(train).encode(test)
    assert [i == UNKNOWN for i in ids] == [c not in train for c in test]


def test_ids_have_the_order_of_code_points() -> None:
    assert Vocabulary.from_text("banana").encode("abnz").tolist() == [1, 2, 3, 0]
    assert Vocabulary.from_text("ab").decode([1, 0, 2]) == "a\ufffdb"


@pytest.mark.parametrize("characters", ["", "ba", "aa", "abca"])
def test_repeated_or_unordered_characters_are_refused(characters: str) -> None:
    with pytest.raises(SeqbenchError, match="in code-point order"):
        Vocabulary(characters)
