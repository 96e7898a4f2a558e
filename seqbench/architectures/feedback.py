"""Networks with output feedback: their previous outputs are inputs, and are their only memory.

Tensors have the axes ``(batch, time, d_model)``. Previous outputs are embedded before they reach these backbones. In
training the previous outputs are the targets (teacher forcing). All steps are then computed at once, because only a
running average or a window is carried from step to step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import check_options
from seqbench.ops.linear_scan import linear_scan


class Jordan(nn.Module):
    """Jordan's network (1986): the context is a running average of past outputs.

    It computes::

        c_t = decay c_{t-1} + (1 - decay) y_{t-1}
        h_t = tanh(W x_t + V c_t + b)

    With a constant input it can write a sequence, because the context changes at each step (task ``plan``).

    The state is the context, ``(batch, d_model)``.

    Args:
        d_model: width of input, context and output.
        decay: share of the context that remains at each step, in [0, 1). With 0 the context is the last output.
        dropout: dropout probability on the output.

    Raises:
        ValueError: an option is out of range.
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
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            y_previous: at each step the embedded output of the previous step, ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x, y_previous)[0]

    def unroll(self, x: Tensor, y_previous: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the hidden vectors of one chunk, and the context after it.

        Args:
            x: ``(batch, time, d_model)``.
            y_previous: at each step the embedded output of the previous step, ``(batch, time, d_model)``.
            state: the context after the previous chunk, ``(batch, d_model)``; None means zeros.

        Returns:
            ``(batch, time, d_model)``, and ``(batch, d_model)``.
        """
        context = linear_scan(y_previous.new_full((1, 1, 1), self.decay), (1 - self.decay) * y_previous, state)
        return self.dropout(torch.tanh(self.inputs(x) + self.context(context))), context[:, -1]


class NARX(nn.Module):
    """Nonlinear autoregressive network with exogenous inputs (Lin, Horne, Tiňo & Giles 1996).

    It computes::

        h_t = tanh(A_0 x_t + ... + A_{p-1} x_{t-p+1} + B_1 y_{t-1} + ... + B_q y_{t-q} + b)

    Inputs and outputs before the start are zero.

    The state is the last inputs, ``(batch, input_taps - 1, d_model)``, and the last outputs but one,
    ``(batch, output_taps - 1, d_model)``.

    Args:
        d_model: width of input and output.
        input_taps: number of inputs in the window (p), including the current one.
        output_taps: number of past outputs in the window (q).
        dropout: dropout probability on the output.

    Raises:
        ValueError: an option is out of range.
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
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            y_previous: at each step the embedded output of the previous step, ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x, y_previous)[0]

    def unroll(
        self, x: Tensor, y_previous: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the hidden vectors of one chunk, and the state after it.

        Args:
            x: ``(batch, time, d_model)``.
            y_previous: at each step the embedded output of the previous step, ``(batch, time, d_model)``.
            state: the state after the previous chunk; None at the start of a sequence.

        Returns:
            ``(batch, time, d_model)``, and the last inputs and outputs.
        """
        before = state if state is not None else (None, None)
        inputs, last_inputs = _windows(before[0], x, self.input_taps)
        outputs, last_outputs = _windows(before[1], y_previous, self.output_taps)
        return self.dropout(torch.tanh(self.inputs(inputs) + self.outputs(outputs))), (last_inputs, last_outputs)


def _windows(before: Tensor | None, x: Tensor, taps: int) -> tuple[Tensor, Tensor]:
    """Return the last ``taps`` vectors at each step.

    Args:
        before: the vectors before ``x``, ``(batch, taps - 1, d_model)``; None means zeros.
        x: ``(batch, time, d_model)``.
        taps: size of the window, in steps.

    Returns:
        The windows ``(batch, time, d_model * taps)``, and the vectors before the next chunk.
    """
    if before is None:
        before = x.new_zeros(len(x), taps - 1, x.shape[2])
    padded = torch.cat([before, x], dim=1)
    return padded.unfold(1, taps, 1).flatten(2), padded[:, x.shape[1] :]
