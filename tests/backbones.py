"""Backbones of strangers, for tests: some plain, some broken on purpose."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqbench.architectures.recurrent import GRU


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
        self.after = after
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))  # So that a resumed run counts on.

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        self.calls = self.calls + int(self.training)
        return super().forward(x) * (float("nan") if self.calls > self.after else 1.0)


class Raising(Window):
    """Breaks in its first step."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise RuntimeError("shapes (3, 4) and (5, 6)\ndo not fit")


class Hungry(Window):
    """Asks for more memory than any machine has."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise torch.OutOfMemoryError("tried to allocate 9 EiB")


class Deaf(Window):
    """Trains, but its ``unroll`` breaks."""

    def unroll(self, x: Tensor, state: object = None) -> tuple[Tensor, object]:
        raise RuntimeError("no state here")


class Keyword(GRU):
    """Passes its options on."""

    def __init__(self, d_model: int, **options: Any) -> None:
        super().__init__(d_model, **options)


class Ahead(Window):
    """Says that it sees what comes."""

    causal = False


class Refusing(Window):
    """Refuses its width."""

    def __init__(self, d_model: int) -> None:
        assert d_model == 7, f"d_model must be 7, got {d_model}"


class Greedy(Hungry):
    """Asks for more memory than any machine has."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return x + torch.empty(2**50).sum()
