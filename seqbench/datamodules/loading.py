"""Import the datamodule class that a card names, and build the datamodule of a run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from seqbench.protocol import registry
from seqbench.protocol.cards import Card, Optim
from seqbench.protocol.config import RunConfig
from seqbench.utils import screen
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    from seqbench.datamodules.base import SequenceDataModule


def import_datamodule_class(card: Card) -> type[SequenceDataModule]:
    """Import and return the datamodule class of a card.

    Raises:
        SeqbenchError: the kind of data is unknown, or its class cannot be imported, does not extend
            ``SequenceDataModule``, or lacks a method.
    """
    entry = registry.find_data_entry(card.name, card.datamodule)
    datamodule: object = entry.load()

    # Imported here because it imports Lightning, which is slow. The class of any task has imported it by now.
    from seqbench.datamodules.base import SequenceDataModule

    problem = f"task '{card.name}'{entry.owner} cannot be used: its datamodule {card.datamodule}"
    if not (isinstance(datamodule, type) and issubclass(datamodule, SequenceDataModule)):
        raise SeqbenchError(f"{problem} is no class that extends seqbench.datamodules.base.SequenceDataModule.")
    if missing := sorted(datamodule.__abstractmethods__):
        raise SeqbenchError(f"{problem} lacks {', '.join(missing)}.")
    return datamodule


def build_datamodule(config: RunConfig, carry_state: bool | None = None) -> SequenceDataModule:
    """Build the datamodule of a run, without a model.

    Args:
        config: configuration of the run.
        carry_state: whether the architecture continues from a state, for a task with streams; None to import the class
            of the architecture, which says it.

    Raises:
        SeqbenchError: the datamodule refuses its options, or the data is not available.
    """
    datamodule = import_datamodule_class(config.card)
    options = dict(config.task_options)
    if datamodule.streaming:
        if carry_state is None:
            carry_state = registry.continues_streams(config.arch_entry.load())
        options["carry_state"] = carry_state
    return build_data(config.card, options, config.optim, config.seed)


def build_data(card: Card, options: Mapping[str, Any], optim: Optim, seed: int) -> SequenceDataModule:
    """Build the datamodule of a card.

    Args:
        card: card of the task.
        options: arguments of the datamodule except ``batch_size`` and ``keys``.
        optim: optimisation, which sets the batch size and the steps between validations.
        seed: seed of the training batches.

    Raises:
        SeqbenchError: the datamodule refuses its options, or the data is not available.
    """
    from seqbench.protocol.batches import Keys  # Imported here, because it imports torch.

    keys = Keys(seed, card.name, card.version)
    try:
        data = import_datamodule_class(card)(batch_size=optim.batch_size, keys=keys, **options)
    except (TypeError, ValueError) as error:
        raise SeqbenchError(f"task '{card.name}' refuses its options: {error}.") from error
    data.validate_every = optim.validate_every
    for note in data.notes:
        _say_once(note, str(options.get("data_dir")))
    return data


@cache
def _say_once(note: str, data_dir: str) -> None:
    """Show how data were read, once in a process for each data folder."""
    screen.warn(f"data: {note}")
