"""Minimal gated networks, whose gates read the input alone: minGRU and minLSTM (Feng et al. 2024, arXiv 2410.01201).

Without the past in its gates, h_t = a_t h_{t-1} + b_t is linear in h and runs as a scan over time. Shapes are named
``(batch, time, d_model)``.

Candidates are plain linear maps of the input, as in the paper's Section 3. Its g, which keeps them positive, is there
for a scan over logarithms; ours runs on the numbers themselves, where 0 < a_t < 1 is all that stability asks for, so
that states may be negative.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.blocks import CausalResidual, Convolution, check_options
from seqbench.ops.linear_scan import linear_scan

State = tuple[Tensor, Tensor]


class _Minimal(CausalResidual):
    """What the two share: a stack of ``mixer`` layers."""

    def __init__(
        self, mixer: type[_Mixer], d_model: int, num_layers: int, dropout: float, expansion: int, taps: int, mlp: int
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, expansion=expansion)
        for name, value in (("taps", taps), ("mlp", mlp)):
            if value < 0:
                raise ValueError(f"{name} must be at least 0 (none), got {value}")
        super().__init__(d_model, [mixer(d_model, expansion, taps) for _ in range(num_layers)], dropout, mlp)


class MinGRU(_Minimal):
    """One gate that reads the input: h_t = (1 - z_t) h_{t-1} + z_t (V x_t + c), z_t = sigmoid(W x_t + b).

    A layer is convolution, recurrence and projection, then an MLP, each half with a norm before and a residual around,
    as the paper's language models have it; ``taps=0`` and ``mlp=0`` leave the bare recurrence. A layer's state is the
    convolution's last inputs, ``(batch, taps - 1, d_model)``, empty without one, and h ``(batch, expansion *
    d_model)``.

    Args:
        d_model: width of input and output.
        num_layers: layers, each reading the one below.
        dropout: probability on what is added to the residual stream.
        expansion: width of h over ``d_model``.
        taps: steps that the causal convolution before the recurrence sees; 0 for none.
        mlp: inner width of the MLP over ``d_model``; 0 for none.

    Raises:
        ValueError: a value is out of range.
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


class MinLSTM(_Minimal):
    """Two gates that share one unit of weight: h_t = f'_t h_{t-1} + i'_t (V x_t + c).

    f' = f / (f + i) and i' = i / (f + i), with f and i sigmoids of linear maps of the input: the two add up to one,
    so that the state's scale does not depend on a sequence's length. Layers are as in ``MinGRU``.

    Args:
        d_model: width of input and output.
        num_layers: layers, each reading the one below.
        dropout: probability on what is added to the residual stream.
        expansion: width of h over ``d_model``.
        taps: steps that the causal convolution before the recurrence sees; 0 for none.
        mlp: inner width of the MLP over ``d_model``; 0 for none.
        forget_bias: bias of the forget gates at the start of training, as in ``recurrent.LSTM``; more of it keeps
            memory for longer, and the paper found training to need fewer steps.

    Raises:
        ValueError: a value is out of range.
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
                # Parts lie in the order forget, input, candidate.
                mixer.parts.bias[:inner] = forget_bias


class _Mixer(nn.Module):
    """Convolution, ``count`` linear maps of what it gives, the scan that ``_terms`` makes of them, projection."""

    count: int

    def __init__(self, d_model: int, expansion: int, taps: int) -> None:
        super().__init__()
        inner = expansion * d_model
        self.convolution = Convolution(d_model, taps) if taps else None
        self.parts = nn.Linear(d_model, self.count * inner)
        self.out = nn.Linear(inner, d_model)

    def forward(self, x: Tensor) -> Tensor:
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        before, h0 = state if state is not None else (None, None)
        if self.convolution is None:
            after = x[:, :0]
        else:
            x, after = self.convolution.unroll(x, before)
        # In half precision a gate near one would forget in steps of 1/256: gates and state are float32 at least.
        wide = torch.promote_types(x.dtype, torch.float32)
        a, b = self._terms(*self.parts(x).to(wide).chunk(self.count, dim=-1))
        h = linear_scan(a, b, h0)
        return self.out(h.to(x.dtype)), (after, h[:, -1])

    def _terms(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError


class _MinGRUMixer(_Mixer):
    count = 2

    def _terms(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        update, candidate = parts
        # sigmoid(-u) is 1 - sigmoid(u), exact where that is small.
        return torch.sigmoid(-update), torch.sigmoid(update) * candidate


class _MinLSTMMixer(_Mixer):
    count = 3

    def _terms(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        forget, enter, candidate = parts
        # log i - log f, so that no two vanishing gates are ever divided.
        odds = F.logsigmoid(enter) - F.logsigmoid(forget)
        return torch.sigmoid(-odds), torch.sigmoid(odds) * candidate
