"""Recurrent nets in both directions (Schuster & Paliwal 1997): every output knows the whole sequence.

Shapes are named ``(batch, time, d_model)``. In each layer one net reads forwards and one backwards, each half as
wide as the output, which is both side by side. The backward net starts at a sequence's own last step: padding
changes no number. As its end is needed first, there is no ``unroll``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class _Bidirectional(nn.Module):
    """What the three share: two cells a layer, and dropout on what leaves each layer."""

    causal = False

    def __init__(self, cell: Callable[..., nn.RNNBase], d_model: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        if d_model < 2 or d_model % 2:
            raise ValueError(f"d_model must be even, half for each direction, got {d_model}")
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1, got {num_layers}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        self.forwards, self.backwards = (
            nn.ModuleList(cell(d_model, d_model // 2, batch_first=True) for _ in range(num_layers)) for _ in range(2)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: ``(batch,)`` steps that are not padding; None means all.

        Returns:
            ``(batch, time, d_model)``; what stands at padding is finite and means nothing.
        """
        order = _reversal(x, lengths)
        for forwards, backwards in zip(self.forwards, self.backwards, strict=True):
            # Reversed copies, not packed sequences: those take longer on a CPU, and on a GPU wait for the lengths.
            back = _take(backwards(_take(x, order))[0], order)
            x = self.dropout(torch.cat([forwards(x)[0], back], dim=-1))
        return x


class BiRNN(_Bidirectional):
    """The simple recurrent network (Elman 1990), both ways.

    Args:
        d_model: width of input and output; even.
        num_layers: layers, each reading both directions of the one below.
        dropout: probability on each layer's output.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__(nn.RNN, d_model, num_layers, dropout)


class BiLSTM(_Bidirectional):
    """Long short-term memory, both ways (Graves & Schmidhuber 2005).

    Args:
        d_model: width of input and output; even.
        num_layers: layers, each reading both directions of the one below.
        dropout: probability on each layer's output.
        forget_bias: bias of the forget gates at the start of training, as in ``recurrent.LSTM``.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, forget_bias: float = 1.0) -> None:
        super().__init__(nn.LSTM, d_model, num_layers, dropout)
        half = d_model // 2
        with torch.no_grad():
            for name, bias in self.named_parameters():
                # Gates lie in the order input, forget, cell, output; the two biases of a layer are added.
                if "bias" in name:
                    bias[half : 2 * half] = forget_bias if "bias_ih" in name else 0.0


class BiGRU(_Bidirectional):
    """Gated recurrent unit (Cho et al. 2014), both ways.

    Args:
        d_model: width of input and output; even.
        num_layers: layers, each reading both directions of the one below.
        dropout: probability on each layer's output.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__(nn.GRU, d_model, num_layers, dropout)


def _reversal(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Where each step stands in the reversed sequence, ``(batch, time)``; padding stays. It is its own inverse."""
    steps = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
    ends = lengths[:, None] if lengths is not None else torch.full_like(steps[:, :1], x.shape[1])
    return torch.where(steps < ends, ends - 1 - steps, steps)


def _take(x: Tensor, order: Tensor) -> Tensor:
    # Twice as fast as gather on a CPU, and deterministic on CUDA.
    return x[torch.arange(len(x), device=x.device)[:, None], order]
