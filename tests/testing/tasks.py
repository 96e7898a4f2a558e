"""A task that keeps its contract, and one for each check that breaks it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch

from seqbench.datamodules.base import Scores, SequenceDataModule
from seqbench.protocol import cards
from seqbench.protocol.batches import Keys
from seqbench.protocol.cards import Card
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens

VOCAB = 8


class Previous(SequenceDataModule):
    """Which token came before this one? Sequences of 8 to 16 tokens, padded; the first step asks nothing."""

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


class Streamed(Previous):
    """The same on streams: chunks of one long text."""

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


class ShortInts(Previous):
    """Ids of half the size."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, lengths=batch.lengths.int())


class StrangePadding(Previous):
    """Pads by an id that does not exist."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, inputs=batch.inputs.where(batch.valid(), VOCAB))


class WrongTotal(Previous):
    """Divides by all steps, padding included."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, total=float(batch.weights.numel()))


class Unscored(Previous):
    """Scores nothing in one probe."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, scored=batch.weights * float(split != "length-20"))


class Remembering(Previous):
    """Its training goes on from what was drawn before."""

    drawn = 0

    def generator(self, split: str, step: int) -> np.random.Generator:
        self.drawn += 1
        return super().generator(split, step + (1000 * self.drawn if split == "train" else 0))


class Standing(Previous):
    """Trains on one batch."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return super().generator(split, 0 if split == "train" else step)


class Seedless(Previous):
    """Trains on the same batches whatever the seed."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return super().generator(f"the-{split}", step)


class Seeded(Previous):
    """Tests on other samples for each seed."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return super().generator(f"{split}-of-{self.keys.seed}" if split != "train" else split, step)


class Restarting(Streamed):
    """Starts its stream anew at each chunk."""

    def stream(self, split: str, step: int) -> Batch:
        return replace(super().stream(split, step), first=True)


class Renumbering(Previous):
    """Numbers its samples from 0 in each batch."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, index=torch.arange(len(batch)))


class Leaking(Previous):
    """Tests on what it validates on."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return super().generator("validation" if split == "test" else split, step)


class LeakingTrain(Previous):
    """Trains on what it tests on, in other batches."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return (
            super().generator("test", step)
            if split == "train" and self.keys.seed == 0
            else self.keys.generator(split, step)
        )


class LeakingStream(Streamed):
    """Its training text has the test text in it, elsewhere."""

    def __init__(self, batch_size: int, keys: Keys, carry_state: bool = True) -> None:
        super().__init__(batch_size, keys)
        self.texts["train"][:, 37 : 37 + 60] = self.texts["test"][::-1, 1:61]


class Tiny(Previous):
    """Two tokens of two kinds: all samples are in all splits, and nothing can be done about it."""

    def lengths(self, rng: np.random.Generator, split: str, rows: int) -> np.ndarray:
        return super().lengths(rng, split, rows) if split.startswith("length-") else np.full(rows, 2)


class ShorterProbe(Previous):
    """Asks at other lengths than its probe's."""

    def lengths(self, rng: np.random.Generator, split: str, rows: int) -> np.ndarray:
        return np.full(rows, 9) if split == "length-20" else super().lengths(rng, split, rows)


class Lineless(Previous):
    """Knows no best loss and does not say so."""

    def best(self, split: str) -> Scores:
        return {"accuracy": 1.0}


class Flattering(Previous):
    """Takes an easier line for chance."""

    def chance(self, split: str) -> Scores:
        return {"accuracy": 0.05, "loss": math.log(VOCAB)}


class WrongOracle(Previous):
    """Its oracle takes the next token."""

    def oracle(self, batch: Batch) -> torch.Tensor:
        return batch.inputs.roll(-1, dims=1)


class StrangeFacts(Previous):
    """Its facts are no plain data."""

    def describe_data(self) -> dict[str, Any]:
        return {"splits": {"train", "test"}}


class Leaving(Previous):
    """Exits when it is made."""

    def __init__(self, batch_size: int, keys: Keys, samples: int = 150) -> None:
        raise SystemExit("no licence")


def card(cls: type = Previous, **changed: Any) -> Card:
    """A card for one of these classes."""
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


@dataclass(frozen=True)
class Broken:
    """A task that a check must find, and the other checks that find it too."""

    cls: type = Previous
    changed: dict[str, Any] = field(default_factory=dict)
    also: frozenset[str] = frozenset()


_TIER = {"arch": {"d_model": 8}, "optim": {"steps": 10, "batch_size": 64, "validate_every": 5, "lr": 1e-3}}
BROKEN = {
    "card_complete": Broken(changed={"citation": " "}),
    "tiers_fit": Broken(changed={"tiers": {"smoke": _TIER, "small": {**_TIER, "task": {"sample": 3}}}}),
    "batch_shapes": Broken(ShortInts),
    "batch_values": Broken(StrangePadding),
    "batch_weights": Broken(WrongTotal),
    "objective_scores": Broken(Unscored, also=frozenset({"batch_weights", "oracle_solves"})),
    "repeats": Broken(Remembering),
    "steps_differ": Broken(Standing),
    "seed_draws_training": Broken(Seedless),
    "seed_leaves_evaluation": Broken(Seeded),
    "stream_chunks": Broken(Restarting),
    "samples_once": Broken(Renumbering),
    "splits_disjoint": Broken(Leaking),
    "probe_lengths": Broken(ShorterProbe),
    "lines_named": Broken(Lineless),
    "best_beats_chance": Broken(changed={"metric": {"name": "accuracy", "direction": "min"}}),
    "chance_matches": Broken(Flattering),
    "oracle_solves": Broken(WrongOracle),
    "facts_plain": Broken(StrangeFacts),
}
