"""Gated DeltaNet: a matrix memory that replaces what it holds at a key, and forgets (Yang, Kautz & Hatamizadeh 2024).

The recurrence stands in ``seqbench.ops.delta_rule``; the block is that of arXiv 2412.06464.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from seqbench.architectures.blocks import CausalResidual, Convolution, check_options
from seqbench.ops.chunks import widen
from seqbench.ops.delta_rule import delta_rule

TAPS = 4


class GatedDeltaNet(CausalResidual):
    """S_t = alpha_t (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T, o_t = S_t^T q_t, with gates of the input.

    Queries, keys and values pass a short convolution and SiLU; queries and keys have length one; the keeping rate is
    Mamba-2's, alpha = exp(-a softplus(w x + b)); each head's output is normed, and gated by SiLU. Unlike the paper's,
    keys, queries and values are all ``d_model`` wide together, and the MLP has GELU in place of SwiGLU. A layer's state
    is the last inputs of its convolution, ``(batch, 3, 3 * heads * width)``, and its memory, ``(batch, heads, width,
    width)``.

    Args:
        d_model: width of input and output; a head's is ``d_model / heads``, rounded up.
        num_layers: layers, each a memory and an MLP four times as wide.
        dropout: probability on what memories and MLPs add.
        heads: memories of each layer.
        negative: let beta reach 2, not 1, so that a step may turn what it finds at its key into its opposite. What
            only fades cannot tell odd from even (Grazzi et al. 2024, arXiv 2411.12537).
    """

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, negative: bool = False
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        mixers = [_Mixer(d_model, heads, negative) for _ in range(num_layers)]
        super().__init__(d_model, mixers, dropout, expansion=4)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Rates of forgetting: weight decay would pull them to values that mean nothing."""
        return [{"params": [p for m in self.mixers for p in (m.log_a, m.step_bias)], "weight_decay": 0.0}]


class _Mixer(nn.Module):
    """Projections, convolution and gates around ``delta_rule``."""

    def __init__(self, d_model: int, heads: int, negative: bool) -> None:
        super().__init__()
        width = -(-d_model // heads)
        inner = heads * width
        self.heads, self.reach = heads, 2.0 if negative else 1.0
        self.inward = nn.Linear(d_model, 3 * inner, bias=False)
        self.convolution = Convolution(3 * inner, TAPS)
        self.rates = nn.Linear(d_model, 2 * heads, bias=False)
        self.gate = nn.Linear(d_model, inner, bias=False)
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.outward = nn.Linear(inner, d_model, bias=False)
        # Mamba-2's start: a in [1, 16], steps in [0.001, 0.1], so that memories last 1 to 1000 steps.
        steps = torch.empty(heads).uniform_(math.log(0.001), math.log(0.1)).exp()
        self.log_a = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.step_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))  # softplus, inverted

    def forward(self, x: Tensor) -> Tensor:
        """What the memory adds, ``(batch, time, d_model)``."""
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """What the memory adds to one chunk, and the convolution's inputs and the memory after it."""
        seen, memory = (None, None) if state is None else state
        mixed, seen = self.convolution.unroll(self.inward(x), seen)
        q, k, v = silu(mixed).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        beta, step = self.rates(x).unflatten(-1, (2, self.heads)).permute(2, 0, 3, 1)
        beta, step, log_a, bias = widen(beta, step, self.log_a, self.step_bias)
        log_alpha = -log_a.exp()[:, None] * softplus(step + bias[:, None])
        read, memory = delta_rule(_unit(q), _unit(k), v, self.reach * beta.sigmoid(), log_alpha, memory)
        read = self.norm(read.transpose(1, 2).to(x.dtype)).flatten(2)
        return self.outward(read * silu(self.gate(x))), (seen, memory)


def _unit(x: Tensor) -> Tensor:
    (x,) = widen(x)
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)
