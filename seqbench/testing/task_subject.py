"""A task under test: its card, its datamodule, and the batches of each split."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from seqbench.datamodules.base import SequenceDataModule
from seqbench.datamodules.loading import import_datamodule_class
from seqbench.models import objectives
from seqbench.protocol import cards
from seqbench.protocol.batches import Keys
from seqbench.protocol.cards import Card
from seqbench.protocol.specs import Batch
from seqbench.testing.report import describe_error
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError

Oracle = Callable[[Batch], Tensor | None]
"""Solves a batch without its targets; see ``SequenceDataModule.oracle``."""

TRAINING_BATCHES = 16
"""Number of training batches that the checks examine."""


class TaskSubject:
    """A card at one tier, with its datamodule.

    Args:
        card: the card.
        tier: name of one of its tiers.
        options: options of the datamodule; they replace the card's.
        oracle: solves a batch; None takes the datamodule's own.
    """

    def __init__(self, card: Card, tier: str, options: Mapping[str, object], oracle: Oracle | None = None) -> None:
        self.card, self.tier = card, card.tier(tier)
        self.options = {**card.arguments, **self.tier.task, **options}
        self._oracle = oracle
        self._batches: dict[str, list[Batch]] = {}

    @cached_property
    def data(self) -> SequenceDataModule:
        """The datamodule of a run with seed 0."""
        return self.build_datamodule()

    @cached_property
    def data_of_other_seed(self) -> SequenceDataModule:
        """The datamodule of a run with seed 1."""
        return self.build_datamodule(seed=1)

    def build_datamodule(self, seed: int = 0) -> SequenceDataModule:
        """Return a new datamodule of a run with that seed.

        Raises:
            SeqbenchError: it cannot be imported or built, or its data is not here.
        """
        datamodule_class = import_datamodule_class(self.card)
        keys = Keys(seed, self.card.name, self.card.version)
        try:
            data: SequenceDataModule = datamodule_class(
                batch_size=self.tier.optim.batch_size, keys=keys, **self.options
            )
        except SeqbenchError:
            raise
        # The class may belong to a plug-in and may raise any error or exit; the user gets one sentence.
        except (Exception, SystemExit) as error:
            raise SeqbenchError(
                f"task '{self.card.name}' cannot be built, it raised {describe_error(error)}."
            ) from error
        return data

    @property
    def evaluation_splits(self) -> tuple[str, ...]:
        """The names of all evaluation splits, probes included."""
        return (*self.data.splits("validation"), *self.data.splits("test"))

    def batches(self, split: str) -> list[Batch]:
        """Return all batches of an evaluation split, or the first batches of training."""
        if split not in self._batches:
            steps = TRAINING_BATCHES if split == "train" else self.data.steps(split)
            self._batches[split] = [self.data.stream(split, step) for step in range(steps)]
        return self._batches[split]

    def solve(self, batch: Batch) -> Tensor | None:
        """Return the oracle's answers to a batch without its targets; None if there is no oracle."""
        without_targets = dataclasses.replace(batch, targets=torch.zeros_like(batch.targets))
        return (self._oracle or self.data.oracle)(without_targets)

    def build_objective(self) -> objectives.Objective:
        """Return the objective of the spec with an identity as its head, so that its input is the output of a head."""
        objective = objectives.build_objective(self.data.spec, d_model=1)
        objective.head = torch.nn.Identity()
        return objective


def find_card(task: Card | Path | str) -> Card:
    """Return the card itself, or the card of a registered name or of a YAML file.

    Raises:
        SeqbenchError: the card does not exist, or is invalid.

    >>> find_card("copy").name
    'copy'
    """
    if isinstance(task, Card):
        return task
    if isinstance(task, Path) or str(task).endswith((".yaml", ".yml")):
        # The datamodule that a card file names usually lies in the current folder.
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return cards.parse_card(plain_data.read_yaml(Path(task)), Path(task).name)
    return cards.load_card(task)
