"""The adding problem: output the sum of two marked numbers.

    value   .9 .1 .5 .7 .3 .2 .8 .4
    mark     0  1  0  0  0  1  0  0
    target  .1 + .2 = .3

The task is from Hochreiter & Schmidhuber 1997. One mark in each half of the sequence is the form of Arjovsky, Shah &
Bengio 2016 (arXiv 1511.06464), section 4.2. Two different steps anywhere are the form of the code of Bai, Kolter &
Koltun 2018 (arXiv 1803.01271), where almost half of the pairs share a half.
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, Features, SequenceSpec, SequenceValue

PLACES = ("halves", "anywhere")
"""Where the two marks are drawn: one in each half of the sequence, or two different steps of the whole sequence."""


def sample_adding(
    rng: np.random.Generator, batch: int, length: int, places: str = "halves"
) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs and targets of the adding problem.

    Args:
        rng: random generator.
        batch: number of sequences.
        length: steps of each sequence.
        places: one of ``PLACES``.

    Returns:
        Inputs ``(batch, length, 2)`` float32, values uniform in [0, 1) and marks of 0 or 1; and targets ``(batch, 1,
        1)`` float32, the sum of the two marked values.

    >>> inputs, targets = sample_adding(np.random.default_rng(0), batch=1, length=4)
    >>> inputs[0, :, 1].tolist()
    [1.0, 0.0, 1.0, 0.0]
    >>> bool(targets == inputs[:, 0, 0] + inputs[:, 2, 0])
    True
    """
    values = rng.random((batch, length), dtype=np.float32)
    marks = np.zeros((batch, length), np.float32)
    for places_of_mark in _draw_places(rng, batch, length, places):
        marks[np.arange(batch), places_of_mark] = 1.0
    return np.stack([values, marks], axis=-1), (values * marks).sum(1)[:, None, None]


def _draw_places(rng: np.random.Generator, batch: int, length: int, places: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps of the first and of the second mark, ``(batch,)`` each; the two are different."""
    if places == "halves":
        half = length // 2
        return rng.integers(0, half, size=batch), rng.integers(half, length, size=batch)
    first = rng.integers(0, length, size=batch)
    # A distance from 1 to length - 1, around the end of the sequence, makes each pair of steps equally likely.
    return first, (first + rng.integers(1, length, size=batch)) % length


class Adding(SequenceDataModule):
    """The adding problem, with new sequences at every training step.

    Args:
        length: steps of each sequence (T in the literature); at least 2.
        samples: number of sequences in validation and in test.
        places: where the marks are drawn: ``halves`` (one in each half) or ``anywhere`` (two different steps).
        batch_size: sequences in one batch.
        keys: keys of the random generators.
    """

    def __init__(self, length: int, batch_size: int, keys: Keys, samples: int = 1000, places: str = "halves") -> None:
        super().__init__(batch_size, keys)
        require(length >= 2, f"adding's length must be at least 2 steps, got {length}; try --task.length 50.")
        require(samples >= 1, f"adding's samples must be at least 1 sequence, got {samples}.")
        require(places in PLACES, f"adding's places must be {' or '.join(PLACES)}, got '{places}'.")
        self.length, self.samples, self.places = length, samples, places
        self.spec = SequenceSpec(Features(2), SequenceValue(1), max_length=length, look_ahead=True)

    def stream(self, split: str, step: int) -> Batch:
        """Return new sequences in training, and ``samples`` fixed sequences in validation and test."""
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self.samples - first)
        inputs, targets = sample_adding(self.keys.generator(split, step), rows, self.length, self.places)
        return Batch(
            inputs=torch.from_numpy(inputs),
            targets=torch.from_numpy(targets),
            lengths=torch.full((rows,), self.length),
            weights=torch.ones(rows, 1),
            total=float(rows),
            index=torch.arange(first, first + rows),
        )

    def with_fresh_test(self, secret: str) -> Self:
        """Return the same task with other evaluation sequences.

        Args:
            secret: text that nobody knows.
        """
        return self.with_secret(secret)

    def steps(self, split: str) -> int:
        """Return the number of batches that contain each sample of the split once."""
        return math.ceil(self.samples / self.batch_size)

    def input_text(self, batch: Batch, row: int) -> str:
        """Return the two marked numbers with their steps."""
        values, marks = batch.inputs[row].unbind(-1)
        return " + ".join(f"{values[step]:.4f} (step {step})" for step in marks.nonzero()[:, 0].tolist())

    def oracle(self, batch: Batch) -> torch.Tensor:
        """Return the sum of the marked numbers, ``(batch, 1, 1)``."""
        return batch.inputs.prod(-1).sum(1)[:, None, None]

    def chance(self, split: str) -> Scores:
        """Return the scores of the constant prediction 1, the mean of the sum of two uniform numbers."""
        # The variance of the sum of two independent uniform numbers is 1/12 + 1/12.
        return {"mse": 1 / 6, "mae": 1 / 3}

    def best(self, split: str) -> Scores:
        """Return errors of 0: the sum is a function of the input."""
        return {"mse": 0.0, "mae": 0.0}
