"""What ``seqbench reproduce`` prints: the published table beside ours, commands, counts, notes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from seqbench.cli.text_tables import align_columns
from seqbench.leaderboard import reproduction
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.pages import wording

SHOWN = 20
"""Records that do not count and are named."""

Cell = Mapping[str, Any]


def format_board(board: Board, made: Mapping[str, Any]) -> str:
    """All of it.

    Args:
        board: its rules.
        made: of ``document.make``.
    """
    return "\n\n".join(filter(None, [format_rows(made), _commands(made), _counts(made), _notes(board, made)]))


def format_rows(made: Mapping[str, Any]) -> str:
    """The published table, grouped by its rows: published, ours, chance, difference, verdict."""
    cells = made["published"]
    lines = [["  architecture", "published", "ours", "seeds", "parameters", "chance", "difference", "verdict"]]
    for cell in cells:
        ours = cell["ours"] is not None
        lines.append(
            [
                f"  {wording.one_line(cell['architecture'])}",
                wording.given(cell["published"]),
                wording.ours(cell) or "-",
                f"{cell['seeds']}/{made['board']['seeds']}" if ours else "-",
                wording.parameters(cell) or "-",
                wording.figure(cell["chance"]) or "-",
                wording.signed(cell["difference"]) or "-",
                wording.one_line(cell["verdict"]),
            ]
        )
    head, *rest = align_columns(lines).splitlines()
    shown = [head]
    for (name, what), group in groupby(zip(cells, rest, strict=True), key=lambda pair: _row(pair[0])):
        shown += [f"{name}: {what}", *(line for _, line in group)]
    return "\n".join(shown)


def _row(cell: Cell) -> tuple[str, str]:
    return wording.one_line(cell["row"]), wording.cell_task(cell)


def _commands(made: Mapping[str, Any]) -> str:
    """What would run each cell that has no figure and could have one."""
    commands = dict.fromkeys(c["command"] for c in made["published"] if c["ours"] is None and c["lacking"])
    return "\n".join(["cells without a record:", *(f"  {command}" for command in commands)]) if commands else ""


def _counts(made: Mapping[str, Any]) -> str:
    counts = reproduction.verdicts(made["published"])
    total = sum(counts.values())
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items(), key=lambda item: -item[1]))
    return f"{total} cell{'s' * (total != 1)}: {said}"


def _notes(board: Board, made: Mapping[str, Any]) -> str:
    """Whose figures these are, how the tier departs from their recipe, and which records do not count."""
    notes = [f"published: {wording.one_line(board.source)}"] if board.source else []
    for task, deviations in wording.deviations(made["published"]).items():
        notes.append(f"{task} at tier {board.tier} departs from the published recipe:")
        notes += [f"  - {deviation}" for deviation in deviations]
    aside = [
        f"{item['origin']}: {item['reason']}" for item in made["set_aside"] if " same run as " not in item["reason"]
    ]
    aside += [line for cell in made["published"] for line in cell["aside"]]
    notes += [f"not counted: {wording.one_line(line)}" for line in dict.fromkeys(aside[:SHOWN])]
    notes += [f"not counted: {len(aside) - SHOWN} more"] if len(aside) > SHOWN else []
    return "\n".join([*notes, *(f"left out: {wording.one_line(problem)}" for problem in made["problems"])])
