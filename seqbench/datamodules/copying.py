"""Copy memory: remember a few symbols over a long silence.

    input   3 1 4 1 5 9 2 6 5 3 . . . . . . # # # # # # # # # # #
    target  . . . . . . . . . . . . . . . . . 3 1 4 1 5 9 2 6 5 3

(payload 10, delay 7.) Hochreiter & Schmidhuber 1997; in this form Arjovsky et al. 2016, section 4.1. The
score is read at the recalled symbols only: over all positions, predicting blanks alone looks nearly perfect.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule, require
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens

BLANK = 0


def sample_copy(
    rng: np.random.Generator, batch: int, delay: int, alphabet: int, payload: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw inputs and targets, both ``(batch, delay + 2 * payload)`` int64.

    Symbols are 1 to ``alphabet``, the blank is 0 and the delimiter ``alphabet + 1``. The input is the payload,
    ``delay - 1`` blanks and ``payload + 1`` delimiters; the target is blank until the payload is due.
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
    """The copy-memory task; fresh sequences at every step.

    Args:
        delay: T of the literature, blank steps plus one between payload and recall; at least 1.
        alphabet: how many different symbols.
        payload: how many symbols are to be recalled.
        samples: sequences in validation, and in test.
        blank_weight: weight in the training loss of a step that asks for a blank, where a recalled symbol has
            1. The published loss has 1 for all; less lets the long silence drown the recall less.
        batch_size: sequences in one batch.
        keys: what random draws are keyed by.
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
        """Fresh sequences for training; ``samples`` fixed ones for validation and test."""
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

    def steps(self, split: str) -> int:
        """Batches in which all of a split's samples come once."""
        return math.ceil(self.samples / self.batch_size)

    def oracle(self, batch: Batch) -> torch.Tensor:
        """Blanks, then the payload again: ``(batch, time)`` ids."""
        said = torch.full_like(batch.inputs, BLANK)
        said[:, -self.payload :] = batch.inputs[:, : self.payload]
        return said

    def chance(self, split: str) -> Scores:
        """A predictor that knows the time of recall and guesses symbols uniformly."""
        loss = math.log(self.alphabet)
        return {
            "accuracy": 1 / self.alphabet,
            "loss": loss,
            "loss_all_positions": self.payload * loss / self.time,
        }

    def best(self, split: str) -> Scores:
        """The payload is in the input, so all of it can be recalled."""
        return {"accuracy": 1.0, "loss": 0.0, "loss_all_positions": 0.0}
