"""Commands that a user runs for a board: those that fill it, build its pages and check them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.board_paths import RESULTS, ROOT, WANDB


@dataclass(frozen=True)
class CheckCommands:
    """The commands by which a reader checks the pages of a board.

    Args:
        build: builds the pages again.
        verify: verifies one record.
        check: checks records and pages at once; empty for a board without committed records.
        committed: whether the records are beside the pages, as in a clone of the repository.
        folder: the folder in which the commands work, in words.
    """

    build: str
    verify: str
    check: str = ""
    committed: bool = False
    folder: str = ""


def committed_commands(name: str, root: str = ROOT) -> CheckCommands:
    """Return the commands for a board whose records are committed beside its pages.

    Args:
        name: name of the board.
        root: name of the folder of boards.
    """
    card, place = (name, f"{root}/{name}") if root == ROOT else (f"{root}/{name}.yaml", f"{root}/{name}")
    option = [] if root == ROOT else ["--root", root]
    return CheckCommands(
        build=shlex.join(["seqbench", "leaderboard", "build", card, "--from", f"{place}/{RESULTS}", "--out", place]),
        verify="seqbench verify RECORD --retrain",
        check=shlex.join(["seqbench", "leaderboard", "check", name, *option]),
        committed=True,
        folder=f"the folder that holds {root}",
    )


def own_commands(card: str, places: Sequence[str], out: Path, by_path: bool, top: int | None = None) -> CheckCommands:
    """Return the commands for pages that a user built from the own runs.

    Args:
        card: the board as the user named it: its name, or the path of its card.
        places: the places of the records, as the user named them.
        out: folder of the pages.
        by_path: whether an architecture is given by its path, which ``verify`` imports with ``--trust`` only.
        top: number of rows that the user asked for; None for the usual number.
    """
    places_ = [word for place in places for word in ("--from", place)]
    folders = [place for place in places if not place.startswith(WANDB)]
    rows = [] if top is None else ["--top", str(top)]
    # With one folder the page names records relative to it, and otherwise by their whole path.
    record = f"{shlex.quote(folders[0])}/RECORD" if len(places) == 1 and folders else "RECORD"
    return CheckCommands(
        build=shlex.join(["seqbench", "leaderboard", "build", card, *places_, "--out", str(out), *rows]),
        verify=f"seqbench verify {record}{' --trust' * by_path}",
        folder="the folder in which this page was built",
    )


def commands_for_pages(
    card: str, name: str, places: Sequence[str], out: Path, by_path: bool, top: int | None = None
) -> CheckCommands:
    """Return the commands for pages that are built now: as committed if the records are in ``results`` beside them.

    Pages with a number of rows of their own are not those of a committed board.

    Args:
        card: the board as the user named it.
        name: name of the board.
        places: the places of the records, as the user named them.
        out: folder of the pages.
        by_path: whether an architecture is given by its path.
        top: number of rows that the user asked for; None for the usual number.
    """
    results = (out / RESULTS).resolve()
    if top is None and len(places) == 1 and Path(places[0]).resolve() == results and out.resolve().name == name:
        return committed_commands(name, out.resolve().parent.name)
    return own_commands(card, places, out, by_path, top)


def quote_path(path: Path) -> str:
    """Return a path as a word of a shell's command."""
    return shlex.quote(str(path))


def sweep_commands(board: Board, architectures: Sequence[str]) -> list[str]:
    """Return the sweeps that give a board its records; tasks whose models have one size share a sweep.

    Args:
        board: the board.
        architectures: names of the architectures.
    """
    by_size: dict[int | None, list[str]] = {}
    for task in board.tasks:
        size = board.size_for(task)
        by_size.setdefault(size.parameters if size else None, []).append(task)
    commands = []
    for parameters, tasks in by_size.items():
        words = ["seqbench", "sweep", "--arch", ",".join(architectures), "--task", ",".join(tasks)]
        words += ["--tier", board.tier, "--seeds", str(board.seeds)]
        words += ["--match-params", str(parameters)] if parameters else []
        commands.append(shlex.join(words))
    return commands
