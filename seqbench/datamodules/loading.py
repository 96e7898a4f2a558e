"""Import the datamodule class that a card names, and build the datamodule of a run."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from seqbench.protocol import registry
from seqbench.protocol.cards import Card
from seqbench.protocol.config import RunConfig
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    from seqbench.datamodules.base import SequenceDataModule


def import_datamodule_class(card: Card) -> type[SequenceDataModule]:
    """Import and return the datamodule class of a card.

    Raises:
        SeqbenchError: the class cannot be imported, does not extend ``SequenceDataModule``, or lacks a method.
    """
    # Errors name the distribution of the card; a card that is not installed has none.
    entries = registry.list_entries(registry.TASKS).get(card.name) or (registry.Entry(card.name, "", None, None),)
    entry = dataclasses.replace(entries[0], value=card.datamodule)
    datamodule: object = entry.load()

    # Imported here because it imports Lightning, which is slow. The class of any task has imported it by now.
    from seqbench.datamodules.base import SequenceDataModule

    problem = f"task '{card.name}'{entry.owner} cannot be used: its datamodule {card.datamodule}"
    if not (isinstance(datamodule, type) and issubclass(datamodule, SequenceDataModule)):
        raise SeqbenchError(f"{problem} is no class that extends seqbench.datamodules.base.SequenceDataModule.")
    if missing := sorted(datamodule.__abstractmethods__):
        raise SeqbenchError(f"{problem} lacks {', '.join(missing)}.")
    return datamodule


def build_datamodule(config: RunConfig) -> SequenceDataModule:
    """Build the datamodule of a run, without a model.

    Raises:
        SeqbenchError: the datamodule refuses its options, or the data is not available.
    """
    from seqbench.protocol.batches import Keys  # Imported here, because it imports torch.

    datamodule = import_datamodule_class(config.card)
    streaming_options = {}
    if datamodule.streaming:
        streaming_options["carry_state"] = hasattr(config.arch_entry.load(), "unroll")
    keys = Keys(config.seed, config.card.name, config.card.version)
    try:
        return datamodule(batch_size=config.optim.batch_size, keys=keys, **config.task_options, **streaming_options)
    except (TypeError, ValueError) as error:
        raise SeqbenchError(f"task '{config.card.name}' refuses its options: {error}.") from error
