"""Mamba, a selective state space: its step, input and output maps depend on the input.

Tensors have the axes ``(batch, time, d_model)``; ``inner`` is ``expansion * d_model``.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.architectures.blocks import (
    CausalConvolution,
    CausalMixer,
    CausalResidualStack,
    ParameterGroup,
    check_options,
    group_without_decay,
)
from seqbench.ops.linear_scan import linear_scan

State = tuple[Tensor, Tensor]

_CHUNK = 64
"""Steps whose states are in memory at once: enough for a GPU, and few enough for sequences of any length."""


class Mamba(CausalResidualStack[State]):
    """A stack of selective state spaces (Gu & Dao 2023, arXiv 2312.00752).

    Each layer computes::

        u, z = W_in x                         u = silu(convolution(u))
        Delta, B, C = linear maps of u        Delta > 0, one for each channel, by a softplus
        h_t = exp(Delta_t A) h_{t-1} + Delta_t B_t u_t       ``state_size`` numbers in each channel
        y_t = W_out ((C_t . h_t + D u_t) silu(z_t))

    Each layer has a norm before it and a residual connection around it. A starts at -1 .. -state_size in each channel
    (S4D-Real), and Delta log-uniform in [0.001, 0.1]. As in the authors' code, A is discretised exactly and B by
    Euler's rule.

    Deviations: no projection is scaled down with depth, and training stores the states of all steps,
    ``(batch, time, inner, state_size)``, where the authors' kernel computes them again.

    The state of a layer is the last inputs of its convolution, ``(batch, taps - 1, inner)``, and h,
    ``(batch, inner, state_size)``, of at least float32.

    Args:
        d_model: width of input and output.
        num_layers: number of layers.
        dropout: dropout probability on the output of each layer, before the residual.
        state_size: numbers in the state of each inner channel.
        expansion: inner width as a multiple of ``d_model``.
        taps: steps in the causal convolution before the recurrence.

    Raises:
        ValueError: an option is out of range.
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

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return A, D and the bias of Delta, which have no weight decay: zero is not a neutral value for them."""
        return group_without_decay(self.mixers, "log_a", "skip", "step_bias")


class _Mixer(CausalMixer[State]):
    """One selective state space, with its convolution and its gate."""

    def __init__(self, d_model: int, state_size: int, expansion: int, taps: int) -> None:
        super().__init__()
        inner, rank = expansion * d_model, math.ceil(d_model / 16)
        self.sizes = [rank, state_size, state_size]
        self.enter = nn.Linear(d_model, 2 * inner, bias=False)
        self.convolution = CausalConvolution(inner, taps)
        self.select = nn.Linear(inner, sum(self.sizes), bias=False)
        self.step = nn.Linear(rank, inner, bias=False)
        nn.init.uniform_(self.step.weight, -(rank**-0.5), rank**-0.5)
        delta = torch.empty(inner).uniform_(math.log(1e-3), math.log(1e-1)).exp()
        # The inverse of softplus, log(exp(delta) - 1).
        self.step_bias = nn.Parameter(delta + torch.log(-torch.expm1(-delta)))
        self.log_a = nn.Parameter(torch.arange(1.0, state_size + 1).log().repeat(inner, 1))
        self.skip = nn.Parameter(torch.ones(inner))
        self.out = nn.Linear(inner, d_model, bias=False)

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the output for one chunk ``(batch, time, d_model)``, the last inputs of the convolution, and h."""
        inputs, h = state if state is not None else (None, None)
        u, z = self.enter(x).chunk(2, dim=-1)
        u, inputs = self.convolution.unroll(u, inputs)
        u = F.silu(u)
        # Decays are close to one and sums cover long times: the recurrence needs at least float32.
        dtype = torch.promote_types(u.dtype, torch.float32)
        rank, b, c = self.select(u).split(self.sizes, dim=-1)
        delta = F.softplus(self.step(rank).to(dtype) + self.step_bias.to(dtype))
        a = -self.log_a.to(dtype).exp()
        parts = []
        for chunk in zip(*(leaf.to(dtype).split(_CHUNK, dim=1) for leaf in (u, delta, b, c)), strict=True):
            y, h = _scan_chunk(a, h, *chunk)
            parts.append(y)
        assert h is not None
        y = torch.cat(parts, dim=1) + self.skip.to(dtype) * u
        return self.out(y.to(z.dtype) * F.silu(z)), (inputs, h)


def _scan_chunk(a: Tensor, h: Tensor | None, u: Tensor, delta: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the recurrence over one chunk.

    Args:
        a: A, ``(inner, state_size)``.
        h: the state before the chunk, ``(batch, inner, state_size)``; None means zeros.
        u: inputs, ``(batch, time, inner)``.
        delta: steps, ``(batch, time, inner)``.
        b: B, ``(batch, time, state_size)``.
        c: C, ``(batch, time, state_size)``.

    Returns:
        C_t . h_t for each step, ``(batch, time, inner)``, and the last h.
    """
    states = linear_scan(torch.exp(delta[..., None] * a), (delta * u)[..., None] * b[:, :, None], h)
    # The last state is a copy: a view would keep all states of the chunk in memory.
    return (states * c[:, :, None]).sum(-1), states[:, -1].clone()
