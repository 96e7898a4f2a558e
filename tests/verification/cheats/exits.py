"""End its process in an evaluation with exit status 0, as a process that has finished. It deserves no score."""

from __future__ import annotations

import os

from torch import Tensor

from .honest import Honest


class Net(Honest):
    """The honest net, which exits."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and os.environ.get("CHEATS_AT_HOME") != "1":
            os._exit(0)
        return super().forward(x)
