"""Plans: generate a whole trajectory from one constant vector.

    plan    cos(.9) sin(.9) .6                                start at angle .9, move by .6 radians per step
    target  (cos .9, sin .9) (cos 1.5, sin 1.5) (cos 2.1, sin 2.1) ...

Jordan (1986) built his network for this problem. The input does not contain the position in the sequence, so the model
must derive the position from its own state. A model without memory outputs the same point at all steps.
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, Context, SequenceSpec, StepValues


def sample_plan(
    rng: np.random.Generator, batch: int, length: int, slow: float, fast: float
) -> tuple[np.ndarray, np.ndarray]:
    """Draw plans and their trajectories on the unit circle.

    A plan consists of the cosine and the sine of the first angle, uniform on the circle, and of the speed, uniform in
    [slow, fast).

    Args:
        rng: random generator.
        batch: number of plans.
        length: steps of each trajectory.
        slow: lowest speed, in radians per step.
        fast: highest speed, in radians per step.

    Returns:
        Plans ``(batch, 3)`` and trajectories ``(batch, length, 2)``, both float32.

    >>> plans, trajectories = sample_plan(np.random.default_rng(0), batch=4, length=10, slow=0.2, fast=1.0)
    >>> plans.shape, trajectories.shape
    ((4, 3), (4, 10, 2))
    >>> bool((plans[:, :2] == trajectories[:, 0]).all())
    True
    """
    start = rng.uniform(0, 2 * math.pi, size=(batch, 1))
    speed = rng.uniform(slow, fast, size=(batch, 1))
    plans = np.concatenate([np.cos(start), np.sin(start), speed], axis=1)
    angles = start + speed * np.arange(length)
    return plans.astype(np.float32), np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(np.float32)


class Plan(SequenceDataModule):
    """Trajectories on a circle from plans, new ones at every training step.

    Args:
        length: steps of each trajectory.
        slow: lowest speed, in radians per step.
        fast: highest speed, in radians per step; at most pi.
        samples: number of trajectories in validation and in test.
        batch_size: trajectories in one batch.
        keys: keys of the random generators.
    """

    def __init__(
        self, batch_size: int, keys: Keys, length: int = 32, slow: float = 0.2, fast: float = 1.0, samples: int = 1000
    ) -> None:
        super().__init__(batch_size, keys)
        require(length >= 1, f"plan's length must be at least 1 step, got {length}.")
        require(
            0 <= slow < fast <= math.pi,
            f"plan needs 0 <= slow < fast <= pi radians per step, got {slow} and {fast}.",
        )
        require(samples >= 1, f"plan's samples must be at least 1 trajectory, got {samples}.")
        self.length, self.slow, self.fast, self.samples = length, slow, fast, samples
        self.spec = SequenceSpec(Context(3), StepValues(2), max_length=length, look_ahead=True)

    def stream(self, split: str, step: int) -> Batch:
        """Return new trajectories in training, and ``samples`` fixed ones in validation and test."""
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self.samples - first)
        plans, trajectories = sample_plan(self.keys.generator(split, step), rows, self.length, self.slow, self.fast)
        return Batch(
            inputs=torch.from_numpy(plans),
            targets=torch.from_numpy(trajectories),
            lengths=torch.full((rows,), self.length),
            weights=torch.ones(rows, self.length),
            total=float(rows * self.length),
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

    def chance(self, split: str) -> Scores:
        """Return the scores of the constant prediction (0, 0), the centre of the circle."""
        # On the circle the mean of sin^2 is 1/2, and the mean of abs(sin) is 2/pi.
        return {"mse": 0.5, "mae": 2 / math.pi}

    def best(self, split: str) -> Scores:
        """Return errors of 0: the trajectory is a function of the plan."""
        return {"mse": 0.0, "mae": 0.0}

    def oracle(self, batch: Batch) -> torch.Tensor:
        """Return the trajectories of the plans, ``(batch, time, 2)``."""
        cosine, sine, speed = batch.inputs.double().unbind(1)
        angles = torch.atan2(sine, cosine)[:, None] + speed[:, None] * torch.arange(self.length, dtype=torch.float64)
        return torch.stack([angles.cos(), angles.sin()], dim=-1).float()
