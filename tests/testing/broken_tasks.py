"""For each check of tasks, one task that breaks the contract in its way."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from seqbench.datamodules.base import Scores
from seqbench.protocol.batches import Keys
from seqbench.protocol.specs import Batch
from tests.testing.tasks import VOCAB, PreviousToken, PreviousTokenStream


class Int32Lengths(PreviousToken):
    """Its lengths are int32."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, lengths=batch.lengths.int())


class InvalidPaddingId(PreviousToken):
    """Pads with an id that does not exist."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, inputs=batch.inputs.where(batch.valid(), VOCAB))


class WrongTotal(PreviousToken):
    """Its total counts all steps, padding included."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, total=float(batch.weights.numel()))


class UnscoredProbe(PreviousToken):
    """Scores nothing in one probe."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, scored=batch.weights * float(split != "length-20"))


class StatefulTraining(PreviousToken):
    """Its training batches depend on the batches that were drawn before."""

    drawn = 0

    def generator(self, split: str, step: int) -> np.random.Generator:
        self.drawn += 1
        return super().generator(split, step + (1000 * self.drawn if split == "train" else 0))


class OneTrainingBatch(PreviousToken):
    """Every training step has the same batch."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return super().generator(split, 0 if split == "train" else step)


class SeedIgnored(PreviousToken):
    """Training batches do not depend on the seed."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return super().generator(f"the-{split}", step)


class SeededEvaluation(PreviousToken):
    """Evaluation batches depend on the seed."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return super().generator(f"{split}-of-{self.keys.seed}" if split != "train" else split, step)


class RestartingStream(PreviousTokenStream):
    """Starts the stream again at each chunk."""

    def stream(self, split: str, step: int) -> Batch:
        return replace(super().stream(split, step), first=True)


class RenumberedSamples(PreviousToken):
    """Numbers the samples of each batch from 0."""

    def stream(self, split: str, step: int) -> Batch:
        batch = super().stream(split, step)
        return replace(batch, index=torch.arange(len(batch)))


class TestEqualsValidation(PreviousToken):
    """The test split equals the validation split."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return super().generator("validation" if split == "test" else split, step)


class TrainsOnTest(PreviousToken):
    """Trains on the test samples, in other batches."""

    def generator(self, split: str, step: int) -> np.random.Generator:
        return (
            super().generator("test", step)
            if split == "train" and self.keys.seed == 0
            else self.keys.generator(split, step)
        )


class StreamContainsTest(PreviousTokenStream):
    """Its training text contains the test text, at another place."""

    def __init__(self, batch_size: int, keys: Keys, carry_state: bool = True) -> None:
        super().__init__(batch_size, keys)
        self.texts["train"][:, 37 : 37 + 60] = self.texts["test"][::-1, 1:61]


class WrongProbeLength(PreviousToken):
    """One probe has sequences of another length than it states."""

    def lengths(self, rng: np.random.Generator, split: str, rows: int) -> np.ndarray:
        return np.full(rows, 9) if split == "length-20" else super().lengths(rng, split, rows)


class MissingBest(PreviousToken):
    """Gives no best loss, and no reason."""

    def best(self, split: str) -> Scores:
        return {"accuracy": 1.0}


class LowChance(PreviousToken):
    """Gives a chance accuracy that is too low."""

    def chance(self, split: str) -> Scores:
        return {"accuracy": 0.05, "loss": math.log(VOCAB)}


class WrongOracle(PreviousToken):
    """Its oracle returns the next token instead of the one before."""

    def oracle(self, batch: Batch) -> torch.Tensor:
        return batch.inputs.roll(-1, dims=1)


class UnserializableFacts(PreviousToken):
    """Its facts hold a set, which is not plain data."""

    def describe_data(self) -> dict[str, Any]:
        return {"splits": {"train", "test"}}


@dataclass(frozen=True)
class Broken:
    """A task that one check must refuse.

    Args:
        cls: the datamodule.
        changed: entries of its card.
        also: other checks that refuse it too.
    """

    cls: type = PreviousToken
    changed: dict[str, Any] = field(default_factory=dict)
    also: frozenset[str] = frozenset()


_TIER = {"arch": {"d_model": 8}, "optim": {"steps": 10, "batch_size": 64, "validate_every": 5, "lr": 1e-3}}


BROKEN = {
    "card_complete": Broken(changed={"citation": " "}),
    "tier_options": Broken(changed={"tiers": {"smoke": _TIER, "small": {**_TIER, "task": {"sample": 3}}}}),
    "batch_shapes": Broken(Int32Lengths),
    "batch_values": Broken(InvalidPaddingId),
    "batch_weights": Broken(WrongTotal),
    "objective_finite": Broken(UnscoredProbe, also=frozenset({"batch_weights", "oracle_reaches_best"})),
    "batches_repeatable": Broken(StatefulTraining),
    "training_steps_differ": Broken(OneTrainingBatch),
    "seed_changes_training": Broken(SeedIgnored),
    "seed_keeps_evaluation": Broken(SeededEvaluation),
    "stream_chunks": Broken(RestartingStream),
    "samples_once": Broken(RenumberedSamples),
    "splits_disjoint": Broken(TestEqualsValidation),
    "probe_lengths": Broken(WrongProbeLength),
    "chance_and_best_defined": Broken(MissingBest),
    "best_beats_chance": Broken(changed={"metric": {"name": "accuracy", "direction": "min"}}),
    "chance_matches_frequencies": Broken(LowChance),
    "oracle_reaches_best": Broken(WrongOracle),
    "facts_serializable": Broken(UnserializableFacts),
}
