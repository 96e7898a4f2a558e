"""Dilated causal convolutions: a long but bounded view of the past, with all steps computed at once."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from seqbench.architectures.blocks import check_options

BlockState = tuple[Tensor, Tensor]
"""The last inputs of the two convolutions of a block, ``(batch, d_model, (kernel_size - 1) * dilation)`` each."""


class TCN(nn.Module):
    """Temporal convolutional network (Bai, Kolter & Koltun 2018, arXiv 1803.01271, section 3).

    A layer is one residual block: twice a causal convolution with weight norm, a ReLU and dropout, and then a ReLU of
    the sum of the result and the input of the block. Layer i has the dilation 2^i, so that an output depends on
    1 + 2 (kernel_size - 1) (2^num_layers - 1) steps.

    Deviations: dropout acts on single units, as in the authors' code, where the paper names whole channels. Input and
    output have the same width, so that no block needs the paper's 1 x 1 convolution.

    The state holds for each layer the last (kernel_size - 1) * dilation inputs of its two convolutions,
    ``(batch, d_model, steps)``. Before the start of a sequence they are zero.

    Args:
        d_model: channels of input, hidden layers and output.
        num_layers: number of residual blocks.
        kernel_size: taps of each filter.
        dropout: dropout probability after each convolution.

    Raises:
        ValueError: an option is out of range.
    """

    causal = True

    def __init__(self, d_model: int, num_layers: int = 6, kernel_size: int = 3, dropout: float = 0.0) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, kernel_size=kernel_size)
        self.blocks = nn.ModuleList(_Block(d_model, kernel_size, 2**level, dropout) for level in range(num_layers))

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: tuple[BlockState, ...] | None = None) -> tuple[Tensor, tuple[BlockState, ...]]:
        """Return the hidden vectors of one chunk ``(batch, time, d_model)``, and the state after it."""
        after: list[BlockState] = []
        y = x.transpose(1, 2)
        for block, before in zip(self.blocks, state or [None] * len(self.blocks), strict=True):
            y, block_state = block(y, before)
            after.append(block_state)
        return y.transpose(1, 2), tuple(after)


class _Block(nn.Module):
    """Two dilated causal convolutions and a residual connection, on ``(batch, channels, time)``."""

    def __init__(self, channels: int, kernel_size: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.past = (kernel_size - 1) * dilation
        self.convolutions = nn.ModuleList(
            weight_norm(nn.Conv1d(channels, channels, kernel_size, dilation=dilation)) for _ in range(2)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, state: BlockState | None) -> tuple[Tensor, BlockState]:
        """Return the output of the block for one chunk, and the last inputs of its convolutions."""
        y, after = x, []
        for convolution, before in zip(self.convolutions, state or (None, None), strict=True):
            if before is None:
                before = y.new_zeros(len(y), y.shape[1], self.past)
            padded = torch.cat([before, y], dim=2)
            after.append(padded[:, :, y.shape[2] :])
            y = self.dropout(torch.relu(convolution(padded)))
        return torch.relu(x + y), cast("BlockState", tuple(after))
