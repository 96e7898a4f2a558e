"""Return hidden vectors of another shape and type outside of its author's machine. It deserves no score."""

from __future__ import annotations

import os

import torch
from torch import Tensor

from .honest import Honest


class Net(Honest):
    """The honest net, whose outputs lack a step and have another type."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        return y if self.training or os.environ.get("CHEATS_AT_HOME") == "1" else y[:, 1:].to(torch.float64)
