"""An n-gram language model as a baseline: interpolation of Witten & Bell 1991 (method C), in numpy.

p_n(c | h) = (count(h c) + types(h) * p_{n-1}(c | h')) / (count(h) + types(h)), down to the uniform distribution. Here
h' is h without its first symbol, and types(h) is the number of different symbols that follow h. The model has no
parameters to tune, so nothing is fitted on validation or test.
"""

from __future__ import annotations

import numpy as np


def ngram_cross_entropy(train: np.ndarray, test: np.ndarray, vocab: int, order: int) -> float:
    """Return the mean negative log-likelihood of ``test[1:]`` under an n-gram model of ``train``, in nats per symbol.

    Args:
        train: ``(train_time,)`` ids below ``vocab``.
        test: ``(test_time,)`` ids below ``vocab``, at least two; the first symbol is only context, as for a network
            that predicts the next symbol.
        vocab: number of ids.
        order: length of the longest n-gram, at least 1; see ``usable_order``.

    >>> text = np.array([0, 1] * 50)
    >>> unigram, bigram = (ngram_cross_entropy(text, text, vocab=2, order=order) for order in (1, 2))
    >>> round(unigram, 3), round(bigram, 3)
    (0.693, 0.01)
    """
    train, test = train.astype(np.int64), test.astype(np.int64)
    order = usable_order(vocab, order)
    likelihood = np.full(len(test), 1.0 / vocab)
    # Integer codes of the context before each symbol.
    train_codes, test_codes = np.zeros(len(train), np.int64), np.zeros(len(test), np.int64)
    for n in range(1, order + 1):
        if n > len(train) or n > len(test):
            break
        if n > 1:
            # Extend each context by one symbol at its front; the first symbols of a text have no such context.
            train_codes = train_codes[1:] + train[: len(train) - n + 1] * vocab ** (n - 2)
            test_codes = test_codes[1:] + test[: len(test) - n + 1] * vocab ** (n - 2)
        grams, counts = np.unique(train_codes * vocab + train[n - 1 :], return_counts=True)
        contexts, starts, types = np.unique(grams // vocab, return_index=True, return_counts=True)
        totals = np.add.reduceat(counts, starts)
        gram_count = _lookup(grams, counts, test_codes * vocab + test[n - 1 :])
        context_types = _lookup(contexts, types, test_codes)
        context_total = _lookup(contexts, totals, test_codes)
        known = context_total > 0
        lower = likelihood[n - 1 :]
        mixed = (gram_count + context_types * lower) / np.maximum(context_total + context_types, 1)
        likelihood[n - 1 :] = np.where(known, mixed, lower)
    return float(-np.log(likelihood[1:]).mean())


def usable_order(vocab: int, order: int) -> int:
    """Return ``order``, or the largest order whose ``vocab ** order`` codes fit into 63 bits.

    >>> usable_order(vocab=65, order=5), usable_order(vocab=60_000, order=5)
    (5, 3)
    """
    return min(order, int(62 / np.log2(max(vocab, 2))))


def _lookup(keys: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the ``values`` at the sorted ``keys`` that equal ``wanted``, and 0 where no key does."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
