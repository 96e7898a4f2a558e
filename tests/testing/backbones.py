"""Backbones that keep their contract, and some whose construction or call does something unusual."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConformingWithoutUnroll(nn.Module):
    """A leaky sum between two linear maps; it keeps every contract and has no ``unroll``."""

    causal = True

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.inputs, self.outputs = nn.Linear(d_model, d_model), nn.Linear(d_model, d_model)
        self.p = dropout

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.run(x, None)[0]

    def run(self, x: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        states = self.states(x, torch.zeros_like(x[:, 0]) if h is None else h)
        return self.drop(torch.tanh(self.outputs(states))), states[:, -1]

    def states(self, x: Tensor, h: Tensor) -> Tensor:
        states = []
        for u in self.inputs(x).unbind(1):
            h = 0.7 * h + u
            states.append(h)
        return torch.stack(states, 1)

    def drop(self, y: Tensor) -> Tensor:
        return F.dropout(y, self.p, self.training)


class Conforming(ConformingWithoutUnroll):
    """The same with ``unroll``."""

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.run(x, state)


class DropPath(nn.Module):
    """A residual GRU that leaves out its branch for one row in ten (stochastic depth)."""

    causal = True

    def __init__(self, d_model: int, drop_path: float = 0.1) -> None:
        super().__init__()
        self.gru, self.p = nn.GRU(d_model, d_model, batch_first=True), drop_path

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, after = self.gru(x, None if state is None else state.transpose(0, 1).contiguous())
        return x + self.keep(x) * y, after.transpose(0, 1)

    def keep(self, x: Tensor) -> Tensor:
        """Return 0 for the rows whose branch is left out and 1 for the others, ``(batch, 1, 1)``."""
        kept = torch.rand(len(x), 1, 1, device=x.device) >= self.p if self.training else torch.ones_like(x[:, :1, :1])
        return kept.to(x)


class NumpyDropPath(DropPath):
    """Draws the rows whose branch is left out from numpy."""

    def keep(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.random.random((len(x), 1, 1)) >= self.p * self.training).to(x)


class VariadicMethods(Conforming):
    """Its methods take ``*args``, as wrapped methods do."""

    def forward(self, x: Tensor, *args: Any) -> Tensor:
        return super().forward(x, *args)

    def unroll(*args: Any) -> tuple[Tensor, Any]:
        return Conforming.unroll(*args)


class LookAheadByOption(ConformingWithoutUnroll):
    """Looks ahead, and declares it, if an option says so."""

    def __init__(self, d_model: int, dropout: float = 0.0, ahead: bool = False) -> None:
        super().__init__(d_model, dropout)
        self.causal = not ahead

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        return y if self.causal else y - mean(x, lengths)


class ExitingForward(Conforming):
    """Exits in its ``forward``."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        raise SystemExit("no licence")


class ExitingInit(Conforming):
    """Exits in its ``__init__``."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        raise SystemExit("no licence")


class Printing(Conforming):
    """Prints in its ``__init__``."""

    def __init__(self, d_model: int, dropout: float = 0.0) -> None:
        super().__init__(d_model, dropout)
        print("hello from __init__")


class KeywordOptions(Conforming):
    """Passes its other options on to ``ValueError``."""

    def __init__(self, d_model: int, **options: Any) -> None:
        if options:
            raise ValueError(f"got {sorted(options.items())}")
        super().__init__(d_model)


class FeedsBackOutput(Conforming):
    """Takes its previous output, and keeps its contract."""

    feeds_back_output = True

    def forward(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None) -> Tensor:  # type: ignore[override]
        return self.run(x + 0.5 * y_previous, None)[0]

    def unroll(self, x: Tensor, y_previous: Tensor, state: Any = None) -> tuple[Tensor, Any]:  # type: ignore[override]
        return self.run(x + 0.5 * y_previous, state)


def valid(x: Tensor, lengths: Tensor | None) -> Tensor:
    steps = torch.arange(x.shape[1], device=x.device)
    return steps < (torch.full_like(steps[:1], x.shape[1]) if lengths is None else lengths)[:, None]


def mean(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the mean over the valid steps, ``(batch, 1, d_model)``."""
    counted = valid(x, lengths)[..., None].to(x)
    return (x * counted).sum(1, keepdim=True) / counted.sum(1, keepdim=True)
