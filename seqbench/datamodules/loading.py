"""Load the datamodule class that a card names, and build the datamodule of a run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from seqbench.protocol import registry
from seqbench.protocol.cards import Card
from seqbench.protocol.config import RunConfig
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    from seqbench.datamodules.base import SequenceDataModule


def import_datamodule_class(card: Card) -> Any:
    """The class that a card names, imported.

    Raises:
        SeqbenchError: it cannot be imported, or is no task's datamodule.
    """
    # It is its card's distribution that is to blame; a card that is only checked has none.
    offers = registry.list_entries(registry.TASKS).get(card.name) or (registry.Entry(card.name, "", None, None),)
    entry = dataclasses.replace(offers[0], value=card.datamodule)
    datamodule = entry.load()

    from seqbench.datamodules.base import SequenceDataModule  # Lightning, which any task's class has imported.

    unusable = f"task '{card.name}'{entry.owner} cannot be used: its datamodule {card.datamodule}"
    if not (isinstance(datamodule, type) and issubclass(datamodule, SequenceDataModule)):
        raise SeqbenchError(f"{unusable} is no class that extends seqbench.datamodules.base.SequenceDataModule.")
    if lacking := sorted(datamodule.__abstractmethods__):
        raise SeqbenchError(f"{unusable} lacks {', '.join(lacking)}.")
    return datamodule


def build_datamodule(config: RunConfig) -> SequenceDataModule:
    """The task's data alone.

    Raises:
        SeqbenchError: the datamodule refuses its options, or the data is not at hand.
    """
    from seqbench.protocol.batches import Keys  # torch, which ``import_datamodule_class`` has imported.

    datamodule = import_datamodule_class(config.card)
    protocol: dict[str, Any] = {
        "batch_size": config.optim.batch_size,
        "keys": Keys(config.seed, config.card.name, config.card.version),
    }
    if datamodule.streaming:
        protocol["carry_state"] = hasattr(registry.find_entry(registry.ARCHITECTURES, config.arch).load(), "unroll")
    try:
        data: SequenceDataModule = datamodule(**config.task_options, **protocol)
        return data
    except (TypeError, ValueError) as error:
        raise SeqbenchError(f"task '{config.card.name}' refuses its options: {error}.") from error
