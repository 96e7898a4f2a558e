"""The linear transformer: attention whose state does not grow (Katharopoulos et al. 2020, arXiv 2006.16236)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.architectures.blocks import CausalResidual, check_options
from seqbench.ops.linear_attention import linear_attention

Sums = tuple[Tensor, Tensor]


class LinearAttention(CausalResidual):
    """Attention with weights phi(q) . phi(k), phi(x) = elu(x) + 1, in place of exp(q . k).

    Positions enter through causality alone. Training is parallel over time, in chunks. A layer's state is the sums of
    phi(k) v^T, ``(batch, heads, width, width)``, and of phi(k), ``(batch, heads, width)``.

    Args:
        d_model: width of input and output; a head's is ``d_model / heads``, rounded up.
        num_layers: layers, each attention and an MLP four times as wide.
        dropout: probability on what attention and MLPs add.
        heads: of each attention.
    """

    def __init__(self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        super().__init__(d_model, [_Mixer(d_model, heads) for _ in range(num_layers)], dropout, expansion=4)


class _Mixer(nn.Module):
    """Projections around ``linear_attention``."""

    def __init__(self, d_model: int, heads: int) -> None:
        super().__init__()
        inner = heads * -(-d_model // heads)
        self.heads = heads
        self.inward = nn.Linear(d_model, 3 * inner, bias=False)
        self.outward = nn.Linear(inner, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """What attention adds, ``(batch, time, d_model)``."""
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Sums | None = None) -> tuple[Tensor, Sums]:
        """What attention adds to one chunk, and the sums after it."""
        q, k, v = self.inward(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        read, sums = linear_attention(feature(q), feature(k), v, state)
        return self.outward(read.transpose(1, 2).flatten(2).to(x.dtype)), sums


def feature(x: Tensor) -> Tensor:
    """phi(x) = elu(x) + 1, element by element: x + 1 above zero, e^x below, where adding 1 to elu would lose it."""
    return torch.where(x > 0, x + 1, x.clamp(max=0).exp())
