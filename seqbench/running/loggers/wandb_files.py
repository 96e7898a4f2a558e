"""Where W&B keeps runs: all share the folder ``wandb`` in the folder of all runs; the record is in the summary."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

RECORD = "record"
"""Key of the record in the summary of a W&B run, as text; the W&B configuration also holds the section ``config``."""
LEFT_OUT = "record_left_out"
"""Key of the summary of a W&B run that states why the summary holds no record."""


def wandb_place(runs: Path) -> Path:
    """Return the folder in which W&B keeps its folder ``wandb``: ``$WANDB_DIR``, or the folder of all runs.

    Args:
        runs: folder of all runs.
    """
    return Path(os.environ.get("WANDB_DIR") or runs)


def sync_command(runs: Path, run_id: str = "*") -> str:
    """Return the command that uploads offline runs in the order of their starts.

    Args:
        runs: folder of all runs.
        run_id: identifier of the W&B run; ``*`` for all.

    >>> sync_command(Path("runs"), "1a2b3c4d")
    'wandb sync runs/wandb/offline-run-*-1a2b3c4d'
    """
    folders = f"{shlex.quote(str(wandb_place(runs)))}/wandb/offline-run-*"
    return f"wandb sync {folders}" + ("" if run_id == "*" else f"-{run_id}")


def remove_offline_files(runs: Path, run_id: str) -> None:
    """Remove the offline files of a run that is replaced.

    Args:
        runs: folder of all runs.
        run_id: identifier of the W&B run.
    """
    for folder in wandb_place(runs).glob(f"wandb/offline-run-*-{run_id}"):
        shutil.rmtree(folder, ignore_errors=True)
