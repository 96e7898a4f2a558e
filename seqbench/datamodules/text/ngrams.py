"""An n-gram language model as a baseline line: Witten & Bell 1991 (method C) interpolation, in numpy.

p_n(c | h) = (count(h c) + types(h) * p_{n-1}(c | h')) / (count(h) + types(h)), down to the uniform
distribution; h' is h without its first symbol, types(h) the number of different symbols seen after h. It has
no parameter to tune, so nothing is fitted on validation or test.
"""

from __future__ import annotations

import numpy as np


def cross_entropy(train: np.ndarray, test: np.ndarray, vocab: int, order: int) -> float:
    """Mean negative log-likelihood of ``test[1:]`` under an n-gram model of ``train``, nats per symbol.

    Args:
        train: ``(train_time,)`` ids below ``vocab``.
        test: ``(test_time,)`` ids below ``vocab``, at least two; its first symbol is context only, as it is
            for a network that is asked for the next symbol.
        vocab: number of ids.
        order: longest n-gram, at least 1; see ``usable_order``.
    """
    train, test = train.astype(np.int64), test.astype(np.int64)
    order = usable_order(vocab, order)
    likelihood = np.full(len(test), 1.0 / vocab)
    seen, asked = np.zeros(len(train), np.int64), np.zeros(len(test), np.int64)  # codes of the contexts
    for n in range(1, order + 1):
        if n > len(train) or n > len(test):
            break
        if n > 1:
            # A context grows by one symbol at its front; those at the very start of a text have none.
            seen = seen[1:] + train[: len(train) - n + 1] * vocab ** (n - 2)
            asked = asked[1:] + test[: len(test) - n + 1] * vocab ** (n - 2)
        grams, counts = np.unique(seen * vocab + train[n - 1 :], return_counts=True)
        contexts, starts, types = np.unique(grams // vocab, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, starts)
        gram_count = _lookup(grams, counts, asked * vocab + test[n - 1 :])
        context_types = _lookup(contexts, types, asked)
        context_total = _lookup(contexts, totals, asked)
        known = context_total > 0
        lower = likelihood[n - 1 :]
        mixed = (gram_count + context_types * lower) / np.maximum(context_total + context_types, 1)
        likelihood[n - 1 :] = np.where(known, mixed, lower)
    return float(-np.log(likelihood[1:]).mean())


def usable_order(vocab: int, order: int) -> int:
    """The order, lowered where ``vocab ** order`` would not fit 63 bits."""
    return min(order, int(62 / np.log2(max(vocab, 2))))


def _lookup(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """``values`` at the sorted ``keys`` equal to ``wanted``, 0 where there is none."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
