"""The xLSTM of its authors' package (NX-AI, https://github.com/NX-AI/xlstm), without CUDA kernels.

Tensors have the axes ``(batch, time, d_model)``.
"""

from __future__ import annotations

from typing import TypedDict

import torch
from torch import Tensor, nn
from xlstm import (
    FeedForwardConfig,
    mLSTMBlockConfig,
    mLSTMLayerConfig,
    sLSTMBlockConfig,
    sLSTMLayerConfig,
    xLSTMBlockStack,
    xLSTMBlockStackConfig,
)

from seqbench.architectures.blocks import check_options

State = tuple[tuple[Tensor, ...], ...]
"""For each block the last inputs of its convolution, and then the tensors of its cell, batch first."""


class _BlockState(TypedDict, total=False):
    """The state of a block in the package: one of the two kinds of cells, and the convolution."""

    conv_state: tuple[Tensor, ...]
    mlstm_state: tuple[Tensor, ...]
    slstm_state: Tensor


class XLSTM(nn.Module):
    """A stack of xLSTM blocks (Beck et al. 2024, arXiv 2405.04517), the package's ``xLSTMBlockStack``.

    Whole sequences are computed by the parallel form of the mLSTM, whose memory grows with the square of time, and by
    a loop over time for the sLSTM (the package's "vanilla" backend). ``unroll`` uses the package's single steps. The
    loop of the sLSTM reads values, so that with sLSTM blocks the backbone does not run on the meta device.

    The state holds for each block the last inputs of its convolution, ``(batch, 4, width)``, and the tensors of its
    cell: the matrix, the normaliser and the stabiliser of an mLSTM, ``(batch, heads, ...)``; or the output, cell,
    normaliser and stabiliser of an sLSTM as one tensor, ``(batch, 4, d_model)``.

    Args:
        d_model: width of input and output. With sLSTM blocks it is a multiple of ``heads``, and at least twice as
            large.
        num_layers: number of blocks.
        dropout: dropout probability on the outputs of mLSTMs, sLSTMs and MLPs.
        heads: number of heads in each block, a power of 2 up to 64.
        slstm_every: n makes every n-th block an sLSTM with a gated MLP; the other blocks are mLSTMs. 8 is the paper's
            xLSTM[7:1], 1 makes all blocks sLSTMs, and 0 none.

    Raises:
        ValueError: an option is out of range.
    """

    causal = True

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, slstm_every: int = 0
    ) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        if slstm_every < 0:
            raise ValueError(f"slstm_every must be at least 0, got {slstm_every}")
        # The inner width of an mLSTM is a multiple of 64.
        if 64 % heads:
            raise ValueError(f"heads must be a power of 2 up to 64, got {heads}")
        if slstm_every and (d_model % heads or d_model < 2 * heads):
            raise ValueError(
                f"with sLSTM blocks d_model must be a multiple of heads and at least twice as large, "
                f"got d_model {d_model} and heads {heads}"
            )
        config = xLSTMBlockStackConfig(
            mlstm_block=mLSTMBlockConfig(mlstm=mLSTMLayerConfig(num_heads=heads)),
            slstm_block=sLSTMBlockConfig(
                slstm=sLSTMLayerConfig(num_heads=heads, backend="vanilla", embedding_dim=d_model),
                feedforward=FeedForwardConfig(embedding_dim=d_model, dropout=dropout),
            )
            if slstm_every
            else None,
            embedding_dim=d_model,
            num_blocks=num_layers,
            dropout=dropout,
            context_length=1,
            slstm_at=[index for index in range(num_layers) if slstm_every and (index + 1) % slstm_every == 0],
        )
        self.stack = xLSTMBlockStack(config)
        for module in self.stack.modules():
            # A stored mask limits the length of sequences. Without it, the package creates one of the right length.
            if hasattr(module, "causal_mask"):
                module.causal_mask = None

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not used; a causal output does not depend on the padding that follows it.

        Returns:
            ``(batch, time, d_model)``.
        """
        y: Tensor = self.stack(x)
        return y

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the hidden vectors of one chunk ``(batch, time, d_model)``, and the state after it."""
        inner, outputs = None if state is None else _to_library(state), []
        for step in torch.split(x, 1, dim=1):
            # The package writes to the state of the convolution in place: a copy protects the caller and autograd.
            y, inner = self.stack.step(step, None if inner is None else _with_own_convolution(inner))
            outputs.append(y)
        assert inner is not None
        return torch.cat(outputs, dim=1), _from_library(inner)


def _from_library(inner: dict[str, _BlockState]) -> State:
    """Convert the package's state to tuples of tensors, batch first."""
    blocks = (inner[f"block_{index}"] for index in range(len(inner)))
    return tuple(
        (*block["conv_state"], block["slstm_state"].transpose(0, 1))
        if "slstm_state" in block
        else (*block["conv_state"], *block["mlstm_state"])
        for block in blocks
    )


def _to_library(state: State) -> dict[str, _BlockState]:
    """Return a state in the form of the library; the inverse of ``_from_library``."""
    return {
        f"block_{index}": {"conv_state": (convolution,), "mlstm_state": tuple(cell)}
        if len(cell) > 1
        else {"conv_state": (convolution,), "slstm_state": cell[0].transpose(0, 1)}
        for index, (convolution, *cell) in enumerate(state)
    }


def _with_own_convolution(inner: dict[str, _BlockState]) -> dict[str, _BlockState]:
    """Return the same state with a copy of the inputs of the convolutions."""
    return {name: {**block, "conv_state": (block["conv_state"][0].clone(),)} for name, block in inner.items()}
