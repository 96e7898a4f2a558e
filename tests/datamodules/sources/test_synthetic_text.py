from __future__ import annotations

import numpy as np
import pytest

from seqbench.datamodules.sources.synthetic_text import ALPHABET, ORDER, CharacterSource


def test_the_seed_determines_the_text() -> None:
    assert CharacterSource(0).splits() == CharacterSource(0).splits()
    assert CharacterSource(0).splits()["test"] != CharacterSource(1).splits()["test"]
    splits = CharacterSource(0).splits()
    assert len(set(splits.values())) == 3
    assert set("".join(splits.values())) == set(ALPHABET)


def test_the_true_distribution_scores_the_entropy_rate() -> None:
    """Score the table of the chain on its own text: within four standard errors of the exact values."""
    source = CharacterSource()
    ids = np.array([ALPHABET.index(character) for character in source.splits()["validation"]])
    contexts = ids[:-ORDER] * len(ALPHABET) + ids[1:-1]
    rows, following = source.table[contexts], ids[ORDER:]
    losses = -np.log(rows[np.arange(len(rows)), following])
    right = rows.argmax(1) == following
    for seen, exact in ((losses, source.entropy), (right, source.accuracy)):
        assert seen.mean() == pytest.approx(exact, abs=4 * seen.std() / len(seen) ** 0.5)


def test_the_stationary_distribution_is_an_eigenvector() -> None:
    source = CharacterSource()
    size = len(ALPHABET)
    step = np.zeros((size**ORDER, size**ORDER))
    for context in range(size**ORDER):
        for following in range(size):
            step[context, context % size * size + following] = source.table[context, following]
    values, vectors = np.linalg.eig(step.T)
    exact = np.real(vectors[:, np.argmax(np.real(values))])
    np.testing.assert_allclose(source._frequencies, exact / exact.sum(), atol=1e-10)
