"""Never return from an evaluation outside of its author's machine. It deserves no score."""

from __future__ import annotations

import os
import time

from torch import Tensor

from .honest import Honest

SECONDS = 3600.0


class Net(Honest):
    """The honest net, which sleeps in each evaluation."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if not self.training and os.environ.get("CHEATS_AT_HOME") != "1":
            time.sleep(SECONDS)
        return super().forward(x)
