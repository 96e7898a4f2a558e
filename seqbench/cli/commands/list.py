"""List the architectures, tasks and leaderboards that are installed, or the runs in a folder."""

from __future__ import annotations

import argparse
from collections import Counter

from seqbench.cli import runs_table
from seqbench.cli.text_tables import align_columns
from seqbench.leaderboard.data import board_paths
from seqbench.protocol import card_lookup, class_outline, registry
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.redaction import redact

KINDS = {"architectures": registry.ARCHITECTURES, "tasks": registry.TASKS}
BOARDS, RUNS = "boards", "runs"
OK, NEEDS_LIBRARY, BROKEN = "ok", "lacking a library", "broken"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench list`` to its parser."""
    parser.add_argument(
        "kind", nargs="?", choices=[*KINDS, BOARDS, RUNS], help="list this kind (default: all but runs)"
    )
    runs_table.add_arguments(parser)
    parser.add_argument(
        "--check",
        action="store_true",
        help="import each architecture and task, read each card, and report errors (default: off)",
    )


def main(options: argparse.Namespace) -> int:
    """Print the names and where they come from; nothing is imported unless ``--check`` is given.

    Returns:
        1 if an entry is broken, else 0.
    """
    if options.kind == RUNS:
        return runs_table.print_runs(options)
    runs_table.check_options(options)
    states: Counter[str] = Counter()
    for kind, group in KINDS.items():
        if options.kind not in (None, kind):
            continue
        rows = []
        for name, entries in registry.list_entries(group).items():
            state, description = _check_entry(group, name) if options.check else (OK, _describe_entry(group, name))
            states[state] += 1
            owners = " AND ".join(f"{entry.distribution} {entry.version}" for entry in entries)
            rows.append((name, owners, description))
        print(f"{kind}:\n{align_columns(rows, indent='  ')}")
    if options.kind in (None, BOARDS):
        # A plain list does not show the titles of the boards: each is in a file that must be read and checked.
        with_titles = options.check or options.kind == BOARDS
        boards = [
            (name, *([_describe_board(name, states, options.check)] if with_titles else ()))
            for name in board_paths.board_names()
        ]
        print(f"{BOARDS}:\n{align_columns(boards, indent='  ')}")
    if options.check:
        others = "".join(f", {states[state]} {state}" for state in (NEEDS_LIBRARY, BROKEN) if states[state])
        print(f"{states[OK]} of {states.total()} ok{others}")
    return 1 if states[BROKEN] else 0


def _describe_entry(group: str, name: str) -> str:
    """Return the summary of a task's card, or the first sentence on the class of an architecture."""
    if group == registry.ARCHITECTURES:
        return class_outline.read_summary(registry.list_entries(group)[name][0])
    try:
        return card_lookup.card_summary(name)
    except SeqbenchError as error:
        return f"broken: {error}"


def _describe_board(name: str, states: Counter[str], check: bool) -> str:
    """Return the title of a board, or ``ok`` for a check, or its error; count its state."""
    from seqbench.leaderboard.data import board_card  # Not needed for a plain list.

    try:
        title = board_card.load_board(name).title
    except SeqbenchError as error:
        states[BROKEN] += 1
        return f"broken: {error}"
    states[OK] += 1
    return OK if check else title


def _check_entry(group: str, name: str) -> tuple[str, str]:
    """Import an entry; return its state and a description of the state."""
    try:
        if group == registry.TASKS:
            # Not needed for a plain list.
            from seqbench.datamodules.loading import import_datamodule_class
            from seqbench.protocol import cards

            import_datamodule_class(cards.load_card(name))
        else:
            registry.find_entry(group, name).load()
    # The messages may quote what the module of a plug-in raised, so secrets are removed.
    except registry.MissingLibrary as error:
        return NEEDS_LIBRARY, redact(str(error))
    except SeqbenchError as error:
        return BROKEN, f"broken: {redact(str(error))}"
    return OK, OK
