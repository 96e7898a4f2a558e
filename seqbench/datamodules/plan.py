"""A plan: one constant vector in, a whole wave out.

    plan    cos(.9) sin(.9) .6        phase .9, .6 radians a step
    target  sin(.9) sin(1.5) sin(2.1) sin(2.7) ...

What Jordan (1986) built his network for: nothing in the input says where in the sequence the net is; it has to
know by what it did before. A net that looks at its input alone gives one number for all steps.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from seqbench.batches import Keys
from seqbench.datamodules.base import Lines, SequenceDataModule, require
from seqbench.specs import Batch, Context, SequenceSpec, StepValues


def sample(rng: np.random.Generator, batch: int, length: int, slow: float, fast: float) -> tuple[np.ndarray, ...]:
    """Draw plans ``(batch, 3)`` and their waves ``(batch, length, 1)``, float32.

    A plan is the cosine and the sine of the phase, uniform on the circle, and the frequency, uniform in [slow, fast)
    radians a step.
    """
    phase = rng.uniform(0, 2 * math.pi, size=(batch, 1))
    frequency = rng.uniform(slow, fast, size=(batch, 1))
    plans = np.concatenate([np.cos(phase), np.sin(phase), frequency], axis=1)
    waves = np.sin(phase + frequency * np.arange(length))
    return plans.astype(np.float32), waves[:, :, None].astype(np.float32)


class Plan(SequenceDataModule):
    """Waves from plans; fresh ones at every step.

    Args:
        length: steps of every wave.
        slow: lowest frequency, radians a step.
        fast: highest frequency, radians a step; at most pi.
        samples: waves in validation, and in test.
        batch_size: waves in one batch.
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
        require(samples >= 1, f"plan's samples must be at least 1 wave, got {samples}.")
        self.length, self.slow, self.fast, self.samples = length, slow, fast, samples
        self.spec = SequenceSpec(Context(3), StepValues(1), max_length=length, look_ahead=True)

    def stream(self, split: str, step: int) -> Batch:
        """Fresh waves for training; ``samples`` fixed ones for validation and test."""
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self.samples - first)
        plans, waves = sample(self.keys.generator(split, step), rows, self.length, self.slow, self.fast)
        return Batch(
            inputs=torch.from_numpy(plans),
            targets=torch.from_numpy(waves),
            lengths=torch.full((rows,), self.length),
            weights=torch.ones(rows, self.length),
            total=float(rows * self.length),
            index=torch.arange(first, first + rows),
        )

    def steps(self, split: str) -> int:
        """Batches in which all of a split's samples come once."""
        return math.ceil(self.samples / self.batch_size)

    def chance(self, split: str) -> Lines:
        """Always 0: with a phase uniform on the circle, the mean of sin^2 is 1/2 and that of abs(sin) is 2/pi."""
        return {"mse": 0.5, "mae": 2 / math.pi}

    def best(self, split: str) -> Lines:
        """The wave is a function of the plan."""
        return {"mse": 0.0, "mae": 0.0}

    def oracle(self, batch: Batch) -> torch.Tensor:
        """The waves of a batch's plans, ``(batch, time, 1)``."""
        cosine, sine, frequency = batch.inputs.double().unbind(1)
        steps = torch.arange(self.length, dtype=torch.float64)
        return torch.sin(torch.atan2(sine, cosine)[:, None] + frequency[:, None] * steps)[:, :, None].float()
