"""Paths of boards and of their records; no file is read."""

from __future__ import annotations

from pathlib import Path

ROOT = "leaderboards"
"""Name of the folder of boards in a clone of the repository."""
RESULTS = "results"
"""Name of the folder that holds a board's committed records, beside its pages."""
WANDB = "wandb:"
"""Prefix of a place that is a project of Weights & Biases."""


def boards_folder() -> Path:
    """Return the folder of the boards, their records and pages: in the installed package, else in the checkout."""
    package = Path(__file__).resolve().parents[2]
    installed = package / "_data" / ROOT
    return installed if installed.is_dir() else package.parent / ROOT


def board_names() -> list[str]:
    """Return the sorted names of the boards of seqbench."""
    return sorted(path.stem for path in boards_folder().glob("*.yaml"))
