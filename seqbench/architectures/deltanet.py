"""Gated DeltaNet, a linear recurrence with a matrix memory (Yang, Kautz & Hatamizadeh 2024, arXiv 2412.06464).

``seqbench.ops.delta_rule`` computes the recurrence. This module holds the block around it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import silu, softplus

from seqbench.architectures.blocks import (
    CausalConvolution,
    CausalMixer,
    CausalResidualStack,
    ParameterGroup,
    check_options,
    group_without_decay,
)
from seqbench.ops.chunks import promote_to_float32
from seqbench.ops.delta_rule import delta_rule

TAPS = 4
State = tuple[Tensor, Tensor]


class GatedDeltaNet(CausalResidualStack[State]):
    """A stack of gated delta rules: each is a memory that decays, and that replaces the value stored at a key.

    In each head it computes::

        S_t = alpha_t (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T,    o_t = S_t^T q_t

    q, k and v are linear maps of the input, followed by a short causal convolution and SiLU; q and k are divided by
    their lengths. beta is a sigmoid, and the decay is that of Mamba-2, alpha = exp(-a softplus(w x + b)).
    The output of each head is normalised, and gated by SiLU of a linear map of the input.

    Deviations from arXiv 2412.06464: the keys of all heads together are ``d_model`` wide, and so are the queries and
    the values; the MLP has a GELU instead of SwiGLU.

    The state of a layer is the last inputs of its convolution, ``(batch, 3, 3 * heads * width)``, and its memory S,
    ``(batch, heads, width, width)``.

    Args:
        d_model: width of input and output. The width of a head is ``d_model / heads``, rounded up.
        num_layers: number of layers, each a memory and an MLP four times as wide.
        dropout: dropout probability on the outputs of memories and MLPs.
        heads: number of memories in each layer.
        negative: whether beta can reach 2 instead of 1, so that one step can invert the value stored at its key. A
            memory that can only decay does not learn parity (Grazzi et al. 2024, arXiv 2411.12537).

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, negative: bool = False
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        mixers = [_Mixer(d_model, heads, negative) for _ in range(num_layers)]
        super().__init__(d_model, mixers, dropout, expansion=4)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the parameters of the decay, which have no weight decay: zero is not a neutral value for them."""
        return group_without_decay(self.mixers, "log_a", "step_bias")


class _Mixer(CausalMixer[State]):
    """Projections, convolution and gates around ``delta_rule``."""

    def __init__(self, d_model: int, heads: int, negative: bool) -> None:
        super().__init__()
        width = -(-d_model // heads)
        inner = heads * width
        self.heads, self.reach = heads, 2.0 if negative else 1.0
        self.inward = nn.Linear(d_model, 3 * inner, bias=False)
        self.convolution = CausalConvolution(3 * inner, TAPS)
        self.rates = nn.Linear(d_model, 2 * heads, bias=False)
        self.gate = nn.Linear(d_model, inner, bias=False)
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.outward = nn.Linear(inner, d_model, bias=False)
        # As in Mamba-2, a starts in [1, 16] and the steps in [0.001, 0.1]: a memory lasts 1 to 1000 steps.
        steps = torch.empty(heads).uniform_(math.log(0.001), math.log(0.1)).exp()
        self.log_a = nn.Parameter(torch.empty(heads).uniform_(1, 16).log())
        self.step_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))  # the inverse of softplus

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the output of the memory for one chunk, the last inputs of the convolution, and the memory."""
        inputs, memory = (None, None) if state is None else state
        convolved, inputs = self.convolution.unroll(self.inward(x), inputs)
        q, k, v = torch.unflatten(silu(convolved), -1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        beta, step = torch.unflatten(self.rates(x), -1, (2, self.heads)).permute(2, 0, 3, 1)
        beta, step, log_a, bias = promote_to_float32(beta, step, self.log_a, self.step_bias)
        log_alpha = -log_a.exp()[:, None] * softplus(step + bias[:, None])
        y, memory = delta_rule(_normalize(q), _normalize(k), v, self.reach * beta.sigmoid(), log_alpha, memory)
        y = self.norm(y.transpose(1, 2).to(x.dtype)).flatten(2)
        return self.outward(y * silu(self.gate(x))), (inputs, memory)


def _normalize(x: Tensor) -> Tensor:
    """Divide vectors by their lengths, in at least float32."""
    (x,) = promote_to_float32(x)
    return x * torch.rsqrt(x.square().sum(-1, keepdim=True) + 1e-6)
