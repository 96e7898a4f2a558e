"""A stochastic character source whose entropy is known: a Markov chain over letters.

Each character is drawn given the two before it, from a table that a fixed seed decides. The best possible
cross-entropy is the chain's entropy rate, sum over contexts of their long-run frequency times the entropy of
what follows (Shannon 1948), to which no model can come closer than chance deviations of the finite splits.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

import numpy as np

ALPHABET = "\n abcdefghijkl"
ORDER = 2
SIZES = {"train": 900_000, "validation": 50_000, "test": 50_000}
CONCENTRATION = 0.15
"""Of the Dirichlet distribution that the table's rows are drawn from: small makes few followers likely."""


class CharacterSource:
    """The chain, its text and its entropy rate; ``seed`` decides the table and all draws."""

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        size = len(ALPHABET)
        rng = np.random.Generator(np.random.Philox(seed))
        # A little of everything keeps every context reachable from every other.
        table = 0.97 * rng.dirichlet([CONCENTRATION] * size, size=size**ORDER) + 0.03 / size
        self.table: np.ndarray = table

    def splits(self) -> dict[str, str]:
        """A text for each split, each drawn by itself from the long-run distribution."""
        return {split: self._draw(length, number) for number, (split, length) in enumerate(SIZES.items(), 1)}

    @property
    def entropy(self) -> float:
        """The entropy rate, nats per character."""
        each = -(self.table * np.log(self.table)).sum(-1)
        return float(self._frequencies @ each)

    @property
    def accuracy(self) -> float:
        """How often the likeliest character comes: the best possible accuracy."""
        return float(self._frequencies @ self.table.max(-1))

    @cached_property
    def _frequencies(self) -> np.ndarray:
        """How often each context occurs in the long run: the fixed point of one step of the chain."""
        size = len(ALPHABET)
        share = np.full(size**ORDER, size**-ORDER)
        for _ in range(10_000):
            # Context (a, b) goes to (b, c) with table[(a, b), c].
            after = (share[:, None] * self.table).reshape(size, -1, size).sum(0).reshape(-1)
            if np.abs(after - share).sum() < 1e-14:
                break
            share = after
        return share

    def _draw(self, length: int, number: int) -> str:
        size = len(ALPHABET)
        rng = np.random.Generator(np.random.Philox(key=[self.seed, number]))
        bounds, chances = np.cumsum(self.table, axis=1), rng.random(length)
        context = int(rng.choice(size**ORDER, p=self._frequencies))
        rows = bounds.tolist()
        ids = np.empty(length, dtype=np.int64)
        for place, chance in enumerate(chances.tolist()):
            following = min(bisect_right(rows[context], chance), size - 1)
            ids[place] = following
            context = context % size ** (ORDER - 1) * size + following
        return "".join(np.array(list(ALPHABET))[ids])
