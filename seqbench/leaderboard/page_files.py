"""The pages of a board: its document in every form, written all or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seqbench.leaderboard import board_builder
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from seqbench.leaderboard.pages import csv_table, html_page, latex_tables, markdown_page
from seqbench.utils import atomic_files
from seqbench.utils.plain_data import to_json


def render_pages(made: Mapping[str, Any]) -> dict[str, str]:
    """A document in all its forms, by file name; the same document gives the same bytes."""
    return {
        "README.md": markdown_page.render_markdown(made),
        "board.csv": csv_table.render_csv(made),
        "board.json": to_json(made),
        "board.tex": latex_tables.render_latex(made),
        "index.html": html_page.render_html(made),
    }


def write_pages(board: Board, found: Iterable[CheckedRecord | ExcludedRecord], folder: Path) -> dict[str, Any]:
    """Build a board's pages into a folder, and return their document; nothing is written unless all can be made.

    Raises:
        SeqbenchError: the folder cannot be written.
    """
    made = board_builder.build_board_data(board, found)
    texts = render_pages(made)
    for name, text in texts.items():
        atomic_files.write_text(folder / name, text)
    return made
