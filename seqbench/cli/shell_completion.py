"""Completion of option values by the shell, through argcomplete."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from seqbench.protocol import registry


def complete_with(action: argparse.Action, list_values: Callable[[], Sequence[str]]) -> None:
    """Let the shell complete the values of an option or argument.

    Args:
        action: the option or argument, as ``add_argument`` returned it.
        list_values: returns all values; called only when a shell asks.
    """
    # argcomplete reads this attribute, which argparse does not declare.
    action.completer = lambda **_: list_values()  # type: ignore[attr-defined]


def list_architectures() -> list[str]:
    """Return the names of all registered architectures."""
    return list(registry.list_entries(registry.ARCHITECTURES))


def list_tasks() -> list[str]:
    """Return the names of all registered tasks."""
    return list(registry.list_entries(registry.TASKS))


def list_architectures_and_tasks() -> list[str]:
    """Return the names of all registered architectures, followed by those of all tasks."""
    return [*list_architectures(), *list_tasks()]
