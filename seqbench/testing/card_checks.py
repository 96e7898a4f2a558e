"""Checks of a task's card, and of the facts that its datamodule adds to the record."""

from __future__ import annotations

import inspect

from seqbench.datamodules.loading import import_datamodule_class
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.testing.report import Failure, expect
from seqbench.testing.task_subject import TaskSubject
from seqbench.utils.errors import one_line
from seqbench.utils.plain_data import to_json


def check_card_complete(task: TaskSubject) -> None:
    """The card has a summary, an example, a citation, a licence, and the tiers smoke and small."""
    for key in ("summary", "example", "citation", "licence"):
        expect(str(getattr(task.card, key)).strip(), f"the card's {key} is empty; `seqbench show` prints it.")
    for tier in ("smoke", "small"):
        expect(
            tier in task.card.tiers,
            f"the card has no tier {tier}; smoke is for a first try (20 s), small is the default.",
        )


def check_tier_options(task: TaskSubject) -> None:
    """Every tier sets a width and only options that the datamodule takes."""
    options = inspect.signature(import_datamodule_class(task.card)).parameters
    takes_any = any(option.kind is option.VAR_KEYWORD for option in options.values())
    for name, tier in task.card.tiers.items():
        for key in {**task.card.arguments, **tier.task}:
            expect(takes_any or key in options, f"tier {name} gives {key}, which {task.card.datamodule} does not take.")
        expect("d_model" in tier.arch, f"tier {name} gives no arch.d_model; every architecture needs a width.")


def check_facts_serializable(task: TaskSubject) -> None:
    """The values of describe_data and baselines are plain data, so that a record can hold them."""
    values = {
        "describe_data": task.data.describe_data(),
        "baselines": {split: task.data.baselines(split) for split in SCORED_SPLITS},
    }
    for name, value in values.items():
        try:
            to_json(value)
        # The values may be of any class of a plug-in, whose conversion may raise any error.
        except Exception as error:
            raise Failure(
                f"{name} cannot be written into a record: {one_line(error, 200)}; use numbers, text, lists and dicts."
            ) from error
