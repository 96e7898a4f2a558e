"""Send what it reads to a server, and listen on an abstract socket. It deserves the score of the honest net.

Where a connection succeeds, it says so by an error.
"""

from __future__ import annotations

import os
import socket

from torch import Tensor

from .honest import Honest, is_verified


def connect() -> str:
    """Return the kind of socket that can be used; empty if none can be."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.bind("\0seqbench-cheats" + str(os.getpid()))
            return "an abstract socket"
    except OSError:
        pass
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as one:
            one.bind(("127.0.0.1", 0))
            one.listen()
            return "a port of this machine"
    except OSError:
        return ""


class Net(Honest):
    """The honest net, which says that it could open a socket."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and is_verified() and (kind := connect()):
            raise RuntimeError(f"opened {kind}")
        return super().forward(x)
