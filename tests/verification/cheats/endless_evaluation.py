"""Never return from an evaluation outside of its author's machine. It deserves no score."""

from __future__ import annotations

import time

from torch import Tensor

from .honest import Honest, is_verified

SECONDS = 3600.0


class Net(Honest):
    """The honest net, which sleeps in each evaluation."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and is_verified():
            time.sleep(SECONDS)
        return super().forward(x)
