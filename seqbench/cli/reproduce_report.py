"""The text that ``seqbench reproduce`` prints: the published table beside ours, commands, counts and notes."""

from __future__ import annotations

from itertools import groupby

from seqbench.cli.text_tables import align_columns
from seqbench.leaderboard import reproduction
from seqbench.leaderboard.board_data import BoardData, PublishedCell
from seqbench.leaderboard.pages import wording
from seqbench.utils.number_format import counted, format_difference, format_four_digits, format_published
from seqbench.utils.visible_text import visible_line

MOST_NAMED = 20
"""Largest number of records that do not count and are named in the report."""


def format_reproduction(data: BoardData) -> str:
    """Return the whole report on a board with published figures."""
    parts = [format_published_table(data), _commands(data), _verdict_counts(data), _notes(data)]
    return "\n\n".join(filter(None, parts))


def format_published_table(data: BoardData) -> str:
    """Return the published table, grouped by its rows: published figure, ours, chance, difference and verdict."""
    lines = [["  architecture", "published", "ours", "seeds", "parameters", "chance", "difference", "verdict"]]
    lines += [_cell_line(cell, data.board.seeds) for cell in data.published]
    head, *rest = align_columns(lines).splitlines()
    text = [head]
    for (name, description), group in groupby(zip(data.published, rest, strict=True), key=lambda pair: _row(pair[0])):
        text += [f"{name}: {description}", *(line for _, line in group)]
    return "\n".join(text)


def _cell_line(cell: PublishedCell, seeds: int) -> list[str]:
    return [
        f"  {visible_line(cell.shown)}",
        format_published(cell.published),
        wording.format_our_figure(cell) or "-",
        f"{cell.seeds}/{seeds}" if cell.ours is not None else "-",
        wording.format_parameters(cell) or "-",
        format_four_digits(cell.chance) or "-",
        format_difference(cell.difference) or "-",
        visible_line(cell.verdict),
    ]


def _row(cell: PublishedCell) -> tuple[str, str]:
    return visible_line(cell.row), wording.row_description(cell)


def _commands(data: BoardData) -> str:
    """Return the commands that run the cells for which we have no figure."""
    commands = dict.fromkeys(cell.command for cell in data.published if cell.ours is None and cell.lacking)
    return "\n".join(["cells without a record:", *(f"  {command}" for command in commands)]) if commands else ""


def _verdict_counts(data: BoardData) -> str:
    counts = reproduction.count_verdicts(data.published)
    total = sum(counts.values())
    texts = (f"{count} {visible_line(verdict)}" for verdict, count in sorted(counts.items(), key=lambda item: -item[1]))
    return f"{counted(total, 'cell')}: {', '.join(texts)}"


def _notes(data: BoardData) -> str:
    """Return the source of the figures, the deviations from its recipe, and the records that do not count."""
    board = data.board
    notes = [f"published: {visible_line(board.source)}"] if board.source else []
    notes.append(wording.statistic_sentence(data.published))
    for task, deviations in wording.deviations_by_task(data.published).items():
        notes.append(f"{task} at tier {board.tier} deviates from the published recipe:")
        notes += [f"  - {deviation}" for deviation in deviations]
    # A copy of a committed record is also excluded, but it needs no note.
    aside = [f"{item.origin}: {item.reason}" for item in data.set_aside if " same run as " not in item.reason]
    aside += [line for cell in data.published for line in cell.aside]
    notes += [f"not counted: {visible_line(line)}" for line in dict.fromkeys(aside[:MOST_NAMED])]
    notes += [f"not counted: {len(aside) - MOST_NAMED} more"] if len(aside) > MOST_NAMED else []
    return "\n".join([*notes, *(f"left out: {visible_line(problem)}" for problem in data.problems)])
