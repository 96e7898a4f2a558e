"""Add a millionth of the next input to one large output. It deserves the score of a net without the next input.

A comparison of hidden vectors relative to the largest one takes the change for rounding. The head of its checkpoint
multiplies it by a million.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .honest import ForwardOnly, next_step

AMOUNT = 1e-6


class Net(ForwardOnly):
    """Returns the next input divided by a million, beside one output that is always 1.

    In training the next input has its full size, and the tests multiply the head of the checkpoint afterwards.
    """

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = next_step(x) * (1.0 if self.training else AMOUNT) + 0 * super().forward(x)
        one = torch.ones_like(y[..., :1])
        return torch.cat([one, y[..., 1:]], dim=-1)
