"""Batches as a function of a counter: ``stream(split, step) -> Batch``.

Nothing about a batch depends on what came before it, on workers or on devices: hence the same curves on any
number of devices, exact resume and exact evaluation. Every rank draws the global batch and takes its rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seqbench.protocol.specs import Batch

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

    def rows(self, count: int) -> slice:
        """This rank's rows of ``count``: contiguous, possibly none."""
        return slice(*(count * rank // self.world for rank in (self.rank, self.rank + 1)))

    def trained(self, count: int) -> slice:
        """The same for training, where a rank that has none takes the first row (see ``training``)."""
        own = self.rows(count)
        return own if own.stop > own.start else slice(1)

    def of(self, batch: Batch) -> Batch:
        """This rank's rows to be scored, possibly none; with one process, the batch itself."""
        return batch if self.world == 1 else batch.rows(self.rows(len(batch)))

    def training(self, batch: Batch) -> Batch:
        """This rank's rows to learn from; where it has none, another's without weight.

        So every rank has a gradient for every parameter, as the exchange of gradients asks, and no backbone meets an
        empty batch.
        """
        if self.world == 1:
            return batch
        own = self.rows(len(batch))
        if own.stop > own.start:
            return batch.rows(own)
        idle = batch.rows(self.trained(len(batch)))
        return replace(idle, weights=torch.zeros_like(idle.weights))


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
            yield self.shard.training(self.stream("train", step))
            step += 1


class EvaluationLoader:
    """All batches of one evaluation split, each sample once; the same number of steps on every rank.

    It keeps book of what it drew, for the proof that all ranks together scored each sample once.

    Args:
        stream: gives the batches.
        split: which split.
        steps: how many batches it has.
        shard: which rows are this rank's.
        chunks: whether rows come again in each batch, as those of streams do, rather than once in the split.
    """

    def __init__(self, stream: Stream, split: str, steps: int, shard: Shard, chunks: bool = False) -> None:
        self.stream, self.split, self.steps, self.shard, self.chunks = stream, split, steps, shard, chunks
        self._drawn = torch.zeros(2, dtype=torch.int64)

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[Batch]:
        self._drawn = torch.zeros(2, dtype=torch.int64)
        for step in range(self.steps):
            batch = self.stream(self.split, step)
            self._drawn += self.marks(step, batch.index)
            yield self.shard.of(batch)

    def marks(self, step: int, index: Tensor) -> Tensor:
        """How many rows, and a hash of which, ``(2,)`` int64; they add up over batches and ranks, in any order.

        Args:
            step: the batch's number in the split.
            index: ``(batch,)`` as in ``Batch``.
        """
        # Two rounds of multiply and shift (Steele et al. 2014, SplitMix), so that no sum of other rows comes out alike.
        mixed = (index + 1 + (step << 32 if self.chunks else 0)) * -7046029254386353131
        mixed = (mixed ^ (mixed >> 30)) * -4658895280553007687
        return torch.stack([torch.ones_like(index).sum(), (mixed ^ (mixed >> 27)).sum()])

    def due(self) -> Tensor:
        """What the marks of all that is scored must add up to, once all batches are drawn.

        The samples of a split are numbered from 0; the rows of streams are those of the chunks that were drawn.
        """
        return self._drawn if self.chunks else self.marks(0, torch.arange(int(self._drawn[0])))


def check_scored(splits: Sequence[tuple[EvaluationLoader, Tensor]], world: int, reduce: Callable[..., Any]) -> None:
    """Make sure that all ranks together scored each sample of some whole splits once.

    Args:
        splits: each loader, and this rank's marks of what it scored.
        world: how many ranks there are.
        reduce: sums a tensor over them, ``reduce(tensor, reduce_op="sum")``; called once.

    Raises:
        RuntimeError: on every rank; a sample was scored twice, or not at all.
    """
    if not splits:
        return
    # What is due is summed as well: a rank that drew other batches must not be the only one to stop.
    both = torch.stack([torch.stack([marks, loader.due().to(marks.device)]) for loader, marks in splits])
    sums = reduce(both, reduce_op="sum").cpu()
    for (loader, _), (scored, due) in zip(splits, sums, strict=True):
        if not torch.equal(scored * world, due):
            have, got = int(due[0]) // world, int(scored[0])
            raise RuntimeError(
                f"of the {loader.split} split's {have} {'rows' if loader.chunks else 'samples'}, {got} were scored by "
                f"{world} {'process' if world == 1 else 'processes'}, and not each once: its scores mean nothing. "
                "Batches must be the same in every process, their samples numbered from 0, and their rows shared "
                "without loss or repeat."
            )
