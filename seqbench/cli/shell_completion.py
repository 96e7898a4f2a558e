"""Completion of option values by the shell, through argcomplete."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from seqbench.cli.dotted_options import list_dotted_options
from seqbench.protocol import registry


def complete_with(action: argparse.Action, list_values: Callable[[], Sequence[str]], several: bool = False) -> None:
    """Let the shell complete the values of an option or argument.

    Args:
        action: the option or argument, as ``add_argument`` returned it.
        list_values: returns all values; called only when a shell asks.
        several: whether the option takes several values that are separated by commas.
    """

    def complete(prefix: str = "", **_: object) -> list[str]:
        earlier, comma, _last = prefix.rpartition(",")
        if not (several and comma):
            return list(list_values())
        given = earlier.split(",")
        return [f"{earlier},{value}" for value in list_values() if value not in given]

    # argcomplete reads this attribute, which argparse does not declare.
    action.completer = complete  # type: ignore[attr-defined]


def add_dotted_options(parser: argparse.ArgumentParser, line: str) -> None:
    """Add the options with a dot to the commands ``run`` and ``sweep``, so that the shell completes them.

    Args:
        parser: parser of all commands.
        line: the command line so far, which may name an architecture and a task.
    """
    commands = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    for name in ("run", "sweep"):
        for option in list_dotted_options(line.split()):
            commands.choices[name].add_argument(option)


def list_architectures() -> list[str]:
    """Return the names of all registered architectures."""
    return list(registry.list_entries(registry.ARCHITECTURES))


def list_tasks() -> list[str]:
    """Return the names of all registered tasks."""
    return list(registry.list_entries(registry.TASKS))


def list_architectures_and_tasks() -> list[str]:
    """Return the names of all registered architectures, followed by those of all tasks."""
    return [*list_architectures(), *list_tasks()]
