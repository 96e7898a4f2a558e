"""Backbones of strangers, for tests: some plain, some broken on purpose."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Window(nn.Module):
    """Causal and without ``unroll``: each step sees the mean of all before it."""

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * d_model, d_model)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        steps = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        return torch.tanh(self.linear(torch.cat([x, x.cumsum(1) / steps], -1)))


class Exploding(Window):
    """Its loss is NaN from the given training step on."""

    def __init__(self, d_model: int, after: int = 30) -> None:
        super().__init__(d_model)
        self.after, self.calls = after, 0

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.calls += self.training
        return super().forward(x) * (float("nan") if self.calls > self.after else 1.0)


class Raising(Window):
    """Breaks in its first step."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise RuntimeError("shapes (3, 4) and (5, 6)\ndo not fit")


class Hungry(Window):
    """Asks for more memory than any machine has."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise torch.OutOfMemoryError("tried to allocate 9 EiB")


class Refusing(Window):
    """Refuses its width."""

    def __init__(self, d_model: int) -> None:
        raise ValueError(f"d_model must be a prime number, got {d_model}")
