"""The classic recurrent backbones, stacked: the simple RNN (with four nonlinearities), IRNN, LSTM and GRU.

Shapes are named ``(batch, time, d_model)``; a state's leaves are ``(batch, num_layers, d_model)``. Each layer is a
module of PyTorch's (cuDNN's on CUDA) or a loop over time of our own. Dropout acts on what leaves each layer, never on
the recurrence (Zaremba et al. 2014, arXiv 1409.2329). It is drawn here and not by cuDNN, which keeps random numbers of
its own that no seed of a step reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.blocks import check_options

State = Any


class Stack(nn.Module):
    """What all recurrent nets share: layers one above the other, whole sequences and chunks alike.

    Args:
        cell: makes a layer: a module that maps ``(batch, time, d_model)`` and a state to the same and the state
            after it. Leaves of its states are ``(1, batch, ...)``, as those of ``torch.nn.RNN``; None is the start.
        d_model: width of input and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first, as in Wu et al. 2016
            (arXiv 1609.08144, from the second layer on instead of the third); one layer has none.
        start: shape of the state that each layer learns to start from; None means zeros.
    """

    causal = True

    def __init__(
        self,
        cell: Callable[[], nn.Module],
        d_model: int,
        num_layers: int,
        dropout: float,
        skip: bool,
        start: tuple[int, ...] | None = None,
    ) -> None:
        super().__init__()
        check_options(d_model, dropout, num_layers=num_layers)
        self.cells: Any = nn.ModuleList(cell() for _ in range(num_layers))
        self.initial = None if start is None else nn.Parameter(torch.zeros(num_layers, *start))
        self.dropout = nn.Dropout(dropout)
        self.skip = skip

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
        if state is None and self.initial is not None:
            state = self.initial.expand(len(x), *self.initial.shape)
        befores = [None] * len(self.cells) if state is None else _apart(state)
        after = []
        for layer, (cell, before) in enumerate(zip(self.cells, befores, strict=True)):
            y, left = cell(x, before)
            y = self.dropout(y)
            x = x + y if self.skip and layer else y
            after.append(left)
        return x, _together(after)


def _apart(state: State) -> list[Any]:
    """Each layer's part of a state, in PyTorch's shape."""
    if isinstance(state, tuple):
        return list(zip(*(_apart(leaf) for leaf in state), strict=True))
    return [leaf[None].contiguous() for leaf in state.unbind(1)]


def _together(layers: list[Any]) -> State:
    """The inverse of ``_apart``."""
    if isinstance(layers[0], tuple):
        return tuple(_together(list(leaves)) for leaves in zip(*layers, strict=True))
    return torch.stack([leaf[0] for leaf in layers], dim=1)


class RNN(Stack):
    """The simple recurrent network, h_t = f(W x_t + U h_{t-1} + b), from a learnable h_0.

    Elman's (1990) net, but its error goes back through all steps (Rumelhart et al. 1986). The units of
    ``threshold`` are McCulloch and Pitts' (1943): 1 where the sum is above 0, else 0. As that has no gradient, they
    learn by a straight-through estimator, the derivative of the sigmoid in the step's place (Bengio, Léonard &
    Courville 2013, arXiv 1308.3432, section 4, in the variant with that factor).

    Args:
        d_model: width of input, state and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first.
        nonlinearity: f: ``tanh``, ``relu``, ``sigmoid`` or ``threshold``; the last two have no kernel of PyTorch's,
            and take a slower loop over time.
    """

    def __init__(
        self,
        d_model: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        skip: bool = False,
        nonlinearity: str = "tanh",
    ) -> None:
        if nonlinearity in ("tanh", "relu"):
            cell: Callable[..., nn.RNN] = partial(nn.RNN, nonlinearity=nonlinearity)
        elif nonlinearity in _LOOPED:
            cell = partial(_LoopedRNN, _LOOPED[nonlinearity])
        else:
            raise ValueError(f"nonlinearity must be tanh, relu, sigmoid or threshold, got '{nonlinearity}'")
        layer = partial(cell, d_model, d_model, batch_first=True)
        super().__init__(layer, d_model, num_layers, dropout, skip, start=(d_model,))


class IRNN(RNN):
    """The simple recurrent network of rectified units that starts by keeping its state (Le et al. 2015).

    Le, Jaitly & Hinton 2015, arXiv 1504.00941: recurrent weights start as the identity, biases as 0, input weights
    from a Gaussian of standard deviation .001. Theirs has one layer and starts from zeros, where h_0 is learnt here.

    Args:
        d_model: width of input, state and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first.
        scale: what the identity is multiplied by; below 1 the state fades, as they advise where little is to be kept.
    """

    def __init__(
        self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False, scale: float = 1.0
    ) -> None:
        super().__init__(d_model, num_layers, dropout, skip, nonlinearity="relu")
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be a number above 0, got {scale}")
        with torch.no_grad():
            for cell in self.cells:
                nn.init.normal_(cell.weight_ih_l0, std=1e-3)
                nn.init.eye_(cell.weight_hh_l0).mul_(scale)
                nn.init.zeros_(cell.bias_ih_l0)
                nn.init.zeros_(cell.bias_hh_l0)


class LSTM(Stack):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; with forget gates, Gers et al. 2000).

    Args:
        d_model: width of input, cell, state and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first.
        forget_bias: bias of the forget gates at the start of training; 1 keeps memory open (Gers et al. 2000;
            Jozefowicz et al. 2015). PyTorch's own start is about 0.
    """

    def __init__(
        self,
        d_model: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        skip: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        layer = partial(LSTMLayer, d_model, d_model, forget_bias=forget_bias)
        super().__init__(layer, d_model, num_layers, dropout, skip)


class LSTMLayer(nn.LSTM):
    """One layer of ``nn.LSTM``, batch first, whose forget gates start from a bias of one's own.

    Args:
        sizes: widths of input and state.
        forget_bias: bias of the forget gates at the start of training.
    """

    def __init__(self, *sizes: int, forget_bias: float) -> None:
        super().__init__(*sizes, batch_first=True)
        _, _, inner, outer = self.all_weights[0]
        with torch.no_grad():
            # Gates lie in the order input, forget, cell, output; the two biases are added.
            inner.chunk(4)[1].fill_(forget_bias)
            outer.chunk(4)[1].zero_()

    def forward(self, x: Tensor, state: Any = None) -> Any:  # type: ignore[override]
        """As ``nn.LSTM``: ``(batch, time, d_model)`` and a state to the same."""
        # Under autocast, PyTorch asks whether a CPU has bfloat16 products only if the input is bfloat16 already.
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))
        return super().forward(x, state)


