"""Dilated causal convolutions: a long but bounded view of the past, all steps at once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from seqbench.architectures.blocks import check_options

State = tuple[Tensor, ...]


class TCN(nn.Module):
    """Temporal convolutional network (Bai, Kolter & Koltun 2018, arXiv 1803.01271, section 3).

    A layer (one residual block) is twice: causal convolution with weight norm, ReLU, dropout; then a ReLU over its sum
    with the block's input. Layer i is dilated by 2^i, so that an output sees 1 + 2 (kernel_size - 1)(2^num_layers - 1)
    steps. Dropout is on single units, as in the authors' code; the paper says whole channels. Input and output
    are equally wide here, so that no block needs the paper's 1 x 1 convolution.

    Args:
        d_model: channels of input, hidden layers and output.
        num_layers: residual blocks, each reading the one below.
        kernel_size: taps of each filter (k).
        dropout: probability behind each convolution.
    """

    causal = True

    def __init__(self, d_model: int, num_layers: int = 6, kernel_size: int = 3, dropout: float = 0.0) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, kernel_size=kernel_size)
        self.blocks = nn.ModuleList(_Block(d_model, kernel_size, 2**level, dropout) for level in range(num_layers))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: tuple[State, ...] | None = None) -> tuple[Tensor, tuple[State, ...]]:
        """Hidden vectors of one chunk, ``(batch, time, d_model)``, and the state after it.

        ``state`` holds for each convolution its last (kernel_size - 1) * dilation inputs, ``(batch, d_model, steps)``;
        None is the start, before which all is zero.
        """
        after: list[State] = []
        y = x.transpose(1, 2)
        for block, before in zip(self.blocks, state or [None] * len(self.blocks), strict=True):
            y, left = block(y, before)
            after.append(left)
        return y.transpose(1, 2), tuple(after)


class _Block(nn.Module):
    """Two dilated causal convolutions and a residual, over ``(batch, channels, time)``."""

    def __init__(self, channels: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.past = (kernel_size - 1) * dilation
        self.convolutions: Any = nn.ModuleList(
            weight_norm(nn.Conv1d(channels, channels, kernel_size, dilation=dilation)) for _ in range(2)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        y, after = x, []
        for convolution, before in zip(self.convolutions, state or [None, None], strict=True):
            if before is None:
                before = y.new_zeros(len(y), y.shape[1], self.past)
            seen = torch.cat([before, y], dim=2)
            after.append(seen[:, :, y.shape[2] :])
            y = self.dropout(torch.relu(convolution(seen)))
        return torch.relu(x + y), tuple(after)
