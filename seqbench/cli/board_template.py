"""A card for a board of your own, written from a template with comments."""

from __future__ import annotations

import os
from pathlib import Path
from string import Template

from seqbench.leaderboard.data import board_card, board_paths
from seqbench.leaderboard.data.board_card import Board
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError

TEMPLATE = Path(__file__).parent / "plugin_templates" / "board" / "NAME.yaml.txt"


def write_board_card(name: str, folder: Path) -> tuple[Path, Board]:
    """Write the card of a new board, and return its path and its rules.

    Args:
        name: name of the board, of its card and of its folder of pages.
        folder: existing folder for the card.

    Raises:
        SeqbenchError: the name is invalid or taken, the card exists, or the folder does not exist.
    """
    if not board_card.NAME.fullmatch(name) or name.startswith("seqbench"):
        raise SeqbenchError(
            f"'{name}' cannot name a board; use letters, digits, dots, dashes and underscores, as in my-board."
        )
    if name in board_paths.board_names():
        raise SeqbenchError(f"there is a board '{name}' already (from seqbench); choose another name.")
    if not folder.is_dir():
        raise SeqbenchError(f"there is no folder {folder}; create it first, or choose another --folder.")
    path = folder / f"{name}.yaml"
    if os.path.lexists(path):
        raise SeqbenchError(f"{path} exists already and was not changed; choose another name or --folder.")
    text = Template(TEMPLATE.read_text(encoding="utf-8")).substitute(name=name)
    atomic_files.write_text(path, text)
    return path, board_card.load_board(str(path))


def next_commands(path: Path, board: Board) -> list[str]:
    """Return what a user does after a card is written, one line for each step."""
    from seqbench.leaderboard import board_commands

    card = board_commands.quote_path(path)
    return [
        *board_commands.sweep_commands(board, ["gru", "lstm"]),
        f"seqbench leaderboard build {card}",
        f"open {Path('boards', board.name, 'index.html')} in a browser",
    ]
