"""Keep the last step that each logger of a run has stored, so that a resumed run logs no step twice."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from seqbench.protocol import run_folder


def read_logged_step(folder: Path, name: str) -> int:
    """Return the last step that a logger has stored; 0 if there is none.

    Args:
        folder: the run's folder.
        name: name of the logger.
    """
    return _read_steps(folder).get(name, 0)


def write_logged_step(folder: Path, name: str, step: int) -> None:
    """Keep the last step that a logger has stored; an error of the disk is ignored, because the record matters more.

    Args:
        folder: the run's folder.
        name: name of the logger.
        step: optimiser step.
    """
    path = folder / run_folder.LOGGED_STEPS
    temporary = path.with_name(f".{path.name}")
    with contextlib.suppress(OSError):
        temporary.write_text(json.dumps({**_read_steps(folder), name: step}) + "\n", encoding="utf-8")
        temporary.replace(path)


def _read_steps(folder: Path) -> dict[str, int]:
    try:
        data = json.loads((folder / run_folder.LOGGED_STEPS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): step for name, step in data.items() if isinstance(step, int)} if isinstance(data, dict) else {}
