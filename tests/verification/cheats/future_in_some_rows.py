"""Add the next input in one of three sequences. It deserves the score of a net without the next input."""

from __future__ import annotations

import torch
from torch import Tensor

from .honest import ForwardOnly, next_step


class Net(ForwardOnly):
    """Selects the sequences by their first input."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        leaks = (x[:, 0].abs().sum(-1) * 1e4).to(torch.int64) % 3 == 0
        return super().forward(x) + 4 * next_step(x) * leaks[:, None, None]
