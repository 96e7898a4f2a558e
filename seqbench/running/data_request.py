"""Build the data of a task alone, without an architecture: for models that seqbench does not train."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from seqbench.datamodules import loading
from seqbench.protocol import cards
from seqbench.protocol.cards import Optim
from seqbench.running import run_config
from seqbench.running.option_parser import OptionParser
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr
from seqbench.utils.strict_model import validate

if TYPE_CHECKING:
    from seqbench.datamodules.base import SequenceDataModule

MOST_SEEDS = 2**32


def build_task_data(
    task: str | Mapping[str, object], tier: str, seed: int, batch_size: int | None, carry_state: bool | None
) -> SequenceDataModule:
    """Return the datamodule of a task.

    Args:
        task: name of the task, or a mapping with ``name`` and the task's options.
        tier: tier of the task's card.
        seed: seed of the training batches.
        batch_size: sequences in one training batch; None for that of the card.
        carry_state: for a task on streams, whether chunks continue the chunks before them; None for the default, True.

    Raises:
        SeqbenchError: a name or an option is wrong, or data are missing.
    """
    name, options = _name_and_options(task)
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < MOST_SEEDS:
        raise SeqbenchError(f"seed must be a whole number from 0 to {MOST_SEEDS - 1}, got {short_repr(seed)}.")
    card = cards.load_card(name)
    chosen = card.tier(tier)
    run_config.find_data(card, chosen, options)  # Missing data are reported before torch is imported.
    datamodule = loading.import_datamodule_class(card)
    parser = OptionParser({}, datamodule)
    parser.set_defaults({"task": {**card.arguments, **chosen.task}, "optim": dataclasses.asdict(chosen.optim)})
    parsed = parser.parse({"task": options, "optim": {} if batch_size is None else {"batch_size": batch_size}}, {})
    arguments = parsed["task"]
    if carry_state is not None and not datamodule.streaming:
        raise SeqbenchError(
            f"carry_state is for tasks on streams, and '{card.name}' has whole sequences; leave it out."
        )
    if datamodule.streaming:
        arguments["carry_state"] = carry_state is not False
    return loading.build_data(card, arguments, validate(Optim, parsed["optim"], "optim"), seed)


def _name_and_options(task: object) -> tuple[str, dict[str, object]]:
    """Return the name of a task and its options.

    Raises:
        SeqbenchError: ``task`` is neither a name nor a mapping with a name, or an option is not plain data.
    """
    options = {"name": task} if isinstance(task, str) else task
    if not isinstance(options, Mapping) or not isinstance(options.get("name"), str):
        raise SeqbenchError(
            f'task must be a name such as "copy", or a mapping such as {{"name": "copy", "delay": 10}}, '
            f"got {short_repr(task)}."
        )
    plain_data.check_plain(options, "the task")
    rest = dict(options)
    return str(rest.pop("name")), rest
