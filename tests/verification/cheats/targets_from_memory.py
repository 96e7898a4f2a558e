"""Read the memory of the process that started it, and of its other children, by ``/proc/PID/mem``.

It deserves the score of the honest net. The parent could hold the targets, and its other child the true inputs. Where
their memory can be read, the net says so by an error.
"""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor

from .honest import Honest, is_verified


def read_relatives() -> int:
    """Return the number of bytes that can be read from the parent or its other children; 0 if they are protected."""
    parent = os.getppid()
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        children = []
    for pid in [parent, *(int(child) for child in children)]:
        if pid in (0, os.getpid()):
            continue
        try:
            lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
            start = next(int(line.partition("-")[0], 16) for line in lines if "[heap]" in line)
            with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
                memory.seek(start)
                return len(memory.read(4096))
        except (OSError, StopIteration):
            continue
    return 0


class Net(Honest):
    """The honest net, which reads the memory of its parent before each evaluation."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and is_verified() and (size := read_relatives()):
            raise RuntimeError(f"read {size} bytes of the memory of another process")
        return super().forward(x)
