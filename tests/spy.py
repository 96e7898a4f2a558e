"""The command line in a process that notes what it writes: ``python -m tests.spy run ...``, notes in ``$SPY``."""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path
from typing import Any

from seqbench.cli.main import main
from seqbench.utils import ranks

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "shutil.rmtree")
noted: list[str] = []


def listen(event: str, details: tuple[Any, ...]) -> None:
    if event in CHANGES:
        noted.append(f"{event}\t{os.fspath(details[0])}")
    elif event == "open" and isinstance(details[0], str) and details[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        noted.append(f"{event}\t{details[0]}")


if __name__ == "__main__":
    # By rank and process: one that only starts the others must not hide what they did.
    book = Path(os.environ["SPY"], f"{ranks.process_rank()}-{os.getpid()}")
    atexit.register(lambda: book.write_text("\n".join(noted), encoding="utf-8"))
    sys.addaudithook(listen)
    sys.exit(main())
