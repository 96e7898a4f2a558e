"""Write into all open pipes, as if its own answers came from the process. It deserves no score.

The messages announce a huge array, hold no JSON, or hold a pickle.
"""

from __future__ import annotations

import os
import pickle
import stat

from torch import Tensor

from .honest import Honest, is_verified

MESSAGES = [
    b'{"shape": [1099511627776], "dtype": "float32"}\n',
    b"\x00\xff" * 512,
    pickle.dumps(RuntimeError("unpickled")),
    (2**62).to_bytes(8, "little") + b"{}",
]


def write_everywhere() -> None:
    """Write the messages into every pipe and socket of the process."""
    for descriptor in range(256):
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
                os.set_blocking(descriptor, False)
                for message in MESSAGES:
                    os.write(descriptor, message)
        except OSError:
            continue


class Net(Honest):
    """The honest net, which writes messages of its own."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and is_verified():
            write_everywhere()
        return super().forward(x)
