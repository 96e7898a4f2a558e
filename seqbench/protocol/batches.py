"""Batches as a function of a split and a number: ``stream(split, step) -> Batch``.

A batch depends only on its split and its number, and not on earlier batches, workers or devices. Therefore curves are
the same on any number of devices, a resumed run continues exactly, and every sample is evaluated once. Every rank draws
the global batch and takes its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from seqbench.protocol.random_keys import random_key
from seqbench.protocol.specs import Batch
from seqbench.utils.number_format import counted

if TYPE_CHECKING:
    import lightning.pytorch as L

Stream = Callable[[str, int], Batch]
"""A function that returns the batch of a split and a number: ``stream("train", 0)``."""


@runtime_checkable
class _Processed(Protocol):
    """Lightning's count of batches; the type that Lightning declares lacks this member."""

    processed: int


class Reduce(Protocol):
    """A function that combines the tensors of all ranks, such as ``Strategy.reduce`` of Lightning."""

    def __call__(self, tensor: Tensor, /, *, reduce_op: str) -> Tensor:
        """Return the combined tensor; ``reduce_op`` is ``sum`` or ``mean``."""
        ...


@dataclass(frozen=True)
class Keys:
    """Keys of random generators: the seed of the run for training data, the version of the card for evaluation data.

    Validation and test data are the same for every seed and every user of one version of a card.

    Args:
        seed: seed of the run.
        task: name of the card.
        version: version of the card.
        secret: text that nobody knows, for new test splits of the same kind; empty for the splits of the card.
    """

    seed: int
    task: str
    version: int
    secret: str = ""

    def generator(self, split: str, step: int) -> np.random.Generator:
        """Return the generator of one batch of one split: Philox, keyed by 128 bits of a BLAKE2 hash.

        >>> keys = Keys(seed=0, task="copy", version=1)
        >>> one, other = (keys.generator("train", 7).integers(100) for _ in range(2))
        >>> bool(one == other)
        True
        """
        source = f"seed={self.seed}" if split == "train" else f"version={self.version}"
        if self.secret and split != "train":
            source = f"{source}/secret={self.secret}"
        key = random_key(self.task, source, split, step)
        return np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype=np.uint64)))


@dataclass(frozen=True)
class Shard:
    """The rows of a global batch that one process computes.

    Args:
        rank: number of the process.
        world: number of processes.
    """

    rank: int = 0
    world: int = 1

    def rows(self, count: int) -> slice:
        """Return this rank's rows of a batch with ``count`` rows; they are contiguous and may be empty.

        >>> [Shard(rank, world=3).rows(4) for rank in range(3)]
        [slice(0, 1, None), slice(1, 2, None), slice(2, 4, None)]
        """
        return slice(*(count * rank // self.world for rank in (self.rank, self.rank + 1)))

    def training_rows(self, count: int) -> slice:
        """Return the rows on which this rank trains: its own rows, or the first row if it has no rows."""
        own = self.rows(count)
        return own if own.stop > own.start else slice(1)

    def evaluation_batch(self, batch: Batch) -> Batch:
        """Return this rank's rows of an evaluation batch, which may be empty."""
        return batch if self.world == 1 else batch.rows(self.rows(len(batch)))

    def training_batch(self, batch: Batch) -> Batch:
        """Return this rank's rows of a training batch; a rank without rows takes the first row with weight 0.

        Therefore every rank has a gradient for every parameter, as DDP requires, and no backbone receives an empty
        batch.
        """
        if self.world == 1:
            return batch
        own = self.rows(len(batch))
        if own.stop > own.start:
            return batch.rows(own)
        idle = batch.rows(self.training_rows(len(batch)))
        return replace(idle, weights=torch.zeros_like(idle.weights))


def trained_batches(trainer: L.Trainer) -> int:
    """Return the number of batches on which a Trainer has trained its module, over all epochs and resumed runs.

    ``trainer.global_step`` counts steps of optimisers instead: none or several for one batch, if the module decides
    when they step.
    """
    progress: object = trainer.fit_loop.epoch_loop.batch_progress.total
    assert isinstance(progress, _Processed)
    return progress.processed


class TrainingLoader:
    """An endless iterable of training batches.

    It has no ``__len__``, because Lightning would end an epoch after this number of batches. It has no ``state_dict``,
    because Lightning would skip a prefetched batch when a run is resumed.

    Args:
        stream: function that returns the batches.
        start: function that returns the number of the first batch; each ``iter`` calls it.
        shard: rows of this rank.
    """

    def __init__(self, stream: Stream, start: Callable[[], int], shard: Shard) -> None:
        self.stream, self.start, self.shard = stream, start, shard

    def __iter__(self) -> Iterator[Batch]:
        step = self.start()
        while True:
            yield self.shard.training_batch(self.stream("train", step))
            step += 1


class EvaluationLoader:
    """All batches of one evaluation split: each sample once, and the same number of batches on every rank.

    The loader counts and hashes the samples that it draws, so that ``check_scored`` can check that all ranks together
    scored each of them once.

    Args:
        stream: function that returns the batches.
        split: name of the split.
        steps: number of batches.
        shard: rows of this rank.
        chunks: whether batches are chunks of streams, so that each row occurs in every batch and not once in the split.
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
            self._drawn += self.count_and_hash(step, batch.index)
            yield self.shard.evaluation_batch(batch)

    def count_and_hash(self, step: int, index: Tensor) -> Tensor:
        """Return the number of rows and a hash of their indices, ``(2,)`` int64.

        Both can be summed over batches and ranks in any order.

        Args:
            step: number of the batch in the split.
            index: ``(batch,)`` indices of the samples, as in ``Batch``.
        """
        # Two rounds of multiply and shift (Steele et al. 2014, SplitMix), so that the sums of different rows differ.
        mixed = (index + 1 + (step << 32 if self.chunks else 0)) * -7046029254386353131
        mixed = (mixed ^ (mixed >> 30)) * -4658895280553007687
        return torch.stack([torch.ones_like(index).sum(), (mixed ^ (mixed >> 27)).sum()])

    def expected(self) -> Tensor:
        """Return the sum of ``count_and_hash`` over all samples that must be scored, after all batches were drawn.

        The samples of a split are numbered from 0; the rows of streams are those of the chunks that were drawn.
        """
        return self._drawn if self.chunks else self.count_and_hash(0, torch.arange(int(self._drawn[0])))


def check_scored(splits: Sequence[tuple[EvaluationLoader, Tensor]], world: int, reduce: Reduce) -> None:
    """Check that all ranks together scored each sample of the splits exactly once.

    Args:
        splits: loaders, each with the sum of ``count_and_hash`` over the rows that this rank scored.
        world: number of ranks.
        reduce: function that sums a tensor over the ranks; it is called once.

    Raises:
        RuntimeError: a sample was scored twice, or not at all; every rank raises the error.
    """
    if not splits:
        return
    # The expected sums are reduced as well, so that all ranks raise if one of them drew other batches.
    pairs = torch.stack([torch.stack([scored, loader.expected().to(scored.device)]) for loader, scored in splits])
    sums = reduce(pairs, reduce_op="sum").cpu()
    for (loader, _), (scored, expected) in zip(splits, sums, strict=True):
        if not torch.equal(scored * world, expected):
            raise RuntimeError(
                f"of the {loader.split} split's {int(expected[0]) // world} {'rows' if loader.chunks else 'samples'}, "
                f"{int(scored[0])} were scored by {counted(world, 'process', 'processes')}, and not each "
                "once, so the scores are wrong. Batches must be the same in every process, their samples numbered "
                "from 0, and their rows shared without loss or repeat."
            )
