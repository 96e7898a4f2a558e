"""A recurrent net with a second path over time, that skips steps.

Shapes are named ``(batch, time, d_model)``.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from seqbench.architectures.recurrent import Stack


class SkipRNN(Stack):
    """The simple recurrent network with a delayed recurrence, h_t = tanh(W x_t + U h_{t-1} + V h_{t-d} + b).

    Lin et al. 1996; Goodfellow et al. 2016, section 10.9.1: over T steps a gradient may take T / d factors instead of
    T. The first d states are learnable. Not the net of Campos et al. 2018, which learns when not to change its state.

    Args:
        d_model: width of input, state and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first.
        delay: steps that the second path goes back (d), 2 or more.
    """

    def __init__(
        self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False, delay: int = 4
    ) -> None:
        if delay < 2:
            raise ValueError(f"delay must be at least 2 steps (1 is the step that every RNN has), got {delay}")
        layer = partial(_Delayed, d_model, delay)
        super().__init__(layer, d_model, num_layers, dropout, skip, start=(delay, d_model))


class _Delayed(nn.Module):
    """One layer; its state is its last ``delay`` hidden vectors, the oldest first."""

    def __init__(self, width: int, delay: int) -> None:
        super().__init__()
        self.delay = delay
        self.inputs = nn.Linear(width, width)
        # [U V]: one product a step, and started for the sum of both.
        self.recurrent = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """``(batch, time, d_model)`` and ``(1, batch, delay, d_model)`` to the same."""
        hidden, transposed = list(state[0].unbind(1)), self.recurrent.weight.t()
        for driven in self.inputs(x).unbind(1):
            past = torch.cat([hidden[-1], hidden[-self.delay]], dim=1)
            hidden.append(torch.tanh(torch.addmm(driven, past, transposed)))
        return torch.stack(hidden[self.delay :], dim=1), torch.stack(hidden[-self.delay :], dim=1)[None]
