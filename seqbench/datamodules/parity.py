"""Parity: is the number of ones so far odd?

    input   0 1 1 1 1 0 1
    target  0 1 0 1 0 0 1      at every step, or (weights: last) asked at the last step alone

The smallest regular language that no fixed window can recognise. Trained on short strings and tested on
longer ones, as Delétang et al. 2022 (arXiv 2207.02098) do; one recurrent bit solves it at any length.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens

PROBE = "length-"


def running_parity(bits: np.ndarray) -> np.ndarray:
    """Parity of each prefix of ``bits``, both ``(batch, time)``: the oracle that solves the task."""
    return np.bitwise_xor.accumulate(bits, axis=1)


class Parity(SequenceDataModule):
    """Running parity of random bits, with probes at lengths that training never shows.

    Args:
        min_length: shortest training sequence, in bits.
        max_length: longest training sequence, in bits; lengths are uniform between the two.
        probe_lengths: lengths at which the last bit's parity is tested as well.
        probe_samples: sequences at each probe length.
        weights: ``everywhere`` (every step counts) or ``last`` (the last one alone).
        samples: sequences in validation, and in test.
        batch_size: sequences in one batch.
        keys: what random draws are keyed by.
    """

    def __init__(
        self,
        batch_size: int,
        keys: Keys,
        min_length: int = 3,
        max_length: int = 40,
        probe_lengths: tuple[int, ...] | list[int] = (),
        probe_samples: int = 512,
        weights: str = "everywhere",
        samples: int = 1000,
    ) -> None:
        super().__init__(batch_size, keys)
        require(
            1 <= min_length <= max_length,
            f"parity needs 1 <= min_length <= max_length, got {min_length} and {max_length}.",
        )
        require(
            weights in ("everywhere", "last"),
            f"parity's weights must be 'everywhere' or 'last', got '{weights}'.",
        )
        require(samples >= 1, f"parity's samples must be at least 1 sequence, got {samples}.")
        require(probe_samples >= 1, f"parity's probe_samples must be at least 1 sequence, got {probe_samples}.")
        require(
            all(length >= 1 for length in probe_lengths),
            f"parity's probe_lengths must each be at least 1 bit, got {list(probe_lengths)}.",
        )
        self.min_length, self.max_length = min_length, max_length
        self.probes = {length: f"{PROBE}{length}" for length in sorted(set(probe_lengths))}
        self.probe_samples, self.trained_length = probe_samples, max_length
        self.weights, self.samples = weights, samples
        longest = max((max_length, *self.probes))
        self.spec = SequenceSpec(Tokens(2), StepClasses(2), max_length=longest)

    def stream(self, split: str, step: int) -> Batch:
        """Fresh bits for training, fixed ones for evaluation; a probe split has one length only."""
        rng = self.keys.generator(split, step)
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self._count(split) - first)
        if split.startswith(PROBE):
            lengths = np.full(rows, int(split.removeprefix(PROBE)))
            return self._batch(rng, lengths, first, probed=True)
        lengths = rng.integers(self.min_length, self.max_length + 1, size=rows)
        return self._batch(rng, lengths, first)

    def _batch(self, rng: np.random.Generator, lengths: np.ndarray, first: int, probed: bool = False) -> Batch:
        """Bits of these lengths; probes are scored at the last one alone, whatever is asked."""
        time = int(lengths.max())
        bits = rng.integers(0, 2, size=(len(lengths), time))
        position = np.arange(time)[None, :]
        last = (position == lengths[:, None] - 1).astype(np.float32)
        asked = last if self.weights == "last" else (position < lengths[:, None]).astype(np.float32)
        return Batch(
            inputs=torch.from_numpy(bits),
            targets=torch.from_numpy(running_parity(bits)),
            lengths=torch.from_numpy(lengths),
            weights=torch.from_numpy(asked),
            total=float(asked.sum()),
            scored=torch.from_numpy(last) if probed else None,
            index=torch.arange(first, first + len(lengths)),
        )

    def steps(self, split: str) -> int:
        """Batches in which all of a split's samples come once."""
        return math.ceil(self._count(split) / self.batch_size)

    def _count(self, split: str) -> int:
        return self.probe_samples if split.startswith(PROBE) else self.samples

    def oracle(self, batch: Batch) -> torch.Tensor:
        """Count the ones: ``(batch, time)`` of 0 and 1."""
        return torch.from_numpy(running_parity(batch.inputs.numpy()))

    def chance(self, split: str) -> Scores:
        """A fair coin."""
        return {"accuracy": 0.5, "loss": math.log(2)}

    def best(self, split: str) -> Scores:
        """The answer is a function of the input."""
        return {"accuracy": 1.0, "loss": 0.0}
