"""Batches as a function of a counter: ``stream(split, step) -> Batch``.

Nothing about a batch depends on what came before it, on workers or on devices: hence the same curves on any
number of devices, exact resume and exact evaluation. Every rank draws the global batch and takes its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from seqbench.specs import Batch

Stream = Callable[[str, int], Batch]


@dataclass(frozen=True)
class Keys:
    """What random draws are keyed by: the run's seed for training, the card for all evaluation.

    Validation and test are the same for every seed and every user of one version of a card.
    """

    seed: int
    task: str
    version: int

    def generator(self, split: str, step: int) -> np.random.Generator:
        """A generator for one batch of one split: Philox, keyed by 128 bits of a BLAKE2 hash."""
        who = f"seed={self.seed}" if split == "train" else f"version={self.version}"
        text = f"{self.task}/{who}/{split}/{step}"
        key = hashlib.blake2b(text.encode(), digest_size=16).digest()
        return np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype=np.uint64)))


@dataclass(frozen=True)
class Shard:
    """Which rows of a global batch are ours: those of ``rank`` among ``world`` processes."""

    rank: int = 0
    world: int = 1

    def of(self, batch: Batch) -> Batch:
        """This rank's contiguous rows, possibly none; with one process, the batch itself."""
        if self.world == 1:
            return batch
        bounds = [len(batch) * r // self.world for r in (self.rank, self.rank + 1)]
        return batch.rows(slice(*bounds))


class TrainingLoader:
    """Training batches without end, from the step that training stands at.

    It has neither ``__len__`` nor ``state_dict``: Lightning would use the one to end an epoch and would skip
    a prefetched batch on resume with the other. ``start`` is asked anew at each ``iter``.
    """

    def __init__(self, stream: Stream, start: Callable[[], int], shard: Shard) -> None:
        self.stream, self.start, self.shard = stream, start, shard

    def __iter__(self) -> Iterator[Batch]:
        step = self.start()
        while True:
            yield self.shard.of(self.stream("train", step))
            step += 1


class EvaluationLoader:
    """All batches of one evaluation split, each sample once; the same number of steps on every rank."""

    def __init__(self, stream: Stream, split: str, steps: int, shard: Shard) -> None:
        self.stream, self.split, self.steps, self.shard = stream, split, steps, shard

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.steps):
            yield self.shard.of(self.stream(self.split, step))
