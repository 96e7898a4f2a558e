"""Elman's net as he trained it: the past is an input like any other, and no error goes back through it.

Shapes are named ``(batch, time, d_model)``.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.recurrent import Stack


class Elman(Stack):
    """The simple recurrent network with context units, h_t = tanh(W x_t + U c_t + b), c_t a copy of h_{t-1}.

    Elman 1990, "Finding structure in time". Values are those of ``recurrent.RNN``. Gradients stop at the copy: what
    an earlier step should have kept, it learns only as far as it served that step. His units were logistic, and their
    context began at .5, the middle of the range, as here at 0. No error would reach a learnable start from later steps.

    Args:
        d_model: width of input, state and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False) -> None:
        layer = partial(_Context, d_model, d_model, batch_first=True)
        super().__init__(layer, d_model, num_layers, dropout, skip)


class _Context(nn.RNN):
    """One layer of ``nn.RNN`` with the gradient cut at each step."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """``(batch, time, d_model)`` and ``(1, batch, d_model)`` to the same."""
        if not torch.is_grad_enabled():
            return super().forward(x, state)
        if state is None:
            state = x.new_zeros(1, len(x), self.hidden_size)
        # Once the contexts are known, as constants, all steps are one: no loop has to be differentiated.
        with torch.no_grad():
            hidden, last = super().forward(x, state)
        context = torch.cat([state.transpose(0, 1), hidden[:, :-1]], dim=1)
        w, u, b, c = self.all_weights[0]
        return torch.tanh(F.linear(x, w, b) + F.linear(context, u, c)), last
