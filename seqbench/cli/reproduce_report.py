"""What ``seqbench reproduce`` prints: the published table beside ours, commands, counts, notes."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from seqbench.cli.text_tables import align_columns
from seqbench.leaderboard import reproduction
from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.pages import wording
from seqbench.utils import number_format

SHOWN = 20
"""Records that do not count and are named."""

Cell = Mapping[str, Any]


def _plain_cells(data: BoardData) -> list[Cell]:
    cells: Any = data.to_plain()["published"]
    return list(cells)


def format_board(board: Board, data: BoardData) -> str:
    """All of it.

    Args:
        board: its rules.
        data: its data.
    """
    return "\n\n".join(filter(None, [format_rows(data), _commands(data), _counts(data), _notes(board, data)]))


def format_rows(data: BoardData) -> str:
    """The published table, grouped by its rows: published, ours, chance, difference, verdict."""
    cells = data.published
    plain = _plain_cells(data)
    lines = [["  architecture", "published", "ours", "seeds", "parameters", "chance", "difference", "verdict"]]
    for cell, plain_cell in zip(cells, plain, strict=True):
        ours = cell.ours is not None
        lines.append(
            [
                f"  {wording.visible_line(cell.architecture)}",
                number_format.format_published(cell.published),
                wording.format_our_figure(plain_cell) or "-",
                f"{cell.seeds}/{data.board.seeds}" if ours else "-",
                wording.format_parameters(plain_cell) or "-",
                number_format.format_four_digits(cell.chance) or "-",
                number_format.format_difference(cell.difference) or "-",
                wording.visible_line(cell.verdict),
            ]
        )
    head, *rest = align_columns(lines).splitlines()
    shown = [head]
    for (name, what), group in groupby(zip(plain, rest, strict=True), key=lambda pair: _row(pair[0])):
        shown += [f"{name}: {what}", *(line for _, line in group)]
    return "\n".join(shown)


def _row(cell: Cell) -> tuple[str, str]:
    return wording.visible_line(cell["row"]), wording.row_description(cell)


def _commands(data: BoardData) -> str:
    """What would run each cell that has no figure and could have one."""
    commands = dict.fromkeys(c.command for c in data.published if c.ours is None and c.lacking)
    return "\n".join(["cells without a record:", *(f"  {command}" for command in commands)]) if commands else ""


def _counts(data: BoardData) -> str:
    counts = reproduction.count_verdicts(data.published)
    total = sum(counts.values())
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items(), key=lambda item: -item[1]))
    return f"{total} cell{'s' * (total != 1)}: {said}"


def _notes(board: Board, data: BoardData) -> str:
    """Whose figures these are, how the tier departs from their recipe, and which records do not count."""
    notes = [f"published: {wording.visible_line(board.source)}"] if board.source else []
    for task, deviations in wording.deviations_by_task(_plain_cells(data)).items():
        notes.append(f"{task} at tier {board.tier} departs from the published recipe:")
        notes += [f"  - {deviation}" for deviation in deviations]
    aside = [f"{item.origin}: {item.reason}" for item in data.set_aside if " same run as " not in item.reason]
    aside += [line for cell in data.published for line in cell.aside]
    notes += [f"not counted: {wording.visible_line(line)}" for line in dict.fromkeys(aside[:SHOWN])]
    notes += [f"not counted: {len(aside) - SHOWN} more"] if len(aside) > SHOWN else []
    return "\n".join([*notes, *(f"left out: {wording.visible_line(problem)}" for problem in data.problems)])
