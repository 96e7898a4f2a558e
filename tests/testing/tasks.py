"""A task that keeps its contract, as whole sequences and as streams, and its cards."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule
from seqbench.protocol import cards
from seqbench.protocol.batches import Keys
from seqbench.protocol.cards import Card
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens

VOCAB = 8


class PreviousToken(SequenceDataModule):
    """The target is the token before this one: padded sequences of 8 to 16 tokens, whose first step is not scored."""

    def __init__(self, batch_size: int, keys: Keys, samples: int = 150) -> None:
        super().__init__(batch_size, keys)
        self.samples = samples
        self.probes = {10: "length-10", 20: "length-20"}
        self.spec = SequenceSpec(Tokens(VOCAB), StepClasses(VOCAB), max_length=20)

    def generator(self, split: str, step: int) -> np.random.Generator:
        return self.keys.generator(split, step)

    def lengths(self, rng: np.random.Generator, split: str, rows: int) -> np.ndarray:
        if split.startswith("length-"):
            return np.full(rows, int(split.removeprefix("length-")))
        return rng.integers(8, 17, size=rows)

    def stream(self, split: str, step: int) -> Batch:
        first = step * self.batch_size
        rows = self.batch_size if split == "train" else min(self.batch_size, self.samples - first)
        rng = self.generator(split, step)
        lengths = torch.from_numpy(self.lengths(rng, split, rows))
        inputs = torch.from_numpy(rng.integers(0, VOCAB, size=(rows, int(lengths.max()))))
        steps = torch.arange(inputs.shape[1])
        weights = ((steps > 0) & (steps < lengths[:, None])).float()
        return Batch(
            inputs=inputs,
            targets=torch.cat([torch.zeros_like(inputs[:, :1]), inputs[:, :-1]], dim=1),
            lengths=lengths,
            weights=weights,
            total=float(weights.sum()),
            index=torch.arange(first, first + rows),
        )

    def steps(self, split: str) -> int:
        return math.ceil(self.samples / self.batch_size)

    def chance(self, split: str) -> Scores:
        return {"accuracy": 1 / VOCAB, "loss": math.log(VOCAB)}

    def best(self, split: str) -> Scores:
        return {"accuracy": 1.0, "loss": 0.0}

    def oracle(self, batch: Batch) -> torch.Tensor:
        return batch.inputs.roll(1, dims=1)


class PreviousTokenStream(PreviousToken):
    """The same task on streams: chunks of one long text."""

    streaming: ClassVar[bool] = True

    def __init__(self, batch_size: int, keys: Keys, carry_state: bool = True) -> None:
        super().__init__(batch_size, keys)
        self.probes = {}
        self.chunks = {"train": 10, "validation": 3, "test": 3}
        # The texts are the same for every seed; an epoch starts at an offset of its own.
        self.texts = {
            split: keys.generator(f"{split}-text", 0).integers(0, VOCAB, size=(20, 20 * (chunks + 1)))
            for split, chunks in self.chunks.items()
        }

    def stream(self, split: str, step: int) -> Batch:
        epoch, chunk = divmod(step, self.chunks[split])
        offset = int(self.generator(split, epoch).integers(1, 20)) if split == "train" else 1
        place = offset + 20 * chunk
        text = torch.from_numpy(self.texts[split])
        weights = torch.ones(20, 20)
        return Batch(
            inputs=text[:, place : place + 20],
            targets=text[:, place - 1 : place + 19],
            lengths=torch.full((20,), 20),
            weights=weights,
            total=400.0,
            index=torch.arange(20),
            first=chunk == 0,
        )

    def steps(self, split: str) -> int:
        return self.chunks[split]

    def oracle(self, batch: Batch) -> None:  # type: ignore[override]
        return None


class FewPossibleSamples(PreviousToken):
    """Sequences of two tokens: so few are possible that every split contains all of them."""

    def lengths(self, rng: np.random.Generator, split: str, rows: int) -> np.ndarray:
        return super().lengths(rng, split, rows) if split.startswith("length-") else np.full(rows, 2)


class ExitingInit(PreviousToken):
    """Exits in its ``__init__``."""

    def __init__(self, batch_size: int, keys: Keys, samples: int = 150) -> None:
        raise SystemExit("no licence")


def card(cls: type = PreviousToken, **changed: Any) -> Card:
    """Return a card for one of these classes.

    Args:
        cls: the datamodule.
        changed: entries of the card that replace the default ones.
    """
    tier = {"arch": {"d_model": 8}, "optim": {"steps": 10, "batch_size": 64, "validate_every": 5, "lr": 1e-3}}
    data = {
        "name": "previous",
        "version": 1,
        "summary": "say the token before",
        "example": "input 3 1 4, target . 3 1",
        "datamodule": f"{cls.__module__}:{cls.__name__}",
        "metric": {"name": "accuracy", "direction": "max"},
        "citation": "of our own",
        "licence": "generated",
        "tiers": {"smoke": tier, "small": tier},
    }
    return cards.parse_card({**data, **changed}, "previous.yaml")
