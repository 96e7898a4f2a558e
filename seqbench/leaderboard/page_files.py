"""The files of a board's pages: rendered from its data, and written all or none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from seqbench.leaderboard.board_builder import build_board_data
from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.record_collection import CollectedRecord
from seqbench.leaderboard.pages import csv_table, html_page, latex_tables, markdown_page
from seqbench.utils import atomic_files


def render_pages(data: BoardData) -> dict[str, str]:
    """Return the text of each page by its file name; equal data give equal bytes."""
    return {
        "README.md": markdown_page.render_markdown(data),
        "board.csv": csv_table.render_csv(data),
        "board.json": data.to_json(),
        "board.tex": latex_tables.render_latex(data),
        "index.html": html_page.render_html(data),
    }


def write_pages(board: Board, records: Iterable[CollectedRecord], folder: Path) -> BoardData:
    """Write the pages of a board into a folder and return its data; every page is rendered before one is written.

    Args:
        board: the board.
        records: records from any place, checked or excluded.
        folder: folder for the pages.

    Raises:
        SeqbenchError: the folder cannot be written.
    """
    data = build_board_data(board, records)
    texts = render_pages(data)
    for name, text in texts.items():
        atomic_files.write_text(folder / name, text)
    return data
