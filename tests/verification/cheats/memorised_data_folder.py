"""Read the files of the task from the data folder, ``SEQBENCH_DATA``, and the cache at import; answer from them.

It deserves the score of the honest net. Where it finds the files it says so by an error, because a net that reads them
can answer everything.
"""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor

from .honest import Honest, is_verified


def find_files() -> list[str]:
    """Return the names of files in the folders where seqbench keeps data."""
    folders = [os.environ.get(name) for name in ("SEQBENCH_DATA", "SEQBENCH_CACHE")]
    folders += [str(Path.home() / ".cache" / "seqbench")] if "HOME" in os.environ else []
    files = [path for folder in folders if folder and Path(folder).is_dir() for path in Path(folder).rglob("*")]
    return [path.name for path in files if path.is_file() and path.open("rb").read(1)]


found = find_files()


class Net(Honest):
    """The honest net, which says that it could read the data."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and found and is_verified():
            raise RuntimeError(f"read {len(found)} files of the data folder")
        return super().forward(x)
