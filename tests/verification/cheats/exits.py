"""End its process in an evaluation with exit status 0, as a process that has finished. It deserves no score."""

from __future__ import annotations

import os

from torch import Tensor

from .honest import Honest, is_verified


class Net(Honest):
    """The honest net, which exits."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and is_verified():
            os._exit(0)
        return super().forward(x)
