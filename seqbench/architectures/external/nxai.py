"""xLSTM of its authors' package (NX-AI, https://github.com/NX-AI/xlstm): mLSTM and sLSTM blocks, without CUDA kernels.

Shapes are named ``(batch, time, d_model)``.
"""

from __future__ import annotations

from typing import Any

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

from seqbench.architectures.blocks import State, check_options


class XLSTM(nn.Module):
    """A stack of xLSTM blocks (Beck et al. 2024, arXiv 2405.04517), the package's ``xLSTMBlockStack``.

    Whole sequences go through the mLSTM's parallel form, whose memory grows with time squared, and through the sLSTM's
    loop over time ("vanilla"). ``unroll`` takes the package's single steps, one after the other. The sLSTM's loop asks
    for values, so that with it the net cannot run on the meta device.

    Args:
        d_model: width of input and output. With sLSTM blocks a multiple of ``heads``, and at least twice as large.
        num_layers: blocks.
        dropout: probability on what mLSTMs, sLSTMs and MLPs put out.
        heads: of each block.
        slstm_every: the last of so many blocks is an sLSTM with a gated MLP behind it, the others are mLSTMs: 8 is the
            paper's xLSTM[7:1], 1 makes all blocks sLSTMs, 0 none.
    """

    causal = True

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, slstm_every: int = 0
    ) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        if slstm_every < 0:
            raise ValueError(f"slstm_every must be at least 0, got {slstm_every}")
        # An inner mLSTM is a multiple of 64 wide.
        if 64 % heads:
            raise ValueError(f"heads must be a power of 2 up to 64, got {heads}")
        if slstm_every and (d_model % heads or d_model < 2 * heads):
            raise ValueError(
                f"with sLSTM blocks d_model must be a multiple of heads and at least twice as large, got {d_model} "
                f"and {heads}"
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
            slstm_at=[at for at in range(num_layers) if slstm_every and (at + 1) % slstm_every == 0],
        )
        self.stack = xLSTMBlockStack(config)
        for module in self.stack.modules():
            # A stored mask would fix the length of sequences; without one the package makes it as long as needed.
            if hasattr(module, "causal_mask"):
                module.causal_mask = None

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.
        """
        y: Tensor = self.stack(x)
        return y

    def unroll(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Hidden vectors of one chunk, ``(batch, time, d_model)``, step by step, and the state after it.

        ``state`` holds for each block the last inputs of its convolution, ``(batch, 4, width)``, and what its cell
        remembers: an mLSTM's matrices, normalisers and their scale, each ``(batch, heads, ...)``, or an sLSTM's output,
        cell, normaliser and scale, ``(batch, 4, d_model)``; None is the start.
        """
        inner, outputs = None if state is None else _theirs(state), []
        for step in x.split(1, dim=1):
            # The package writes into the convolution's state: copies keep what others hold, and autograd, unharmed.
            y, inner = self.stack.step(step, inner and _copied(inner))
            outputs.append(y)
        return torch.cat(outputs, dim=1), _ours(inner)


def _ours(inner: Any) -> State:
    """The package's state as tuples, batch first."""
    blocks = (inner[f"block_{at}"] for at in range(len(inner)))
    return tuple(
        (*block["conv_state"], block["slstm_state"].transpose(0, 1))
        if "slstm_state" in block
        else (*block["conv_state"], *block["mlstm_state"])
        for block in blocks
    )


def _theirs(state: State) -> dict[str, Any]:
    """The inverse of ``_ours``."""
    return {
        f"block_{at}": {"conv_state": (convolution,), "mlstm_state": tuple(cell)}
        if len(cell) > 1
        else {"conv_state": (convolution,), "slstm_state": cell[0].transpose(0, 1)}
        for at, (convolution, *cell) in enumerate(state)
    }


def _copied(inner: dict[str, Any]) -> dict[str, Any]:
    """The same state, with convolutions' inputs of its own."""
    return {at: {**block, "conv_state": (block["conv_state"][0].clone(),)} for at, block in inner.items()}
