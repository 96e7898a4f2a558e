"""Minimal gated networks, minGRU and minLSTM, whose gates depend on the input alone (Feng et al. 2024).

Because no gate depends on the past, h_t = a_t h_{t-1} + b_t is linear in h, and is computed by a scan over time.
Tensors have the axes ``(batch, time, d_model)``.

Candidates are linear maps of the input, as in section 3 of the paper (arXiv 2410.01201). The paper's function g makes
candidates positive for a scan over logarithms. The scan here works on the numbers themselves, so that candidates and
states can be negative; it is stable because 0 < a_t < 1.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.blocks import CausalConvolution, CausalMixer, CausalResidualStack, check_options
from seqbench.ops.linear_scan import linear_scan

State = tuple[Tensor, Tensor]


class _MinimalStack(CausalResidualStack[State]):
    """A stack of mixers of one class, after a check of the options."""

    def __init__(
        self, mixer: type[_Mixer], d_model: int, num_layers: int, dropout: float, expansion: int, taps: int, mlp: int
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, expansion=expansion)
        for name, value in (("taps", taps), ("mlp", mlp)):
            if value < 0:
                raise ValueError(f"{name} must be at least 0 (none), got {value}")
        super().__init__(d_model, [mixer(d_model, expansion, taps) for _ in range(num_layers)], dropout, mlp)


class MinGRU(_MinimalStack):
    """A stack of minimal gated recurrent units: h_t = (1 - z_t) h_{t-1} + z_t (V x_t + c), z_t = sigmoid(W x_t + b).

    As in the paper's language models, a layer is a convolution, the recurrence and a projection, followed by an MLP;
    both parts have a norm before them and a residual connection around them. With ``taps=0`` and ``mlp=0`` a layer is
    the recurrence and the projection alone (Feng et al. 2024, arXiv 2410.01201).

    The state of a layer is the last inputs of its convolution, ``(batch, taps - 1, d_model)``, empty without a
    convolution, and h, ``(batch, expansion * d_model)``, of at least float32.

    Args:
        d_model: width of input and output.
        num_layers: number of layers.
        dropout: dropout probability on the outputs of recurrences and MLPs, before the residual.
        expansion: width of h as a multiple of ``d_model``.
        taps: steps in the causal convolution before the recurrence; 0 for no convolution.
        mlp: inner width of the MLP as a multiple of ``d_model``; 0 for no MLP.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        d_model: int,
        num_layers: int = 2,
        dropout: float = 0.0,
        expansion: int = 1,
        taps: int = 4,
        mlp: int = 4,
    ) -> None:
        super().__init__(_MinGRUMixer, d_model, num_layers, dropout, expansion, taps, mlp)


class MinLSTM(_MinimalStack):
    """A stack of minimal long short-term memories: h_t = f'_t h_{t-1} + i'_t (V x_t + c).

    The gates f = sigmoid(W x_t + b) and i = sigmoid(U x_t + d) are normalised, f' = f / (f + i) and i' = i / (f + i).
    They add up to one, so that the scale of the state does not depend on the length of a sequence. Layers and states
    are those of ``MinGRU`` (Feng et al. 2024, arXiv 2410.01201).

    Args:
        d_model: width of input and output.
        num_layers: number of layers.
        dropout: dropout probability on the outputs of recurrences and MLPs, before the residual.
        expansion: width of h as a multiple of ``d_model``.
        taps: steps in the causal convolution before the recurrence; 0 for no convolution.
        mlp: inner width of the MLP as a multiple of ``d_model``; 0 for no MLP.
        forget_bias: initial bias of the forget gates, as in ``recurrent.LSTM``. With a larger bias the memory lasts
            longer; the paper reports that training then needs fewer steps.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        d_model: int,
        num_layers: int = 2,
        dropout: float = 0.0,
        expansion: int = 1,
        taps: int = 4,
        mlp: int = 4,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(_MinLSTMMixer, d_model, num_layers, dropout, expansion, taps, mlp)
        inner = expansion * d_model
        with torch.no_grad():
            for mixer in self.mixers:
                # The order of the parts is forget, input, candidate.
                mixer.get_parameter("parts.bias")[:inner] = forget_bias


class _Mixer(CausalMixer[State]):
    """A convolution, ``count`` linear maps of its output, the scan of their ``_terms``, and a projection."""

    count: int

    def __init__(self, d_model: int, expansion: int, taps: int) -> None:
        super().__init__()
        inner = expansion * d_model
        self.convolution = CausalConvolution(d_model, taps) if taps else None
        self.parts = nn.Linear(d_model, self.count * inner)
        self.out = nn.Linear(inner, d_model)

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the output for one chunk ``(batch, time, d_model)``, the last inputs of the convolution, and h."""
        inputs, h0 = state if state is not None else (None, None)
        if self.convolution is None:
            inputs = x[:, :0]
        else:
            x, inputs = self.convolution.unroll(x, inputs)
        # Near one, half precision has steps of 1/256, too coarse for a gate: gates and h have at least float32.
        dtype = torch.promote_types(x.dtype, torch.float32)
        a, b = self._terms(*self.parts(x).to(dtype).chunk(self.count, dim=-1))
        h = linear_scan(a, b, h0)
        return self.out(h.to(x.dtype)), (inputs, h[:, -1])

    def _terms(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """Return a and b of the recurrence h_t = a_t h_{t-1} + b_t."""
        raise NotImplementedError


class _MinGRUMixer(_Mixer):
    count = 2

    def _terms(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        update, candidate = parts
        # sigmoid(-u) equals 1 - sigmoid(u), and is exact where that is small.
        return torch.sigmoid(-update), torch.sigmoid(update) * candidate


class _MinLSTMMixer(_Mixer):
    count = 3

    def _terms(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        forget, enter, candidate = parts
        # f' = sigmoid(log f - log i). This form divides by no sum of gates, which can be zero.
        odds = F.logsigmoid(enter) - F.logsigmoid(forget)
        return torch.sigmoid(-odds), torch.sigmoid(odds) * candidate
