from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqbench.datamodules.text.ngrams import ngram_cross_entropy


def by_hand(train: list[int], test: list[int], vocab: int, order: int) -> float:
    """Return the cross-entropy by counting with dictionaries, one symbol at a time."""
    counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for i, symbol in enumerate(train):
        for n in range(min(order, i + 1)):
            counts[tuple(train[i - n : i])][symbol] += 1
    total = 0.0
    for i in range(1, len(test)):
        p = 1 / vocab
        for n in range(min(order, i + 1)):
            seen = counts.get(tuple(test[i - n : i]))
            if seen:
                p = (seen[test[i]] + len(seen) * p) / (seen.total() + len(seen))
        total -= math.log(p)
    return total / (len(test) - 1)


symbols = st.lists(st.integers(0, 3), min_size=2, max_size=40)


@settings(max_examples=200)
@given(symbols, symbols, st.integers(1, 6))
def test_the_result_equals_a_count_with_dictionaries(train: list[int], test: list[int], order: int) -> None:
    result = ngram_cross_entropy(np.array(train), np.array(test), 4, order)
    assert result == pytest.approx(by_hand(train, test, 4, order), rel=1e-9)


def test_a_large_vocabulary_lowers_the_order_so_that_codes_do_not_overflow() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.integers(0, 60_000, 500), rng.integers(0, 60_000, 100)
    result = ngram_cross_entropy(train, test, 60_000, 9)
    assert result == pytest.approx(by_hand(train.tolist(), test.tolist(), 60_000, 3), rel=1e-9)


def test_a_longer_context_lowers_the_cross_entropy_of_a_regular_text() -> None:
    text = np.array([0, 1, 2, 0, 2, 1] * 200)
    scores = [ngram_cross_entropy(text[:900], text[900:], 3, order) for order in (1, 2, 3)]
    assert scores[0] == pytest.approx(math.log(3), abs=0.01)
    assert scores[2] < scores[1] < scores[0]
