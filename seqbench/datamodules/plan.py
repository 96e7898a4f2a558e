"""A plan: one constant vector in, a whole movement out.

    plan    cos(.9) sin(.9) .6                                from the angle .9 on, .6 radians a step
    target  (cos .9, sin .9) (cos 1.5, sin 1.5) (cos 2.1, sin 2.1) ...

What Jordan (1986) built his network for: nothing in the input says where in the sequence the net is; it has to
know by what it did before. A net that looks at its input alone gives one point for all steps.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, Context, SequenceSpec, StepValues


def sample_plan(rng: np.random.Generator, batch: int, length: int, slow: float, fast: float) -> tuple[np.ndarray, ...]:
    """Draw plans ``(batch, 3)`` and their ways round the circle ``(batch, length, 2)``, float32.

    A plan is the cosine and the sine of the first angle, uniform on the circle, and the speed, uniform in [slow, fast)
    radians a step.
    """
    start = rng.uniform(0, 2 * math.pi, size=(batch, 1))
    speed = rng.uniform(slow, fast, size=(batch, 1))
    plans = np.concatenate([np.cos(start), np.sin(start), speed], axis=1)
    angles = start + speed * np.arange(length)
    return plans.astype(np.float32), np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(np.float32)


class Plan(SequenceDataModule):
    """Ways round a circle from plans; fresh ones at every step.

    Args:
        length: steps of every way.
        slow: lowest speed, radians a step.
        fast: highest speed, radians a step; at most pi.
        samples: ways in validation, and in test.
        batch_size: ways in one batch.
        keys: what random draws are keyed by.
    """

    def __init__(
        self, batch_size: int, keys: Keys, length: int = 32, slow: float = 0.2, fast: float = 1.0, samples: int = 1000
    ) -> None:
        super().__init__(batch_size, keys)
        require(length >= 1, f"plan's length must be at least 1 step, got {length}.")
        require(
            0 <= slow < fast <= math.pi,
            f"plan needs 0 <= slow < fast <= pi radians a step, got {slow} and {fast}.",
        )
        require(samples >= 1, f"plan's samples must be at least 1 way, got {samples}.")
        self.length, self.slow, self.fast, self.samples = length, slow, fast, samples
        self.spec = SequenceSpec(Context(3), StepValues(2), max_length=length, look_ahead=True)

    def stream(self, split: str, step: int) -> Batch:
        """Fresh ways for training; ``samples`` fixed ones for validation and test."""
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self.samples - first)
        plans, ways = sample_plan(self.keys.generator(split, step), rows, self.length, self.slow, self.fast)
        return Batch(
            inputs=torch.from_numpy(plans),
            targets=torch.from_numpy(ways),
            lengths=torch.full((rows,), self.length),
            weights=torch.ones(rows, self.length),
            total=float(rows * self.length),
            index=torch.arange(first, first + rows),
        )

    def steps(self, split: str) -> int:
        """Batches in which all of a split's samples come once."""
        return math.ceil(self.samples / self.batch_size)

    def chance(self, split: str) -> Scores:
        """Always the centre: on the circle the mean of sin^2 is 1/2 and that of abs(sin) is 2/pi."""
        return {"mse": 0.5, "mae": 2 / math.pi}

    def best(self, split: str) -> Scores:
        """The way is a function of the plan."""
        return {"mse": 0.0, "mae": 0.0}

    def oracle(self, batch: Batch) -> torch.Tensor:
        """The ways of a batch's plans, ``(batch, time, 2)``."""
        cosine, sine, speed = batch.inputs.double().unbind(1)
        angles = torch.atan2(sine, cosine)[:, None] + speed[:, None] * torch.arange(self.length, dtype=torch.float64)
        return torch.stack([angles.cos(), angles.sin()], dim=-1).float()
