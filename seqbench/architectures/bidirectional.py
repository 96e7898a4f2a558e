"""Recurrent nets in both directions (Schuster & Paliwal 1997): every output knows the whole sequence.

Shapes are named ``(batch, time, d_model)``. In each layer one net reads forwards and one backwards, each half as
wide as the output, which is both side by side. The backward net starts at a sequence's own last step: padding
changes no number. As its end is needed first, there is no ``unroll``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import check_options
from seqbench.architectures.recurrent import LSTMLayer


class _Bidirectional(nn.Module):
    """What the three share: two cells a layer, and dropout on what leaves each layer."""

    causal = False

    def __init__(
        self, cell: Callable[..., nn.RNNBase], d_model: int, num_layers: int, dropout: float, skip: bool
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
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: ``(batch,)`` steps that are not padding; None means all.

        Returns:
            ``(batch, time, d_model)``; what stands at padding is finite and means nothing.
        """
        order = _reversal(x, lengths)
        for layer, (forwards, backwards) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            # Reversed copies, not packed sequences: those take longer on a CPU, and on a GPU wait for the lengths.
            back = _take(backwards(_take(x, order))[0], order)
            y = self.dropout(torch.cat([forwards(x)[0], back], dim=-1))
            x = x + y if self.skip and layer else y
        return x


class BiRNN(_Bidirectional):
    """The simple recurrent network (Elman 1990), both ways.

    Args:
        d_model: width of input and output; even.
        num_layers: layers, each reading both directions of the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False) -> None:
        super().__init__(partial(nn.RNN, batch_first=True), d_model, num_layers, dropout, skip)


class BiLSTM(_Bidirectional):
    """Long short-term memory, both ways (Graves & Schmidhuber 2005).

    Args:
        d_model: width of input and output; even.
        num_layers: layers, each reading both directions of the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first.
        forget_bias: bias of the forget gates at the start of training, as in ``recurrent.LSTM``.
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
    """Gated recurrent unit (Cho et al. 2014), both ways.

    Args:
        d_model: width of input and output; even.
        num_layers: layers, each reading both directions of the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False) -> None:
        super().__init__(partial(nn.GRU, batch_first=True), d_model, num_layers, dropout, skip)


def _reversal(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Where each step stands in the reversed sequence, ``(batch, time)``; padding stays. It is its own inverse."""
    steps = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    ends = lengths[:, None] if lengths is not None else torch.full_like(steps[:, :1], x.shape[1])
    return torch.where(steps < ends, ends - 1 - steps, steps)


def _take(x: Tensor, order: Tensor) -> Tensor:
    # Twice as fast as gather on a CPU, and deterministic on CUDA.
    return x[torch.arange(len(x), device=x.device)[:, None], order]
