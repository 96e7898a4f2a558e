"""Run the command line and log which files it changes: ``python -m tests.spy run ...`` writes logs into ``$SPY``."""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path

from seqbench.cli.main import main
from seqbench.utils import ranks

CHANGING_EVENTS = (
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir"),
    *("os.truncate", "os.link", "os.symlink", "shutil.rmtree"),
)
"""Audit events of Python that change the file system, beside opening a file for writing."""

changes: list[str] = []
"""Lines of audit event and path, separated by a tab."""


def log_change(event: str, details: tuple[object, ...]) -> None:
    """Log an audit event that changes the file system."""
    path = details[0] if details else None
    if event in CHANGING_EVENTS and isinstance(path, str | os.PathLike):
        changes.append(f"{event}\t{os.fspath(path)}")
    elif event == "open" and isinstance(path, str):
        flags = details[2]
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            changes.append(f"{event}\t{path}")


if __name__ == "__main__":
    # One file for each process: the process that only starts the others must not overwrite their logs.
    log = Path(os.environ["SPY"], f"{ranks.process_rank()}-{os.getpid()}")
    atexit.register(lambda: log.write_text("\n".join(changes), encoding="utf-8"))
    sys.addaudithook(log_change)
    sys.exit(main())
