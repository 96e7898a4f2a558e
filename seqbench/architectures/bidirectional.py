"""Bidirectional recurrent networks (Schuster & Paliwal 1997): every output depends on the whole sequence.

Tensors have the axes ``(batch, time, d_model)``. Each layer has one recurrent network for each direction, half as wide
as the output, and concatenates their outputs. The backward network starts at the last step of each sequence, so that
padding changes no number. It needs the end of the sequence first, so that there is no ``unroll``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import check_options
from seqbench.architectures.recurrent import LSTMLayer


class _Bidirectional(nn.Module):
    """Layers of two recurrent networks each, with dropout on the output of each layer."""

    causal = False

    def __init__(
        self, cell: Callable[[int, int], nn.RNNBase], d_model: int, num_layers: int, dropout: float, skip: bool
    ) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers)
        if d_model % 2:
            raise ValueError(f"d_model must be even, half for each direction, got {d_model}")
        self.forwards, self.backwards = (
            nn.ModuleList(cell(d_model, d_model // 2) for _ in range(num_layers)) for _ in range(2)
        )
        self.dropout = nn.Dropout(dropout)
        self.skip = skip

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: number of steps of each sequence without padding, ``(batch,)``; None if there is no padding.

        Returns:
            ``(batch, time, d_model)``. Vectors at padded steps are finite and have no meaning.
        """
        order = _reversed_order(x, lengths)
        for layer, (forwards, backwards) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            # Reversed copies, because packed sequences are slower on a CPU, and wait for the lengths on a GPU.
            back = _reorder(backwards(_reorder(x, order))[0], order)
            y = self.dropout(torch.cat([forwards(x)[0], back], dim=-1))
            x = x + y if self.skip and layer else y
        return x


class BiRNN(_Bidirectional):
    """The simple recurrent network with tanh units in both directions (Elman 1990).

    Forwards h_t = tanh(W x_t + U h_{t-1} + b), and the same backwards with other weights.

    Args:
        d_model: width of input and output, even.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first.

    Raises:
        ValueError: an option is out of range, or ``d_model`` is odd.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False) -> None:
        super().__init__(partial(nn.RNN, batch_first=True), d_model, num_layers, dropout, skip)


class BiLSTM(_Bidirectional):
    """Long short-term memory in both directions (Graves & Schmidhuber 2005).

    The equations of each direction are those of ``recurrent.LSTM``.

    Args:
        d_model: width of input and output, even.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first.
        forget_bias: initial bias of the forget gates, as in ``recurrent.LSTM``.

    Raises:
        ValueError: an option is out of range, or ``d_model`` is odd.
    """

    def __init__(
        self,
        d_model: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        skip: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(partial(LSTMLayer, forget_bias=forget_bias), d_model, num_layers, dropout, skip)


class BiGRU(_Bidirectional):
    """Gated recurrent units in both directions (Cho et al. 2014).

    The equations of each direction are those of ``recurrent.GRU``.

    Args:
        d_model: width of input and output, even.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first.

    Raises:
        ValueError: an option is out of range, or ``d_model`` is odd.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False) -> None:
        super().__init__(partial(nn.GRU, batch_first=True), d_model, num_layers, dropout, skip)


def _reversed_order(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Return the indices ``(batch, time)`` that reverse each sequence before its padding.

    The permutation is its own inverse.
    """
    steps = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    ends = lengths[:, None] if lengths is not None else torch.full_like(steps[:, :1], x.shape[1])
    return torch.where(steps < ends, ends - 1 - steps, steps)


def _reorder(x: Tensor, order: Tensor) -> Tensor:
    # Indexing is twice as fast as gather on a CPU, and deterministic on CUDA.
    return x[torch.arange(len(x), device=x.device)[:, None], order]
