"""The classic recurrent networks in stacks: the simple RNN (with four nonlinearities), IRNN, LSTM and GRU.

Tensors have the axes ``(batch, time, d_model)``. The leaves of a state are ``(batch, num_layers, d_model)``. A layer is
a module of PyTorch (which uses cuDNN on CUDA) or a loop over time of this package.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.recurrent_stack import RecurrentStack


class RNN(RecurrentStack[Tensor]):
    """The simple recurrent network, h_t = f(W x_t + U h_{t-1} + b), with a learnt h_0.

    It is Elman's network (1990), trained by backpropagation through all steps (Rumelhart et al. 1986).

    The units of ``threshold`` are those of McCulloch and Pitts (1943): 1 where the sum is above 0, else 0. This step
    has no useful gradient, so that they use a straight-through estimator, the derivative of the sigmoid (Bengio,
    Léonard & Courville 2013, arXiv 1308.3432, section 4, in the variant with that factor).

    The state is the last hidden vector of each layer, ``(batch, num_layers, d_model)``.

    Args:
        d_model: width of input, state and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first.
        nonlinearity: f, one of ``tanh``, ``relu``, ``sigmoid`` and ``threshold``. PyTorch has no kernel for the last
            two, which use a slower loop over time.

    Raises:
        ValueError: an option is out of range, or the nonlinearity is unknown.
    """

    bidirectional = "birnn"

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
    """The simple recurrent network of rectified units whose initial weights keep the state (Le et al. 2015).

    h_t = relu(W x_t + U h_{t-1} + b). Recurrent weights U start as the identity, biases as 0, and input weights from a
    Gaussian with the standard deviation 0.001 (Le, Jaitly & Hinton 2015, arXiv 1504.00941).

    Deviations: the paper's network has one layer and starts from zeros; here h_0 is learnt.

    The state is the last hidden vector of each layer, ``(batch, num_layers, d_model)``.

    Args:
        d_model: width of input, state and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first.
        scale: factor of the identity, above 0. With a factor below 1 the state decays, which the authors recommend for
            short memories.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False, scale: float = 1.0
    ) -> None:
        super().__init__(d_model, num_layers, dropout, skip, nonlinearity="relu")
        if not 0 < scale < math.inf:
            raise ValueError(f"scale must be a number above 0, got {scale}")
        with torch.no_grad():
            for cell in self.cells:
                nn.init.normal_(cell.get_parameter("weight_ih_l0"), std=1e-3)
                nn.init.eye_(cell.get_parameter("weight_hh_l0")).mul_(scale)
                nn.init.zeros_(cell.get_parameter("bias_ih_l0"))
                nn.init.zeros_(cell.get_parameter("bias_hh_l0"))


class LSTM(RecurrentStack[tuple[Tensor, Tensor]]):
    """Long short-term memory (Hochreiter & Schmidhuber 1997) with forget gates (Gers et al. 2000).

    Each layer computes::

        c_t = f_t c_{t-1} + i_t tanh(W_c x_t + U_c h_{t-1} + b_c),    h_t = o_t tanh(c_t)

    where the gates i, f and o are sigmoids of W x_t + U h_{t-1} + b with their own weights.

    The state is h and c, ``(batch, num_layers, d_model)`` each.

    Args:
        d_model: width of input, cell, state and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first.
        forget_bias: initial bias of the forget gates. A bias of 1 keeps the memory at the start of training (Gers et
            al. 2000; Jozefowicz et al. 2015). PyTorch's own initial bias is about 0.

    Raises:
        ValueError: an option is out of range.
    """

    bidirectional = "bilstm"

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
    """One layer of ``nn.LSTM``, batch first, with a chosen initial bias of the forget gates.

    Args:
        sizes: widths of input and state.
        forget_bias: initial bias of the forget gates.
    """

    def __init__(self, *sizes: int, forget_bias: float) -> None:
        super().__init__(*sizes, batch_first=True)
        _, _, input_bias, state_bias = self.all_weights[0]
        with torch.no_grad():
            # The order of the gates is input, forget, cell, output. The two biases are added.
            input_bias.chunk(4)[1].fill_(forget_bias)
            state_bias.chunk(4)[1].zero_()

    # nn.LSTM also accepts packed sequences.
    def forward(  # type: ignore[override]
        self, x: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the outputs ``(batch, time, d_model)``, and h and c ``(1, batch, d_model)`` after them."""
        # Under autocast, PyTorch checks for bfloat16 products of the CPU only if the input is bfloat16 already.
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            x = x.to(torch.get_autocast_dtype("cpu"))
        return super().forward(x, state)


class GRU(RecurrentStack[Tensor]):
    """Gated recurrent unit (Cho et al. 2014), in cuDNN's form: the reset gate r acts after the product U h.

    Each layer computes::

        h_t = (1 - z_t) n_t + z_t h_{t-1},    n_t = tanh(W x_t + b + r_t (U h_{t-1} + c))

    where the gates z and r are sigmoids of W x_t + U h_{t-1} + b with their own weights.

    The state is the last hidden vector of each layer, ``(batch, num_layers, d_model)``.

    Args:
        d_model: width of input, state and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer.
        skip: add residual connections, x + layer(x), to all layers except the first.

    Raises:
        ValueError: an option is out of range.
    """

    bidirectional = "bigru"

    def __init__(self, d_model: int, num_layers: int = 1, dropout: float = 0.0, skip: bool = False) -> None:
        super().__init__(partial(nn.GRU, d_model, d_model, batch_first=True), d_model, num_layers, dropout, skip)


class _LoopedRNN(nn.RNN):
    """One layer with the parameters of ``nn.RNN`` and another nonlinearity, computed by a loop over time."""

    def __init__(self, nonlinearity: Callable[[Tensor], Tensor], *sizes: int, batch_first: bool) -> None:
        super().__init__(*sizes, batch_first=batch_first)
        self.f = nonlinearity

    # nn.RNN also accepts packed sequences.
    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Return the outputs ``(batch, time, d_model)`` and the last hidden vector ``(1, batch, d_model)``."""
        (w, u, b, c), hidden, outputs = self.all_weights[0], state[0], []
        # Multiply all inputs at once. The gradient of unbind is one stack.
        for from_input in F.linear(x, w, b + c).unbind(1):
            hidden = self.f(torch.addmm(from_input, hidden, u.t()))
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), hidden[None]


def _threshold(total: Tensor) -> Tensor:
    """Return 1 above 0 and 0 elsewhere, with the gradient of the sigmoid."""
    soft = torch.sigmoid(total)
    # The second term has the value 0 and the gradient of the sigmoid.
    return (total > 0).to(total.dtype) + (soft - soft.detach())


_LOOPED: dict[str, Callable[[Tensor], Tensor]] = {"sigmoid": torch.sigmoid, "threshold": _threshold}
