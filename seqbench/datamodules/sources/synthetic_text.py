"""A stochastic source of characters with known entropy: a Markov chain over letters.

Each character is drawn given the previous two, from a table that is drawn with a fixed seed. The best possible
cross-entropy is the entropy rate of the chain (Shannon 1948): the entropy of the next character given its context,
averaged over the stationary distribution of contexts. On a finite split the best score deviates from it by chance.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

import numpy as np

ALPHABET = "\n abcdefghijkl"
ORDER = 2
"""Number of previous characters in the context."""
SIZES = {"train": 900_000, "validation": 50_000, "test": 50_000}
"""Number of characters in each split."""
CONCENTRATION = 0.15
"""Concentration of the Dirichlet distribution of the rows of the table; if small, few next characters are likely."""


class CharacterSource:
    """The Markov chain, its text, and its entropy rate.

    Args:
        seed: seed of the table and of all draws.
    """

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        size = len(ALPHABET)
        rng = np.random.Generator(np.random.Philox(seed))
        # The uniform part makes each context reachable from all others.
        table = 0.97 * rng.dirichlet([CONCENTRATION] * size, size=size**ORDER) + 0.03 / size
        self.table: np.ndarray = table

    def splits(self) -> dict[str, str]:
        """Return a text for each split; each starts in the stationary distribution."""
        return {split: self._draw(length, number) for number, (split, length) in enumerate(SIZES.items(), 1)}

    @property
    def entropy(self) -> float:
        """Entropy rate in nats per character."""
        entropies = -(self.table * np.log(self.table)).sum(-1)
        return float(self._frequencies @ entropies)

    @property
    def accuracy(self) -> float:
        """Best possible accuracy: the frequency of the most likely character."""
        return float(self._frequencies @ self.table.max(-1))

    @cached_property
    def _frequencies(self) -> np.ndarray:
        """Stationary distribution of the contexts: the fixed point of one step of the chain."""
        size = len(ALPHABET)
        share = np.full(size**ORDER, size**-ORDER)
        for _ in range(10_000):
            # Context (a, b) becomes (b, c) with probability table[(a, b), c].
            updated = (share[:, None] * self.table).reshape(size, -1, size).sum(0).reshape(-1)
            if np.abs(updated - share).sum() < 1e-14:
                break
            share = updated
        return share

    def _draw(self, length: int, number: int) -> str:
        size = len(ALPHABET)
        rng = np.random.Generator(np.random.Philox(key=[self.seed, number]))
        bounds, draws = np.cumsum(self.table, axis=1), rng.random(length)
        context = int(rng.choice(size**ORDER, p=self._frequencies))
        rows = bounds.tolist()
        ids = np.empty(length, dtype=np.int64)
        for place, draw in enumerate(draws.tolist()):
            following = min(bisect_right(rows[context], draw), size - 1)
            ids[place] = following
            context = context % size ** (ORDER - 1) * size + following
        return "".join(np.array(list(ALPHABET))[ids])
