"""The pages of a board: its document in every form, written all or none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from seqbench import disk
from seqbench.leaderboard import document, html, latex, markdown, spreadsheet
from seqbench.leaderboard.board import Board
from seqbench.leaderboard.collect import Aside
from seqbench.leaderboard.entries import Entry
from seqbench.plain import to_json


def pages(made: Mapping[str, Any]) -> dict[str, str]:
    """A document in all its forms, by file name; the same document gives the same bytes."""
    return {
        "README.md": markdown.page(made),
        "board.csv": spreadsheet.table(made),
        "board.json": to_json(made),
        "board.tex": latex.tables(made),
        "index.html": html.page(made),
    }


def build(board: Board, found: Iterable[Entry | Aside], folder: Path) -> dict[str, Any]:
    """Build a board's pages into a folder, and return their document; nothing is written unless all can be made.

    Raises:
        SeqbenchError: the folder cannot be written.
    """
    made = document.make(board, found)
    texts = pages(made)
    for name, text in texts.items():
        disk.write_text(folder / name, text)
    return made
