"""Write the inputs to a file, for a second process that gets altered ones. It deserves the score without the file.

The first process leaves what it has read in shared places; where the second one finds it, it knows the true future.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from pathlib import Path

from torch import Tensor

from .honest import Honest, is_verified

OWN = secrets.token_hex(8)
NAME = "seqbench-cheats-" + hashlib.sha256(__file__.encode()).hexdigest()[:16]
PLACES = [Path("/dev/shm"), Path("/tmp"), Path("/var/tmp"), Path(tempfile.gettempdir()), Path(__file__).parent]


def leave(text: str) -> list[str]:
    """Write a text to each shared place, and return the texts of other processes that were there."""
    others = []
    for place in PLACES:
        file = place / NAME
        try:
            if file.is_file() and (found := file.read_text()) != text:
                others.append(found)
            file.write_text(text)
        except OSError:
            continue
    return others


class Net(Honest):
    """The honest net, which says that it found what another process has left."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and is_verified():
            others = leave(OWN)
            if others:
                raise RuntimeError(f"found a file of another process in {len(others)} places")
        return super().forward(x)
