"""A task under test: its card, its datamodule, and batches of each split."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqbench.datamodules.base import SequenceDataModule
from seqbench.datamodules.loading import import_datamodule_class
from seqbench.models import objectives
from seqbench.protocol import cards
from seqbench.protocol.batches import Keys
from seqbench.protocol.cards import Card
from seqbench.protocol.specs import Batch
from seqbench.testing.report import error_message
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError

Oracle = Callable[[Batch], Tensor | None]
TRAINING_BATCHES = 16
"""Training batches that stand for all of them."""


class TaskSubject:
    """A card at one tier, with its datamodule.

    Args:
        card: the card.
        tier: name of one of its tiers.
        options: of the datamodule; they win over the card's.
        oracle: what solves the task; None takes the datamodule's own.
    """

    def __init__(self, card: Card, tier: str, options: Mapping[str, Any], oracle: Oracle | None = None) -> None:
        self.card, self.tier = card, card.tier(tier)
        self.options = {**card.arguments, **self.tier.task, **options}
        self._oracle = oracle
        self._batches: dict[str, list[Batch]] = {}

    @cached_property
    def data(self) -> SequenceDataModule:
        """The datamodule, keyed by seed 0."""
        return self.make()

    @cached_property
    def other(self) -> SequenceDataModule:
        """The datamodule as a run of another seed has it."""
        return self.make(seed=1)

    def make(self, seed: int = 0) -> SequenceDataModule:
        """A fresh datamodule.

        Raises:
            SeqbenchError: it cannot be imported or made, or its data is not at hand.
        """
        made = import_datamodule_class(self.card)
        keys = Keys(seed, self.card.name, self.card.version)
        try:
            data: SequenceDataModule = made(batch_size=self.tier.optim.batch_size, keys=keys, **self.options)
        except SeqbenchError:
            raise
        # A stranger's class refuses with whatever error it likes, and may even exit.
        except (Exception, SystemExit) as error:
            raise SeqbenchError(f"task '{self.card.name}' cannot be made, it raised {error_message(error)}.") from error
        return data

    @property
    def evaluation(self) -> tuple[str, ...]:
        """All evaluation splits, probes included."""
        return (*self.data.splits("validation"), *self.data.splits("test"))

    def batches(self, split: str) -> list[Batch]:
        """All batches of an evaluation split; the first few of training."""
        if split not in self._batches:
            steps = TRAINING_BATCHES if split == "train" else self.data.steps(split)
            self._batches[split] = [self.data.stream(split, step) for step in range(steps)]
        return self._batches[split]

    def oracle(self, batch: Batch) -> Tensor | None:
        """What solves the task says of a batch, whose targets it does not see."""
        hidden = dataclasses.replace(batch, targets=torch.zeros_like(batch.targets))
        return (self._oracle or self.data.oracle)(hidden)

    def objective(self) -> objectives.Objective:
        """The spec's objective without a head: it takes what a head would give."""
        objective = objectives.build_objective(self.data.spec, d_model=1)
        objective.head = torch.nn.Identity()  # type: ignore[assignment]
        return objective


def task_card(task: Card | Path | str) -> Card:
    """The card itself, or that of a name or of a YAML file.

    Raises:
        SeqbenchError: there is none, or it cannot be used.
    """
    if isinstance(task, Card):
        return task
    if isinstance(task, Path) or str(task).endswith((".yaml", ".yml")):
        # A datamodule named in a file is usually one in the folder the user stands in.
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return cards.parse_card(plain_data.read_yaml(Path(task)), Path(task).name)
    return cards.load_card(task)
