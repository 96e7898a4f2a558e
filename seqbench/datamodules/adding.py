"""The adding problem: what is the sum of the two marked numbers, one in each half?

    value   .9 .1 .5 .7 .3 .2 .8 .4
    mark     0  1  0  0  0  1  0  0
    target  .1 + .2 = .3

Hochreiter & Schmidhuber 1997; in this form Bai, Kolter & Koltun 2018 (arXiv 1803.01271), section 4.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, Features, SequenceSpec, SequenceValue


def sample_adding(rng: np.random.Generator, batch: int, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs ``(batch, length, 2)`` and targets ``(batch, 1, 1)``, float32: values uniform in [0, 1), marks."""
    values = rng.random((batch, length), dtype=np.float32)
    marks = np.zeros((batch, length), np.float32)
    rows, half = np.arange(batch), length // 2
    marks[rows, rng.integers(0, half, size=batch)] = 1.0
    marks[rows, rng.integers(half, length, size=batch)] = 1.0
    return np.stack([values, marks], axis=-1), (values * marks).sum(1)[:, None, None]


class Adding(SequenceDataModule):
    """The adding problem; fresh sequences at every step.

    Args:
        length: steps of every sequence (T of the literature); at least 2.
        samples: sequences in validation, and in test.
        batch_size: sequences in one batch.
        keys: what random draws are keyed by.
    """

    def __init__(self, length: int, batch_size: int, keys: Keys, samples: int = 1000) -> None:
        super().__init__(batch_size, keys)
        require(length >= 2, f"adding's length must be at least 2 steps, got {length}; try --task.length 50.")
        require(samples >= 1, f"adding's samples must be at least 1 sequence, got {samples}.")
        self.length, self.samples = length, samples
        self.spec = SequenceSpec(Features(2), SequenceValue(1), max_length=length, look_ahead=True)

    def stream(self, split: str, step: int) -> Batch:
        """Fresh sequences for training; ``samples`` fixed ones for validation and test."""
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self.samples - first)
        inputs, targets = sample_adding(self.keys.generator(split, step), rows, self.length)
        return Batch(
            inputs=torch.from_numpy(inputs),
            targets=torch.from_numpy(targets),
            lengths=torch.full((rows,), self.length),
            weights=torch.ones(rows, 1),
            total=float(rows),
            index=torch.arange(first, first + rows),
        )

    def steps(self, split: str) -> int:
        """Batches in which all of a split's samples come once."""
        return math.ceil(self.samples / self.batch_size)

    def oracle(self, batch: Batch) -> torch.Tensor:
        """The marked numbers' sum, ``(batch, 1, 1)``."""
        return batch.inputs.prod(-1).sum(1)[:, None, None]

    def chance(self, split: str) -> Scores:
        """Always 1, the mean of two uniform numbers' sum: their variances of 1/12 add up."""
        return {"mse": 1 / 6, "mae": 1 / 3}

    def best(self, split: str) -> Scores:
        """The sum is a function of the input."""
        return {"mse": 0.0, "mae": 0.0}
