"""Parity: output whether the number of ones so far is odd.

    input   0 1 1 1 1 0 1
    target  0 1 0 1 0 0 1      at every step, or (weights: last) at the last step only

Parity is the simplest regular language that no fixed window can recognise; one recurrent bit solves it at any length.
Training uses short strings and the test longer ones, as in Delétang et al. 2022 (arXiv 2207.02098): the score is the
mean of the accuracies of the last bit at each longer length. Validation has a few longer lengths and sequences of its
own, by which weights and learning rates are selected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens

PROBE = "length-"
"""Prefix of the names of test splits with one length; the length in bits follows."""
VALIDATION_PROBE = "validation-length-"
"""Prefix of the names of validation splits with one length."""

ANSWER = 2
"""The token at which the answer is due; its remainder by 2 is 0, so it does not change the parity."""


def running_parity(bits: np.ndarray) -> np.ndarray:
    """Return the parity of each prefix of ``bits``; both are ``(batch, time)``.

    >>> running_parity(np.array([[0, 1, 1, 1]])).tolist()
    [[0, 1, 0, 1]]
    """
    return np.bitwise_xor.accumulate(bits, axis=1)


class Parity(SequenceDataModule):
    """Running parity of random bits, also tested at lengths that do not occur in training.

    Args:
        min_length: shortest training sequence, in bits.
        max_length: longest training sequence, in bits; lengths are uniform between the two.
        probe_lengths: lengths, in bits, at which the parity of the last bit is also tested.
        probe_samples: number of sequences at each probe length.
        validation_lengths: lengths, in bits, at which the parity of the last bit is also validated.
        validation_probe_samples: number of validation sequences at each of these lengths.
        weights: steps that count in the loss: ``everywhere`` (all) or ``last`` (only the last one).
        samples: number of sequences in validation and in test.
        one_length: whether all sequences of a training batch have one length, which is drawn for each batch.
        answer_token: whether a third token follows the bits, at which the parity of all bits is the target of the step.
        batch_size: sequences in one batch.
        keys: keys of the random generators.
    """

    def __init__(
        self,
        batch_size: int,
        keys: Keys,
        min_length: int = 3,
        max_length: int = 40,
        probe_lengths: tuple[int, ...] | list[int] = (),
        probe_samples: int = 512,
        validation_lengths: tuple[int, ...] | list[int] = (),
        validation_probe_samples: int = 128,
        weights: str = "everywhere",
        samples: int = 1000,
        one_length: bool = False,
        answer_token: bool = False,
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
        self.min_length, self.max_length, self.trained_length = min_length, max_length, max_length
        self.probes = _name_probes(PROBE, probe_lengths, "probe_lengths")
        self.validation_probes = _name_probes(VALIDATION_PROBE, validation_lengths, "validation_lengths")
        self.weights, self.samples = weights, samples
        counts = {"probe_samples": probe_samples, "validation_probe_samples": validation_probe_samples}
        for name, count in counts.items():
            require(count >= 1, f"parity's {name} must be at least 1 sequence, got {count}.")
        self.probe_samples, self.validation_probe_samples = counts.values()
        self._probed = {split: n for probes in (self.probes, self.validation_probes) for n, split in probes.items()}
        self.one_length, self.answer_token = one_length, answer_token
        longest = max((max_length, *self._probed.values())) + answer_token
        self.spec = SequenceSpec(Tokens(2 + answer_token), StepClasses(2), max_length=longest)

    def stream(self, split: str, step: int) -> Batch:
        """Return new bits in training and fixed bits in evaluation; all sequences of a probe split have one length."""
        rng = self.keys.generator(split, step)
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self._count(split) - first)
        if split in self._probed:
            lengths = np.full(rows, self._probed[split])
            return self._batch(rng, lengths, first, is_probe=True)
        drawn = 1 if self.one_length and split == "train" else rows
        lengths = np.broadcast_to(rng.integers(self.min_length, self.max_length + 1, size=drawn), rows)
        return self._batch(rng, lengths, first)

    def _batch(self, rng: np.random.Generator, lengths: np.ndarray, first: int, is_probe: bool = False) -> Batch:
        """Draw bits of the given lengths; a probe is scored at its last bit, whatever the loss weights are."""
        tokens = rng.integers(0, 2, size=(len(lengths), int(lengths.max())))
        if self.answer_token:
            tokens = np.pad(tokens, ((0, 0), (0, 1)))
            tokens[np.arange(len(lengths)), lengths] = ANSWER
            lengths = lengths + 1
        time = tokens.shape[1]
        position = np.arange(time)[None, :]
        last = (position == lengths[:, None] - 1).astype(np.float32)
        weights = last if self.weights == "last" else (position < lengths[:, None]).astype(np.float32)
        return Batch(
            inputs=torch.from_numpy(tokens),
            targets=torch.from_numpy(running_parity(tokens % ANSWER)),
            lengths=torch.tensor(lengths),
            weights=torch.from_numpy(weights),
            total=float(weights.sum()),
            scored=torch.from_numpy(last) if is_probe else None,
            index=torch.arange(first, first + len(lengths)),
        )

    def with_fresh_test(self, secret: str) -> Self:
        """Return the same task with other evaluation sequences.

        Args:
            secret: text that nobody knows.
        """
        return self.with_secret(secret)

    def steps(self, split: str) -> int:
        """Return the number of batches that contain each sample of the split once."""
        return math.ceil(self._count(split) / self.batch_size)

    def _count(self, split: str) -> int:
        if split not in self._probed:
            return self.samples
        return self.probe_samples if split.startswith(PROBE) else self.validation_probe_samples

    def oracle(self, batch: Batch) -> torch.Tensor:
        """Return the running parity of the inputs, ``(batch, time)`` of 0 and 1."""
        return torch.from_numpy(running_parity(batch.inputs.numpy() % ANSWER))

    def chance(self, split: str) -> Scores:
        """Return the scores of random guesses."""
        return {"accuracy": 0.5, "loss": math.log(2), **self._over_lengths(split, 0.5)}

    def best(self, split: str) -> Scores:
        """Return perfect scores: the answer is a function of the input."""
        return {"accuracy": 1.0, "loss": 0.0, **self._over_lengths(split, 1.0)}

    def _over_lengths(self, split: str, accuracy: float) -> Scores:
        """Return the scores over longer lengths of a model with this accuracy at each length."""
        names = {"validation": ("accuracy_longer", "accuracy_seen_and_longer"), "test": ("accuracy_longer",)}
        is_longer = any(length > self.max_length for length in self.probes_of(split))
        return dict.fromkeys(names.get(split, ()) if is_longer else (), accuracy)


def _name_probes(prefix: str, lengths: Sequence[int], option: str) -> dict[int, str]:
    """Return the name of the split of each length, shortest length first."""
    require(
        all(length >= 1 for length in lengths), f"parity's {option} must each be at least 1 bit, got {list(lengths)}."
    )
    return {length: f"{prefix}{length}" for length in sorted(set(lengths))}
