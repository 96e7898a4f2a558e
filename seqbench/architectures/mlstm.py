"""The mLSTM of xLSTM: an LSTM with a matrix for a cell, and no recurrence but the cell's (Beck et al. 2024).

The cell stands in ``seqbench.ops.matrix_memory``; the block is the one of arXiv 2405.04517 that widens first.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, logsigmoid, silu

from seqbench.architectures.blocks import CausalResidual, Convolution, check_options
from seqbench.ops.chunks import widen
from seqbench.ops.matrix_memory import matrix_memory

TAPS = 4


class MLSTM(CausalResidual):
    """A stack of mLSTM blocks, each twice as wide inside, without MLPs.

    In each, one half of the widened input passes a causal convolution and SiLU, from which queries, keys and gates are
    made (values are made from what entered the convolution); the memory's output is normed by heads, what left the
    convolution is added, scaled by channel, and the other half gates all by SiLU. Unlike the paper's: queries, keys
    and values are full maps within each head, not within blocks of four channels, and gates see what left the
    convolution, not queries, keys and values. A block's state is the last inputs of its convolution, ``(batch, 3,
    heads * width)``, and its memory: ``(batch, heads, width, width)``, ``(batch, heads, width)``, ``(batch, heads)``.

    Args:
        d_model: width of input and output; a head's is ``2 * d_model / heads``, rounded up, and 2 at least.
        num_layers: blocks, each reading the one below.
        dropout: probability on what each block adds.
        heads: memories of each block.
    """

    def __init__(self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        super().__init__(d_model, [_Mixer(d_model, heads) for _ in range(num_layers)], dropout)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Biases of the gates: weight decay would make memories short."""
        return [{"params": [mixer.gates.bias for mixer in self.mixers], "weight_decay": 0.0}]


class _Mixer(nn.Module):
    """Projections, convolution and gates around ``matrix_memory``."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        width = max(2, -(-2 * d_model // heads))  # The norm of a single channel would always be zero.
        inner = heads * width
        self.heads, self.width = heads, width
        self.inward = nn.Linear(d_model, 2 * inner, bias=False)
        self.convolution = Convolution(inner, TAPS)
        self.pairs = _Headwise(heads, width, 2 * width)
        self.values = _Headwise(heads, width, width)
        self.gates = nn.Linear(inner, 2 * heads)
        self.scale, self.skip = nn.Parameter(torch.ones(inner)), nn.Parameter(torch.ones(inner))
        self.outward = nn.Linear(inner, d_model, bias=False)
        # The authors' start: gates know nothing of the input, and heads remember for 20 to 400 steps.
        with torch.no_grad():
            self.gates.weight.zero_()
            self.gates.bias[:heads].normal_(std=0.1)
            self.gates.bias[heads:] = torch.linspace(3.0, 6.0, heads)

    def forward(self, x: Tensor) -> Tensor:
        """What the block adds, ``(batch, time, d_model)``."""
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """What the block adds to one chunk, and the convolution's inputs and the memory after it."""
        seen, memory = (None, None) if state is None else state
        inside, gate = self.inward(x).chunk(2, dim=-1)
        mixed, seen = self.convolution.unroll(inside, seen)
        mixed = silu(mixed)
        q, k = self.pairs(mixed).chunk(2, dim=-1)
        (gates,) = widen(self.gates(mixed).transpose(1, 2))
        log_input, forget = gates.chunk(2, dim=1)
        k = k * self.width**-0.5
        read, memory = matrix_memory(q, k, self.values(inside), log_input, logsigmoid(forget), memory)
        read = layer_norm(read.transpose(1, 2), (self.width,)).flatten(2).to(x.dtype)
        return self.outward((self.scale * read + self.skip * mixed) * silu(gate)), (seen, memory)


class _Headwise(nn.Module):
    """A linear map of each head's channels by themselves: ``(batch, time, heads * width)`` to heads first."""

    def __init__(self, heads: int, width: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(heads, width, out).uniform_(-(width**-0.5), width**-0.5))

    def forward(self, x: Tensor) -> Tensor:
        """``(batch, heads, time, out)``."""
        return x.unflatten(-1, self.weight.shape[:2]).transpose(1, 2) @ self.weight
