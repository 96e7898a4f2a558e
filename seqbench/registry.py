"""Names to architectures and tasks, through entry points; listing imports nothing.

Built-ins use the same two groups as a plug-in does: ``seqbench.architectures``, whose values are backbone
classes, and ``seqbench.tasks``, whose values are the packages that hold the task's card.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from seqbench.errors import SeqbenchError, did_you_mean

ARCHITECTURES = "seqbench.architectures"
TASKS = "seqbench.tasks"
_KINDS = {ARCHITECTURES: "architecture", TASKS: "task"}


@dataclass(frozen=True)
class Entry:
    """One registered name and where it comes from.

    ``distribution`` and ``version`` are None for a class given by its path rather than its name.
    """

    name: str
    value: str
    distribution: str | None
    version: str | None

    def load(self) -> Any:
        """Import what the entry names.

        Raises:
            SeqbenchError: the module fails to import, or lacks the attribute.
        """
        module_name, _, attribute = self.value.partition(":")
        source = f" (from {self.distribution} {self.version})" if self.distribution else ""
        try:
            found: Any = importlib.import_module(module_name)
            for part in attribute.split(".") if attribute else ():
                found = getattr(found, part)
        # A stranger's module may raise anything while it is imported; it must break only itself.
        except Exception as error:
            raise SeqbenchError(
                f"'{self.name}'{source} could not be imported from {self.value}: "
                f"{type(error).__name__}: {error}. The rest of seqbench is unaffected."
            ) from error
        return found


@cache
def entries(group: str) -> Mapping[str, tuple[Entry, ...]]:
    """All entries of a group by name, sorted; several where distributions clash. Imports none of them."""
    found: dict[str, dict[str, Entry]] = {}
    for point in _installed().select(group=group):
        distribution = point.dist.name if point.dist else None
        version = point.dist.version if point.dist else None
        entry = Entry(point.name, point.value, distribution, version)
        # The same distribution may be seen twice on sys.path (a checkout and its editable install).
        found.setdefault(point.name, {}).setdefault(str(distribution), entry)
    return {name: tuple(found[name].values()) for name in sorted(found)}


@cache
def _installed() -> Any:
    """Every entry point here: looked up once, because it reads the metadata of all distributions (35 ms)."""
    return entry_points()


def find(group: str, name: str) -> Entry:
    """The one entry of that name; an architecture may also be ``package.module:Class``.

    Raises:
        SeqbenchError: the name is unknown, or two distributions offer it.
    """
    if group == ARCHITECTURES and ":" in name:
        # A class given by path is usually one in the folder the user stands in.
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        return Entry(name, name, None, None)
    known = entries(group)
    kind = _KINDS[group]
    if name not in known:
        if not known:
            raise SeqbenchError(
                f"no {kind} is registered: seqbench itself is not installed in this environment; "
                f"run `pip install .` in its checkout first."
            )
        raise SeqbenchError(f"unknown {kind} '{name}'.{did_you_mean(name, known)}")
    if len(known[name]) > 1:
        owners = " and ".join(f"{e.distribution} {e.version} ({e.value})" for e in known[name])
        raise SeqbenchError(
            f"{kind} '{name}' is offered by {owners}; uninstall one of them, or ask its author for another name."
        )
    return known[name][0]
