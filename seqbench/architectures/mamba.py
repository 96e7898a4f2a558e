"""Mamba: a state space whose step, input and output are chosen by what it reads (Gu & Dao 2023, arXiv 2312.00752).

    u, z = W_in x                         u = silu(convolution(u))
    Delta, B, C = maps of u               Delta > 0, one for each channel
    h_t = exp(Delta_t A) h_{t-1} + Delta_t B_t u_t           state_size numbers for each channel
    y_t = W_out ((C_t . h_t + D u_t) silu(z_t))

Shapes are named ``(batch, time, d_model)``; ``inner`` is ``expansion * d_model``.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.blocks import CausalResidual, Convolution, check_options
from seqbench.ops.linear_scan import linear_scan

State = tuple[Tensor, Tensor]

# Steps whose states exist at once: enough to keep a GPU busy, few enough for sequences of any length.
_CHUNK = 64


class Mamba(CausalResidual):
    """A stack of selective state spaces, with a norm before and a residual around each (Gu & Dao 2023).

    A starts at -1 .. -state_size in each channel (S4D-Real), Delta log-uniform in [0.001, 0.1]. As in the authors'
    code, A is discretised exactly and B by Euler's rule. Two deviations: no projection is scaled down by depth, and
    training keeps the states of all steps, ``(batch, time, inner, state_size)``, where their kernel recomputes them. A
    layer's state is the convolution's last inputs, ``(batch, taps - 1, inner)``, and h ``(batch, inner, state_size)``,
    float32 at least.

    Args:
        d_model: width of input and output.
        num_layers: layers, each reading the one below.
        dropout: probability on what is added to the residual stream.
        state_size: numbers that each inner channel remembers.
        expansion: inner width over ``d_model``.
        taps: steps that the causal convolution before the recurrence sees.

    Raises:
        ValueError: a value is out of range.
    """

    def __init__(
        self,
        d_model: int,
        num_layers: int = 2,
        dropout: float = 0.0,
        state_size: int = 16,
        expansion: int = 2,
        taps: int = 4,
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, state_size=state_size, expansion=expansion, taps=taps)
        mixers = [_Mixer(d_model, state_size, expansion, taps) for _ in range(num_layers)]
        super().__init__(d_model, mixers, dropout)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """A, D and the bias of Delta without weight decay: zero is no neutral value for them."""
        params = [p for mixer in self.mixers for p in (mixer.log_a, mixer.skip, mixer.step_bias)]
        return [{"params": params, "weight_decay": 0.0}]


class _Mixer(nn.Module):
    def __init__(self, d_model: int, state_size: int, expansion: int, taps: int) -> None:
        super().__init__()
        inner, rank = expansion * d_model, math.ceil(d_model / 16)
        self.sizes = [rank, state_size, state_size]
        self.enter = nn.Linear(d_model, 2 * inner, bias=False)
        self.convolution = Convolution(inner, taps)
        self.select = nn.Linear(inner, sum(self.sizes), bias=False)
        self.step = nn.Linear(rank, inner, bias=False)
        nn.init.uniform_(self.step.weight, -(rank**-0.5), rank**-0.5)
        delta = torch.empty(inner).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        # The inverse of softplus, log(exp(delta) - 1).
        self.step_bias = nn.Parameter(delta + torch.log(-torch.expm1(-delta)))
        self.log_a = nn.Parameter(torch.arange(1.0, state_size + 1).log().repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        before, h = state if state is not None else (None, None)
        u, z = self.enter(x).chunk(2, dim=-1)
        u, after = self.convolution.unroll(u, before)
        u = F.silu(u)
        # Rates close to one and sums over long times: what recurs is float32 at least.
        wide = torch.promote_types(u.dtype, torch.float32)
        rank, b, c = self.select(u).split(self.sizes, dim=-1)
        delta = F.softplus(self.step(rank).to(wide) + self.step_bias.to(wide))
        a = -self.log_a.to(wide).exp()
        parts = []
        for chunk in zip(*(leaf.to(wide).split(_CHUNK, dim=1) for leaf in (u, delta, b, c)), strict=True):
            y, h = _scan(a, h, *chunk)
            parts.append(y)
        assert h is not None
        y = torch.cat(parts, dim=1) + self.skip.to(wide) * u
        return self.out(y.to(z.dtype) * F.silu(z)), (after, h)


def _scan(a: Tensor, h: Tensor | None, u: Tensor, delta: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """One chunk of the recurrence: C_t . h_t ``(batch, time, inner)``, and the last h ``(batch, inner, state_size)``.

    Args:
        a: ``(inner, state_size)``.
        h: ``(batch, inner, state_size)``; None is the start.
        u: ``(batch, time, inner)``.
        delta: ``(batch, time, inner)``.
        b: ``(batch, time, state_size)``.
        c: ``(batch, time, state_size)``.
    """
    states = linear_scan(torch.exp(delta[..., None] * a), (delta * u)[..., None] * b[:, :, None], h)
    # A view would keep all of the chunk's states alive.
    return (states * c[:, :, None]).sum(-1), states[:, -1].clone()
