"""Copy memory: recall a few symbols after a long delay.

    input   3 1 4 1 5 9 2 6 5 3 . . . . . . # # # # # # # # # # #
    target  . . . . . . . . . . . . . . . . . 3 1 4 1 5 9 2 6 5 3

(payload 10, delay 7.) The task is from Hochreiter & Schmidhuber 1997, this form from Arjovsky et al. 2016, section
4.1. Only the recalled symbols are scored: over all positions, a model that predicts only blanks looks nearly perfect.
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require, shorten_items
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens

BLANK = 0


def sample_copy(
    rng: np.random.Generator, batch: int, delay: int, alphabet: int, payload: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs and targets of the copy task.

    Symbols are 1 to ``alphabet``, the blank is 0 and the delimiter is ``alphabet + 1``. The input consists of the
    payload, ``delay - 1`` blanks and ``payload + 1`` delimiters. The target is blank before the last ``payload`` steps.

    Args:
        rng: random generator.
        batch: number of sequences.
        delay: blank steps plus one between payload and recall.
        alphabet: number of different symbols.
        payload: number of symbols to recall.

    Returns:
        Inputs and targets, both ``(batch, delay + 2 * payload)`` int64.

    >>> inputs, targets = sample_copy(np.random.default_rng(0), batch=1, delay=3, alphabet=8, payload=2)
    >>> inputs.tolist(), targets.tolist()
    ([[7, 6, 0, 0, 9, 9, 9]], [[0, 0, 0, 0, 0, 7, 6]])
    """
    symbols = rng.integers(1, alphabet + 1, size=(batch, payload))
    time = delay + 2 * payload
    inputs = np.full((batch, time), BLANK, dtype=np.int64)
    inputs[:, :payload] = symbols
    inputs[:, payload + delay - 1 :] = alphabet + 1
    targets = np.full((batch, time), BLANK, dtype=np.int64)
    targets[:, -payload:] = symbols
    return inputs, targets


class Copy(SequenceDataModule):
    """The copy-memory task, with new sequences at every training step.

    Args:
        delay: blank steps plus one between payload and recall (T in the literature); at least 1.
        alphabet: number of different symbols; at least 2.
        payload: number of symbols to recall.
        samples: number of sequences in validation and in test.
        blank_weight: weight of a blank target in the training loss; a recalled symbol has weight 1. The published
            loss uses 1; a smaller weight gives the few recalled symbols more influence.
        batch_size: sequences in one batch.
        keys: keys of the random generators.
    """

    def __init__(
        self,
        delay: int,
        batch_size: int,
        keys: Keys,
        alphabet: int = 8,
        payload: int = 10,
        samples: int = 1000,
        blank_weight: float = 1.0,
    ) -> None:
        super().__init__(batch_size, keys)
        require(delay >= 1, f"copy's delay must be at least 1 step, got {delay}; try --task.delay 30.")
        require(alphabet >= 2, f"copy's alphabet must have at least 2 symbols, got {alphabet}.")
        require(payload >= 1, f"copy's payload must be at least 1 symbol, got {payload}.")
        require(samples >= 1, f"copy's samples must be at least 1 sequence, got {samples}.")
        require(blank_weight >= 0, f"copy's blank_weight must not be negative, got {blank_weight}.")
        self.blank_weight = blank_weight
        self.delay, self.alphabet, self.payload, self.samples = delay, alphabet, payload, samples
        self.time = delay + 2 * payload
        output = StepClasses(alphabet + 2, metrics=("accuracy", "loss", "loss_all_positions"))
        self.spec = SequenceSpec(Tokens(alphabet + 2), output, max_length=self.time)

    def stream(self, split: str, step: int) -> Batch:
        """Return new sequences in training, and ``samples`` fixed sequences in validation and test."""
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self.samples - first)
        rng = self.keys.generator(split, step)
        inputs, targets = sample_copy(rng, rows, self.delay, self.alphabet, self.payload)
        scored = torch.zeros(rows, self.time)
        scored[:, -self.payload :] = 1.0
        weights = torch.full((rows, self.time), self.blank_weight)
        weights[:, -self.payload :] = 1.0
        return Batch(
            inputs=torch.from_numpy(inputs),
            targets=torch.from_numpy(targets),
            lengths=torch.full((rows,), self.time),
            weights=weights,
            total=rows * (self.payload + self.blank_weight * (self.time - self.payload)),
            scored=scored,
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
        """Return the symbols as numbers, blanks as ``.`` and delimiters as ``#``."""
        marks = {BLANK: ".", self.alphabet + 1: "#"}
        return shorten_items([marks.get(symbol, str(symbol)) for symbol in batch.inputs[row].tolist()])

    def oracle(self, batch: Batch) -> torch.Tensor:
        """Return blanks followed by the payload, ``(batch, time)`` ids."""
        answer = torch.full_like(batch.inputs, BLANK)
        answer[:, -self.payload :] = batch.inputs[:, : self.payload]
        return answer

    def chance(self, split: str) -> Scores:
        """Return the scores of a predictor that knows when to recall and guesses the symbols uniformly."""
        loss = math.log(self.alphabet)
        return {
            "accuracy": 1 / self.alphabet,
            "loss": loss,
            "loss_all_positions": self.payload * loss / self.time,
        }

    def best(self, split: str) -> Scores:
        """Return perfect scores: the input contains the payload."""
        return {"accuracy": 1.0, "loss": 0.0, "loss_all_positions": 0.0}
