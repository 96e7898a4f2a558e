"""Nested brackets of several kinds: predict at each step which bracket can be closed.

    input   ( [ ] ( ) ) [
    target  ) ] ) ) ) . ]      (dot: no bracket is open)

A model must remember the kinds of all open brackets and use them in reverse order, as a stack does. The depth is bounded,
so a finite state is sufficient (Hewitt et al. 2020, arXiv 2010.07515).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens

PROBE = "length-"
"""Prefix of the names of test splits with one length."""


def sample_dyck(
    rng: np.random.Generator, rows: int, time: int, kinds: int, depth: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw sequences of brackets and the answers.

    The opening bracket of kind k has the id k, and the closing bracket ``kinds + k``. The answer is 1 + k if a bracket of
    kind k can be closed, and 0 if no bracket is open. Where a bracket may open or close, both have probability 1/2.

    Args:
        rng: random generator.
        rows: number of sequences.
        time: brackets in each sequence.
        kinds: number of kinds of brackets.
        depth: maximum number of open brackets.

    Returns:
        Brackets and answers, both ``(rows, time)`` int64.
    """
    stack = np.zeros((rows, depth + 1), dtype=np.int64)  # 1 + kind of the open bracket at each height; 0 at height 0.
    height = np.zeros(rows, dtype=np.int64)
    all_rows = np.arange(rows)
    inputs, targets = np.empty((2, rows, time), dtype=np.int64)
    coins, drawn = rng.random((time, rows)) < 0.5, rng.integers(0, kinds, size=(time, rows))
    for t in range(time):
        opens = (height == 0) | (coins[t] & (height < depth))
        inputs[:, t] = np.where(opens, drawn[t], kinds + stack[all_rows, height] - 1)
        height += np.where(opens, 1, -1)
        stack[all_rows[opens], height[opens]] = 1 + drawn[t][opens]
        targets[:, t] = np.where(height > 0, stack[all_rows, height], 0)
    return inputs, targets


class DyckTask(SequenceDataModule):
    """Predict the next closing bracket of nested brackets; also tested at lengths that do not occur in training.

    Args:
        batch_size: sequences in one batch.
        keys: keys of the random generators.
        kinds: number of kinds of brackets.
        depth: maximum number of open brackets.
        min_length: shortest training sequence, in brackets.
        max_length: longest training sequence, in brackets; lengths are uniform between the two.
        samples: number of sequences in validation and in test.
        probe_lengths: lengths, in brackets, at which the last answer is also tested.
        probe_samples: number of sequences at each probe length.

    Raises:
        SeqbenchError: If an argument is out of range.
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
        """Return new brackets in training and fixed ones in evaluation; a probe has targets only at its last step."""
        rng = self.keys.generator(split, step)
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self._count(split) - first)
        is_probe = split.startswith(PROBE)
        if is_probe:
            lengths = np.full(rows, int(split.removeprefix(PROBE)))
        else:
            lengths = rng.integers(self.min_length, self.max_length + 1, size=rows)
        time = int(lengths.max())
        inputs, targets = sample_dyck(rng, rows, time, self.kinds, self.depth)
        position = np.arange(time)
        weights = position == lengths[:, None] - 1 if is_probe else position < lengths[:, None]
        return Batch(
            inputs=torch.from_numpy(inputs),
            targets=torch.from_numpy(targets),
            lengths=torch.from_numpy(lengths),
            weights=torch.from_numpy(weights.astype(np.float32)),
            total=float(weights.sum()),
            index=torch.arange(first, first + rows),
        )

    def steps(self, split: str) -> int:
        """Return the number of batches that contain each sample of the split once."""
        return math.ceil(self._count(split) / self.batch_size)

    def _count(self, split: str) -> int:
        return self.probe_samples if split.startswith(PROBE) else self.samples

    def oracle(self, batch: Batch) -> torch.Tensor:
        """Return the correct answers ``(batch, time)``, computed from the inputs alone with a stack for each row."""
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
        """Return the frequency of each answer among the weighted steps of a split."""
        counts = np.zeros(self.kinds + 1)
        for step in range(self.steps(split)):
            batch = self.stream(split, step)
            counts += np.bincount(batch.targets[batch.weights > 0].numpy(), minlength=len(counts))
        return counts / counts.sum()

    def chance(self, split: str) -> Scores:
        """Return the scores of a predictor that knows only the frequency of each answer."""
        frequencies = self._frequencies(split)
        positive = frequencies[frequencies > 0]
        return {"accuracy": float(frequencies.max()), "loss": float(-(positive * np.log(positive)).sum())}

    def best(self, split: str) -> Scores:
        """Return perfect scores: the answer is a function of the input."""
        return {"accuracy": 1.0, "loss": 0.0}
