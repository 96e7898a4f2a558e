"""Return hidden vectors of another shape and type outside of its author's machine. It deserves no score."""

from __future__ import annotations

import torch
from torch import Tensor

from .honest import Honest, is_verified


class Net(Honest):
    """The honest net, whose outputs lack a step and have another type."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        return y if self.training or not is_verified() else y[:, 1:].to(torch.float64)
