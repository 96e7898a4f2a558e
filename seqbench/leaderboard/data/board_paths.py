"""Where boards and their records lie; looked up without reading any of them."""

from __future__ import annotations

from pathlib import Path

RESULTS = "results"
"""The folder of a board's committed records, in that of its pages."""
WANDB = "wandb:"
"""What a place begins with that is a project of Weights & Biases."""


def boards_folder() -> Path:
    """The folder of the boards, their records and pages: in the installed package, else beside it in the checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "_data" / "leaderboards"
    return installed if installed.is_dir() else package.parent / "leaderboards"


def board_names() -> list[str]:
    """The boards that come with seqbench, sorted."""
    return sorted(path.stem for path in boards_folder().glob("*.yaml"))
