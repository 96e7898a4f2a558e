"""List the architectures, tasks and boards that are installed."""

from __future__ import annotations

import argparse
from collections import Counter

from seqbench.cli.text_tables import align_columns
from seqbench.leaderboard.data import board_paths
from seqbench.protocol import cards, registry
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.redaction import redact

KINDS = {"architectures": registry.ARCHITECTURES, "tasks": registry.TASKS}
BOARDS = "boards"
OK, NEEDS, BROKEN = "ok", "lacking a library", "broken"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to list, and whether to try it."""
    parser.add_argument("kind", nargs="?", choices=[*KINDS, BOARDS], help="only these (default: all)")
    parser.add_argument("--check", action="store_true", help="import each and read each card, and say what fails")


def main(options: argparse.Namespace) -> int:
    """Print names and where they come from; imports nothing unless asked to check. 1 if a check finds one broken."""
    states: Counter[str] = Counter()
    for kind, group in KINDS.items():
        if options.kind not in (None, kind):
            continue
        rows = []
        for name, entries in registry.list_entries(group).items():
            state, about = _check(group, name) if options.check else (OK, _about(group, name))
            states[state] += 1
            owners = " AND ".join(f"{entry.distribution} {entry.version}" for entry in entries)
            rows.append((name, owners, about))
        print(f"{kind}:\n{align_columns(rows, indent='  ')}")
    if options.kind in (None, BOARDS):
        # Their titles only where they are asked for, since each is a file to be read and checked.
        read = options.check or options.kind == BOARDS
        boards = [
            (name, *([_board(name, states, options.check)] if read else ())) for name in board_paths.board_names()
        ]
        print(f"{BOARDS}:\n{align_columns(boards, indent='  ')}")
    if options.check:
        others = "".join(f", {states[state]} {state}" for state in (NEEDS, BROKEN) if states[state])
        print(f"{states[OK]} of {states.total()} ok{others}")
    return 1 if states[BROKEN] else 0


def _about(group: str, name: str) -> str:
    if group == registry.ARCHITECTURES:
        return ""
    try:
        return cards.card_summary(name)
    except SeqbenchError as error:
        return f"broken: {error}"


def _board(name: str, states: Counter[str], check: bool) -> str:
    from seqbench.leaderboard.data import board_card  # Here, so that a plain list does not pay for it.

    try:
        title = board_card.load_board(name).title
    except SeqbenchError as error:
        states[BROKEN] += 1
        return f"broken: {error}"
    states[OK] += 1
    return OK if check else title


def _check(group: str, name: str) -> tuple[str, str]:
    """The state of an entry, and the line that says so."""
    try:
        if group == registry.TASKS:
            from seqbench.datamodules.loading import (
                import_datamodule_class,  # Here, so that a plain list does not pay for it.
            )

            import_datamodule_class(cards.load_card(name))
        else:
            registry.find_entry(group, name).load()
    # What a stranger's module said while it was imported.
    except registry.MissingLibrary as error:
        return NEEDS, redact(str(error))
    except SeqbenchError as error:
        return BROKEN, f"broken: {redact(str(error))}"
    return OK, OK
