"""The mLSTM of xLSTM, an LSTM with a matrix as its cell (Beck et al. 2024, arXiv 2405.04517).

``seqbench.ops.matrix_memory`` computes the cell. This module holds the block around it, which widens its input first.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, logsigmoid, silu

from seqbench.architectures.blocks import (
    CausalConvolution,
    CausalMixer,
    CausalResidualStack,
    ParameterGroup,
    check_options,
    group_without_decay,
)
from seqbench.ops.chunks import promote_to_float32
from seqbench.ops.matrix_memory import State as Memory
from seqbench.ops.matrix_memory import matrix_memory

TAPS = 4
State = tuple[Tensor, Memory]


class MLSTM(CausalResidualStack[State]):
    """A stack of mLSTM blocks, each twice as wide inside as outside, without MLPs.

    In each head it computes::

        C_t = f_t C_{t-1} + i_t k_t v_t^T,    n_t = f_t n_{t-1} + i_t k_t,    h_t = C_t^T q_t / max(|n_t . q_t|, 1)

    with i = exp(...) and f = sigmoid(...). The input is projected to two halves. The first half passes a causal
    convolution and SiLU; q, k and the gates are maps of the result, and v is a map of the half before the convolution.
    h is normalised in each head. The output of the convolution, scaled in each channel, is added to h, and SiLU of the
    second half gates the sum.

    Deviations from arXiv 2405.04517: q, k and v are full maps within each head, not within blocks of four channels,
    and the gates depend on the output of the convolution, not on q, k and v.

    The state of a layer is the last inputs of its convolution, ``(batch, 3, heads * width)``, and its memory: C, n and
    the stabiliser, ``(batch, heads, width, width)``, ``(batch, heads, width)`` and ``(batch, heads)``.

    Args:
        d_model: width of input and output. The width of a head is ``2 * d_model / heads``, rounded up, at least 2.
        num_layers: number of blocks.
        dropout: dropout probability on the output of each block, before the residual.
        heads: number of memories in each block.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        super().__init__(d_model, [_Mixer(d_model, heads) for _ in range(num_layers)], dropout)

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the biases of the gates, which have no weight decay: it would shorten the memory."""
        return group_without_decay(self.mixers, "gates.bias")


class _Mixer(CausalMixer[State]):
    """Projections, convolution and gates around ``matrix_memory``."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        width = max(2, -(-2 * d_model // heads))  # A single channel is always zero after the norm.
        inner = heads * width
        self.heads, self.width = heads, width
        self.inward = nn.Linear(d_model, 2 * inner, bias=False)
        self.convolution = CausalConvolution(inner, TAPS)
        self.pairs = _HeadwiseLinear(heads, width, 2 * width)
        self.values = _HeadwiseLinear(heads, width, width)
        self.gates = nn.Linear(inner, 2 * heads)
        self.scale, self.skip = nn.Parameter(torch.ones(inner)), nn.Parameter(torch.ones(inner))
        self.outward = nn.Linear(inner, d_model, bias=False)
        # As the authors initialise it: gates do not depend on the input, and memories last 20 to 400 steps.
        with torch.no_grad():
            self.gates.weight.zero_()
            self.gates.bias[:heads].normal_(std=0.1)
            self.gates.bias[heads:] = torch.linspace(3.0, 6.0, heads)

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return the output for one chunk ``(batch, time, d_model)``, the convolution's inputs, and the memory."""
        inputs, memory = (None, None) if state is None else state
        inside, gate = self.inward(x).chunk(2, dim=-1)
        convolved, inputs = self.convolution.unroll(inside, inputs)
        convolved = silu(convolved)
        q, k = self.pairs(convolved).chunk(2, dim=-1)
        (gates,) = promote_to_float32(self.gates(convolved).transpose(1, 2))
        log_input, forget = gates.chunk(2, dim=1)
        k = k * self.width**-0.5
        h, memory = matrix_memory(q, k, self.values(inside), log_input, logsigmoid(forget), memory)
        h = layer_norm(h.transpose(1, 2), (self.width,)).flatten(2).to(x.dtype)
        return self.outward((self.scale * h + self.skip * convolved) * silu(gate)), (inputs, memory)


class _HeadwiseLinear(nn.Module):
    """A separate linear map of the channels of each head."""

    def __init__(self, heads: int, width: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(heads, width, out).uniform_(-(width**-0.5), width**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, time, heads * width)`` to ``(batch, heads, time, out)``."""
        return torch.unflatten(x, -1, self.weight.shape[:2]).transpose(1, 2) @ self.weight
