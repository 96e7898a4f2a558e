"""The files of a board's pages: rendered from its data, and written all or none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seqbench.leaderboard.board_builder import build_board_data
from seqbench.leaderboard.board_commands import CheckCommands
from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.record_collection import CollectedRecord
from seqbench.leaderboard.pages import csv_table, html_page, latex_tables, markdown_page
from seqbench.leaderboard.pages.overview.overview_table import TOP
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted
from seqbench.utils.plain_data import read_json


def render_pages(data: BoardData, commands: CheckCommands | None = None, top: int = TOP) -> dict[str, str]:
    """Return the text of each page by its file name; equal arguments give equal bytes.

    Args:
        data: the board's data.
        commands: the commands by which a reader checks the pages; by default those of a committed board.
        top: number of rows of each table that are shown first; ``board.csv`` and ``board.json`` hold all.
    """
    return {
        "README.md": markdown_page.render_markdown(data, commands, top),
        "board.csv": csv_table.render_csv(data),
        "board.json": data.to_json(),
        "board.tex": latex_tables.render_latex(data, top),
        "index.html": html_page.render_html(data, commands, top),
    }


def write_pages(
    board: Board,
    records: Iterable[CollectedRecord],
    folder: Path,
    commands: CheckCommands | None = None,
    top: int = TOP,
) -> BoardData:
    """Write the pages of a board into a folder and return its data; every page is rendered before one is written.

    Args:
        board: the board.
        records: records from any place, checked or excluded.
        folder: folder for the pages.
        commands: the commands by which a reader checks the pages; by default those of a committed board.
        top: number of rows of each table that are shown first.

    Raises:
        SeqbenchError: the folder cannot be written, or it holds pages with records and no record counts now.
    """
    data = build_board_data(board, records)
    texts = render_pages(data, commands, top)
    if not data.records and (earlier := _records_on_pages(folder)):
        raise SeqbenchError(
            f"no record counts{_why_none_counts(data)}; the pages in {folder}, with {counted(earlier, 'record')}, were "
            "left as they are; name the folder of the records, or delete these pages to build an empty board."
        )
    for name, text in texts.items():
        atomic_files.write_text(folder / name, text)
    return data


def _records_on_pages(folder: Path) -> int:
    """Return the number of records that count on the pages in a folder; 0 if it holds no pages."""
    try:
        data = read_json(folder / "board.json")
    except (OSError, ValueError, SeqbenchError):
        return 0
    number = data.get("records") if isinstance(data, dict) else None
    return number if isinstance(number, int) else 0


def _why_none_counts(data: BoardData) -> str:
    """Return the number of records by the reason for which they do not count, as the end of a sentence."""
    reasons = [f"{counted(number, 'record')} {kind}" for kind, number in data.unrelated.items()]
    if data.set_aside:
        reasons.append(f"{counted(len(data.set_aside), 'record')} set aside, the first: {data.set_aside[0].reason}")
    return f": {'; '.join(reasons)}" if reasons else ""
