"""Nets that remember by what they said: their own previous outputs come back as inputs.

Shapes are named ``(batch, time, d_model)``. Previous outputs reach these backbones embedded; in training they are
the targets, so that nothing but a fixed average or fixed taps goes from step to step: all steps are computed at once.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import check_options
from seqbench.ops.linear_scan import linear_scan


class Jordan(nn.Module):
    """Jordan's network (1986): the context is a fixed running average of past outputs.

        c_t = decay c_{t-1} + (1 - decay) y_{t-1}
        h_t = tanh(W x_t + V c_t + b)

    Fed one constant plan, it writes a sequence, because the context moves on (task ``plan``).

    Args:
        d_model: width of input, context and output.
        decay: share of the context that stays at each step; 0 keeps the last output alone.
        dropout: probability on the output.
    """

    causal = True
    feeds_back_output = True

    def __init__(self, d_model: int, decay: float = 0.5, dropout: float = 0.0) -> None:
        super().__init__()
        check_options(d_model, dropout)
        if not 0 <= decay < 1:
            raise ValueError(f"decay must be in [0, 1), got {decay}")
        self.decay = decay
        self.inputs = nn.Linear(d_model, d_model)
        self.context = nn.Linear(d_model, d_model, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            y_previous: ``(batch, time, d_model)``, at each step the output of the one before, embedded.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x, y_previous)[0]

    def unroll(self, x: Tensor, y_previous: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Hidden vectors of one chunk, ``(batch, time, d_model)``, and the context after it, ``(batch, d_model)``."""
        context = linear_scan(y_previous.new_full((1, 1, 1), self.decay), (1 - self.decay) * y_previous, state)
        return self.dropout(torch.tanh(self.inputs(x) + self.context(context))), context[:, -1]


class NARX(nn.Module):
    """Nonlinear autoregressive network with exogenous inputs (Lin, Horne, Tiňo & Giles 1996): taps on both.

        h_t = tanh(A_0 x_t + ... + A_{p-1} x_{t-p+1} + B_1 y_{t-1} + ... + B_q y_{t-q} + b)

    What lies before the start is zero.

    Args:
        d_model: width of input and output.
        input_taps: inputs that are seen, the present one included (p).
        output_taps: past outputs that are seen (q).
        dropout: probability on the output.
    """

    causal = True
    feeds_back_output = True

    def __init__(self, d_model: int, input_taps: int = 4, output_taps: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        check_options(d_model, dropout, input_taps=input_taps, output_taps=output_taps)
        self.input_taps, self.output_taps = input_taps, output_taps
        self.inputs = nn.Linear(input_taps * d_model, d_model)
        self.outputs = nn.Linear(output_taps * d_model, d_model, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            y_previous: ``(batch, time, d_model)``, at each step the output of the one before, embedded.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x, y_previous)[0]

    def unroll(
        self, x: Tensor, y_previous: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Hidden vectors of one chunk, ``(batch, time, d_model)``, and the state after it.

        ``state`` holds the last ``input_taps - 1`` inputs and the last ``output_taps - 1`` previous outputs,
        ``(batch, taps - 1, d_model)`` each; None is the start.
        """
        before = state if state is not None else (None, None)
        inputs, last_inputs = _tapped(before[0], x, self.input_taps)
        outputs, last_outputs = _tapped(before[1], y_previous, self.output_taps)
        return self.dropout(torch.tanh(self.inputs(inputs) + self.outputs(outputs))), (last_inputs, last_outputs)


def _tapped(before: Tensor | None, x: Tensor, taps: int) -> tuple[Tensor, Tensor]:
    """Each step's last ``taps`` vectors side by side, ``(batch, time, d_model * taps)``, and those to keep."""
    if before is None:
        before = x.new_zeros(len(x), taps - 1, x.shape[2])
    seen = torch.cat([before, x], dim=1)
    return seen.unfold(1, taps, 1).flatten(2), seen[:, x.shape[1] :]
