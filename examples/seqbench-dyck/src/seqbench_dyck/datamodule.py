"""Nested brackets of several kinds: at every step, which bracket could close?

    input   ( [ ] ( ) ) [
    target  ) ] ) ) ) . ]      (the dot: nothing is open)

The kinds of all open brackets have to be remembered, and in the reverse of their order: a stack, bounded by the depth
so that a finite state can hold it (Hewitt et al. 2020, arXiv 2010.07515).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens

PROBE = "length-"


def sample(rng: np.random.Generator, rows: int, time: int, kinds: int, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw brackets and answers, both ``(rows, time)`` int64.

    Kind k opens by k and closes by ``kinds + k``. The answer is 1 + k where kind k could close, 0 where nothing is open.
    Whether a bracket opens or closes is a fair coin, where both can be.
    """
    stack = np.zeros((rows, depth + 1), dtype=np.int64)  # What is open at each height; nothing is, at height 0.
    height = np.zeros(rows, dtype=np.int64)
    every = np.arange(rows)
    inputs, targets = np.empty((2, rows, time), dtype=np.int64)
    coins, drawn = rng.random((time, rows)) < 0.5, rng.integers(0, kinds, size=(time, rows))
    for t in range(time):
        opens = (height == 0) | (coins[t] & (height < depth))
        inputs[:, t] = np.where(opens, drawn[t], kinds + stack[every, height] - 1)
        height += np.where(opens, 1, -1)
        stack[every[opens], height[opens]] = 1 + drawn[t][opens]
        targets[:, t] = np.where(height > 0, stack[every, height], 0)
    return inputs, targets


class DyckTask(SequenceDataModule):
    """Prefixes of nested brackets, the next closing one asked at every step; probes at lengths never trained on.

    Args:
        batch_size: sequences in one batch.
        keys: what random draws are keyed by.
        kinds: kinds of brackets.
        depth: most brackets that are open at once.
        min_length: shortest training sequence, in brackets.
        max_length: longest training sequence, in brackets; lengths are uniform between the two.
        samples: sequences in validation, and in test.
        probe_lengths: lengths at which the last answer is tested as well.
        probe_samples: sequences at each probe length.
    """

    def __init__(
        self,
        batch_size: int,
        keys: Keys,
        kinds: int = 2,
        depth: int = 4,
        min_length: int = 4,
        max_length: int = 40,
        samples: int = 1000,
        probe_lengths: tuple[int, ...] | list[int] = (),
        probe_samples: int = 256,
    ) -> None:
        super().__init__(batch_size, keys)
        require(min(kinds, depth) >= 1, f"kinds and depth must be at least 1, got {kinds} and {depth}.")
        require(
            1 <= min_length <= max_length,
            f"lengths need 1 <= min_length <= max_length, got {min_length} and {max_length}.",
        )
        require(min(samples, probe_samples) >= 1, "samples and probe_samples must be at least 1 sequence.")
        require(min(probe_lengths, default=1) >= 1, f"probe_lengths must be at least 1, got {list(probe_lengths)}.")
        self.kinds, self.depth, self.min_length, self.max_length = kinds, depth, min_length, max_length
        self.samples, self.probe_samples = samples, probe_samples
        self.probes = {length: f"{PROBE}{length}" for length in sorted(set(probe_lengths))}
        self.trained_length = max_length
        longest = max((max_length, *self.probes))
        self.spec = SequenceSpec(Tokens(2 * kinds), StepClasses(kinds + 1), max_length=longest)

    def stream(self, split: str, step: int) -> Batch:
        """Fresh brackets for training, the same ones at every evaluation; a probe asks at its last step alone."""
        rng = self.keys.generator(split, step)
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self._count(split) - first)
        probe = split.startswith(PROBE)
        if probe:
            lengths = np.full(rows, int(split.removeprefix(PROBE)))
        else:
            lengths = rng.integers(self.min_length, self.max_length + 1, size=rows)
        time = int(lengths.max())
        inputs, targets = sample(rng, rows, time, self.kinds, self.depth)
        position = np.arange(time)
        asked = position == lengths[:, None] - 1 if probe else position < lengths[:, None]
        return Batch(
            inputs=torch.from_numpy(inputs),
            targets=torch.from_numpy(targets),
            lengths=torch.from_numpy(lengths),
            weights=torch.from_numpy(asked.astype(np.float32)),
            total=float(asked.sum()),
            index=torch.arange(first, first + rows),
        )

    def steps(self, split: str) -> int:
        """Batches in which all of a split's sequences come once."""
        return math.ceil(self._count(split) / self.batch_size)

    def _count(self, split: str) -> int:
        return self.probe_samples if split.startswith(PROBE) else self.samples

    def oracle(self, batch: Batch) -> torch.Tensor:
        """The right answers, ``(batch, time)``, from the inputs alone: one stack for each row."""
        answers = torch.zeros_like(batch.inputs)
        for row, brackets in enumerate(batch.inputs.tolist()):
            stack: list[int] = []
            for t, bracket in enumerate(brackets):
                if bracket < self.kinds:
                    stack.append(bracket)
                else:
                    stack.pop()
                answers[row, t] = 1 + stack[-1] if stack else 0
        return answers

    def _frequencies(self, split: str) -> np.ndarray:
        """How often each answer is right in a split, where it is asked."""
        counts = np.zeros(self.kinds + 1)
        for step in range(self.steps(split)):
            batch = self.stream(split, step)
            counts += np.bincount(batch.targets[batch.weights > 0].numpy(), minlength=len(counts))
        return counts / counts.sum()

    def chance(self, split: str) -> Scores:
        """A predictor that knows how often each answer is right, and nothing else."""
        known = self._frequencies(split)
        seen = known[known > 0]
        return {"accuracy": float(known.max()), "loss": float(-(seen * np.log(seen)).sum())}

    def best(self, split: str) -> Scores:
        """The answer is a function of the input."""
        return {"accuracy": 1.0, "loss": 0.0}