class GRU(Stack):
    """Gated recurrent unit (Cho et al. 2014), in cuDNN's form: the reset gate acts after the product U h.

    Args:
        d_model: width of input, state and output.
        num_layers: layers, each reading the one below.
        dropout: probability on each layer's output.
        skip: residual connections between layers, x + layer(x) for each layer but the first.
    """

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False) -> None:
        super().__init__(partial(nn.GRU, d_model, d_model, batch_first=True), d_model, num_layers, dropout, skip)


class _LoopedRNN(nn.RNN):
    """One layer of ``nn.RNN``, its parameters and their start, with another nonlinearity: a loop over time."""

    def __init__(self, nonlinearity: Callable[[Tensor], Tensor], *sizes: int, batch_first: bool) -> None:
        super().__init__(*sizes, batch_first=batch_first)
        self.f = nonlinearity

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """``(batch, time, d_model)`` and ``(1, batch, d_model)`` to the same."""
        (w, u, b, c), hidden, outputs = self.all_weights[0], state[0], []
        # All products with the inputs at once; single steps by unbind, whose gradient is one stack.
        for driven in F.linear(x, w, b + c).unbind(1):
            hidden = self.f(torch.addmm(driven, hidden, u.t()))
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), hidden[None]


def _threshold(total: Tensor) -> Tensor:
    """1 above 0, else 0; the gradient is the sigmoid's."""
    soft = torch.sigmoid(total)
    # Exactly 0 or 1: what is added is 0, and brings the gradient.
    return (total > 0).to(total.dtype) + (soft - soft.detach())


_LOOPED: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "threshold": _threshold}
