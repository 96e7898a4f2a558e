"""The three classic recurrent backbones, stacked: tanh RNN, LSTM and GRU.

Shapes are named ``(batch, time, d_model)``; a state's leaves are ``(batch, num_layers, d_model)``. Dropout
acts on what leaves each layer, never on the recurrence (Zaremba et al. 2014, arXiv 1409.2329). All run on
PyTorch's own kernels (cuDNN on CUDA).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

State = Any


class _Stacked(nn.Module):
    """What the three share: ``cell`` with dropout, whole sequences and chunks alike."""

    causal = True

    def __init__(self, cell: Callable[..., nn.RNNBase], d_model: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        for name, value in (("d_model", d_model), ("num_layers", num_layers)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {dropout}")
        between = dropout if num_layers > 1 else 0.0
        self.cell = cell(d_model, d_model, num_layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Hidden vectors of whole sequences.

        Args:
            x: ``(batch, time, d_model)``.
            lengths: not needed: what follows a causal step cannot change it.

        Returns:
            ``(batch, time, d_model)``.
        """
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: State = None) -> tuple[Tensor, State]:
        """Hidden vectors of one chunk, ``(batch, time, d_model)``, and the state after it.

        ``state`` is what the chunk before returned; None is the start.
        """
        y, after = self.cell(x, self._enter(x, state))
        return self.dropout(y), self._leave(after)

    def _enter(self, x: Tensor, state: State) -> Any:
        return None if state is None else _swap(state)

    def _leave(self, after: Any) -> State:
        return _swap(after)


class RNN(_Stacked):
    """The simple recurrent network, h_t = tanh(W x_t + U h_{t-1} + b), from a learnable h_0 (Elman 1990).

    Args:
        d_model: width of input, state and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__(nn.RNN, d_model, num_layers, dropout)
        self.initial = nn.Parameter(torch.zeros(num_layers, d_model))

    def _enter(self, x: Tensor, state: State) -> Tensor:
        if state is None:
            return self.initial[:, None].expand(-1, x.shape[0], -1).contiguous()
        return _swap(state)


class LSTM(_Stacked):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; with forget gates, Gers et al. 2000).

    Args:
        d_model: width of input, cell, state and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
        forget_bias: bias of the forget gates at the start of training; 1 keeps memory open (Gers et al. 2000;
            Jozefowicz et al. 2015). PyTorch's own start is about 0.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, forget_bias: float = 1.0) -> None:
        super().__init__(nn.LSTM, d_model, num_layers, dropout)
        with torch.no_grad():
            for name, bias in self.cell.named_parameters():
                # Gates lie in the order input, forget, cell, output; the two biases of a layer are added.
                if name.startswith("bias"):
                    bias[d_model : 2 * d_model] = forget_bias if name.startswith("bias_ih") else 0.0


class GRU(_Stacked):
    """Gated recurrent unit (Cho et al. 2014), in cuDNN's form: the reset gate acts after the product U h.

    Args:
        d_model: width of input, state and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__(nn.GRU, d_model, num_layers, dropout)


def _swap(state: State) -> State:
    """Between ours, batch first, and PyTorch's, layers first (its own inverse)."""
    if isinstance(state, tuple):
        return tuple(_swap(leaf) for leaf in state)
    return state.transpose(0, 1).contiguous()
