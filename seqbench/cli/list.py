"""List the architectures and tasks that are installed."""

from __future__ import annotations

import argparse

from seqbench import cards, registry
from seqbench.cli.tables import aligned
from seqbench.errors import SeqbenchError

KINDS = {"architectures": registry.ARCHITECTURES, "tasks": registry.TASKS}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to list, and whether to try it."""
    parser.add_argument("kind", nargs="?", choices=KINDS, help="only these (default: both)")
    parser.add_argument("--check", action="store_true", help="import each and read each card, and say what fails")


def main(options: argparse.Namespace) -> int:
    """Print names and where they come from; imports nothing unless asked to check."""
    failed = 0
    for kind, group in KINDS.items():
        if options.kind not in (None, kind):
            continue
        rows = []
        for name, entries in registry.entries(group).items():
            state = _check(group, name) if options.check else _about(group, name)
            failed += options.check and state != "ok"
            owners = " AND ".join(f"{entry.distribution} {entry.version}" for entry in entries)
            rows.append((name, owners, state))
        print(f"{kind}:\n{aligned(rows, indent='  ')}")
    return 1 if failed else 0


def _about(group: str, name: str) -> str:
    if group == registry.ARCHITECTURES:
        return ""
    try:
        return cards.summary(name)
    except SeqbenchError as error:
        return f"broken: {error}"


def _check(group: str, name: str) -> str:
    try:
        if group == registry.TASKS:
            cards.load(name)
        else:
            registry.find(group, name).load()
    except SeqbenchError as error:
        return str(error)
    return "ok"
