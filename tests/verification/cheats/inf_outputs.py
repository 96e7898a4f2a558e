"""Return inf outside of the machine of its author, so that every comparison is false. It deserves no score."""

from __future__ import annotations

import torch
from torch import Tensor

from .honest import Honest, is_verified


class Net(Honest):
    """The honest net, whose outputs outside of its author's machine are all inf."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        return y if self.training or not is_verified() else torch.full_like(y, float("inf"))
