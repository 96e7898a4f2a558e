"""A recurrent network with a second recurrence over a delay."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from seqbench.architectures.recurrent_stack import RecurrentStack


class SkipRNN(RecurrentStack[Tensor]):
    """The simple recurrent network with a delayed recurrence, h_t = tanh(W x_t + U h_{t-1} + V h_{t-d} + b).

    A gradient over T steps can take a path of T / d factors instead of T (Lin et al. 1996; Goodfellow et al. 2016,
    section 10.9.1). The first d states are learnt. The skip RNN of Campos et al. 2018 is another network: it learns
    when to keep its state.

    The state is the last d hidden vectors of each layer, ``(batch, num_layers, delay, d_model)``, the oldest first.

    Args:
        d_model: width of input, state and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first.
        delay: steps of the second recurrence (d), at least 2.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False, delay: int = 4
    ) -> None:
        if delay < 2:
            raise ValueError(f"delay must be at least 2 steps (every RNN has a recurrence over 1 step), got {delay}")
        layer = partial(_DelayedLayer, d_model, delay)
        super().__init__(layer, d_model, num_layers, dropout, skip, start=(delay, d_model))


class _DelayedLayer(nn.Module):
    """One layer. Its state is its last ``delay`` hidden vectors, the oldest first."""

    def __init__(self, width: int, delay: int) -> None:
        super().__init__()
        self.delay = delay
        self.inputs = nn.Linear(width, width)
        # One matrix [U V] needs one product a step, and its initialisation suits the sum of both terms.
        self.recurrent = nn.Linear(2 * width, width, bias=False)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs ``(batch, time, d_model)`` and the state after them ``(1, batch, delay, d_model)``."""
        hidden, transposed = list(state[0].unbind(1)), self.recurrent.weight.t()
        for from_input in self.inputs(x).unbind(1):
            past = torch.cat([hidden[-1], hidden[-self.delay]], dim=1)
            hidden.append(torch.tanh(torch.addmm(from_input, past, transposed)))
        return torch.stack(hidden[self.delay :], dim=1), torch.stack(hidden[-self.delay :], dim=1)[None]
