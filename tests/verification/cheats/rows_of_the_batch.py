"""Read the next row of the batch: windows of a text follow each other, so it holds the next character.

It deserves the score of a net that reads its own row only.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .honest import ForwardOnly


class Net(ForwardOnly):
    """Adds the mean of the other rows of the batch."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        return y + torch.roll(x, -1, 0).mean(1, keepdim=True) + x.mean((0, 1), keepdim=True)
