"""Fork a child with a session of its own, which outlives the verification. It deserves the score of the honest net."""

from __future__ import annotations

import contextlib
import os
import time

from torch import Tensor

from .honest import Honest, is_verified

LIFETIME = 60.0
NAME = "cheats-child"


def fork_child() -> None:
    """Start a process that sleeps in a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open("/proc/self/comm", "w") as name:  # noqa: PTH123
                name.write(NAME)
            time.sleep(LIFETIME)
        os._exit(0)


class Net(Honest):
    """The honest net, which starts a child once."""

    started = False

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and not Net.started and is_verified():
            Net.started = True
            with contextlib.suppress(OSError):
                fork_child()
        return super().forward(x)
