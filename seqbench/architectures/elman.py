"""Elman's network with his training rule: the previous hidden vector is a constant input, without a gradient."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.recurrent_stack import RecurrentStack


class Elman(RecurrentStack[Tensor]):
    """The simple recurrent network with context units: h_t = tanh(W x_t + U c_t + b), where c_t is a copy of h_{t-1}.

    The values are those of ``recurrent.RNN``, but no gradient flows through the copy (Elman 1990, "Finding structure
    in time"). Each step learns to store only information that improves the output of this step.

    Deviations: Elman's units are logistic and their context starts at 0.5, the middle of the range; here units are tanh
    and the context starts at 0. The start is not learnt, because no gradient of later steps would reach it.

    The state is the last hidden vector of each layer, ``(batch, num_layers, d_model)``.

    Args:
        d_model: width of input, state and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False) -> None:
        layer = partial(_ElmanLayer, d_model, d_model, batch_first=True)
        super().__init__(layer, d_model, num_layers, dropout, skip)


class _ElmanLayer(nn.RNN):
    """One layer of ``nn.RNN`` without a gradient from step to step."""

    # nn.RNN also accepts packed sequences.
    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return the outputs ``(batch, time, d_model)`` and the last hidden vector ``(1, batch, d_model)``."""
        if not torch.is_grad_enabled():
            return super().forward(x, state)
        if state is None:
            state = x.new_zeros(1, len(x), self.hidden_size)
        # Compute the contexts without a gradient first. All steps are then independent, and need no loop.
        with torch.no_grad():
            hidden, last = super().forward(x, state)
        context = torch.cat([state.transpose(0, 1), hidden[:, :-1]], dim=1)
        w, u, b, c = self.all_weights[0]
        return torch.tanh(F.linear(x, w, b) + F.linear(context, u, c)), last
