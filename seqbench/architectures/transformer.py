"""Transformers (Vaswani et al. 2017, arXiv 1706.03762), of today's form: norm first, rotary positions, GELU.

Shapes are named ``(batch, time, d_model)``, inside attention ``(batch, heads, time, width)``. A head's width is
``d_model / heads``, rounded up, so that every ``d_model`` fits. Positions enter as rotations of queries and keys (Su et
al. 2021, arXiv 2104.09864): what a query sees of a key depends on the distance alone, up to the rounding of angles (in
float32 about a thousandth at step 100,000).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from seqbench.architectures.blocks import CausalResidual, Residual, check_options

Cache = tuple[Tensor, Tensor, Tensor]

# Queries that attend at once where a mask is needed: it grows with their product with the steps they see.
BLOCK = 512


class Transformer(CausalResidual):
    """The causal one, with a cache of keys and values.

    A stream's cache grows to ``max_context`` steps, and so does what each new step costs: choose it small for streams.
    A layer's state is its last keys and values, ``(batch, heads, steps, width)`` with fewer ``steps`` than
    ``max_context``, and the count of all steps so far, ``(batch, 1)``.

    Args:
        d_model: width of input and output.
        num_layers: layers, each attention and an MLP four times as wide.
        dropout: probability on attention weights, and on what attention and MLPs add.
        heads: of each attention.
        max_context: steps that a layer's attention sees at most, the present one included.
    """

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, max_context: int = 1024
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads, max_context=max_context)
        mixers = [_CausalAttention(d_model, heads, dropout, max_context) for _ in range(num_layers)]
        super().__init__(d_model, mixers, dropout, expansion=4)


class BiTransformer(Residual):
    """The one that looks both ways: every output knows the whole sequence.

    Args:
        d_model: width of input and output.
        num_layers: layers, each attention and an MLP four times as wide.
        dropout: probability on attention weights, and on what attention and MLPs add.
        heads: of each attention.
    """

    def __init__(self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        mixers = [_Attention(d_model, heads, dropout) for _ in range(num_layers)]
        super().__init__(d_model, mixers, dropout, expansion=4)


class _Attention(nn.Module):
    """Every step attends to every step that is not padding."""

    def __init__(self, d_model: int, heads: int, dropout: float) -> None:
        super().__init__()
        inner = heads * -(-d_model // heads)
        self.heads, self.dropout = heads, dropout
        self.inward = nn.Linear(d_model, 3 * inner, bias=False)
        self.outward = nn.Linear(inner, d_model, bias=False)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What attention adds, ``(batch, time, d_model)``."""
        steps = torch.arange(x.shape[1], device=x.device)
        q, k, v = self._project(x, steps[None])
        mask = None if lengths is None else (steps < lengths[:, None])[:, None, None]
        return self._leave(self._attend(q, k, v, mask))

    def _project(self, x: Tensor, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = self.inward(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return rotate(q, position), rotate(k, position), v

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        return scaled_dot_product_attention(q, k, v, mask, dropout, is_causal)

    def _leave(self, read: Tensor) -> Tensor:
        y: Tensor = self.outward(read.transpose(1, 2).flatten(2))
        return y


class _CausalAttention(_Attention):
    """Every step attends to itself and to what came before, ``max_context`` steps in all."""

    def __init__(self, d_model: int, heads: int, dropout: float, max_context: int) -> None:
        super().__init__(d_model, heads, dropout)
        self.max_context = max_context

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """What attention adds, ``(batch, time, d_model)``."""
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Cache | None = None) -> tuple[Tensor, Cache]:
        """What attention adds to one chunk, and the keys, values and count of steps after it."""
        time = x.shape[1]
        count = x.new_zeros(len(x), 1, dtype=torch.long) if state is None else state[2]
        # Cached keys are rotated already, by their place in the whole stream.
        q, k, v = self._project(x, count + torch.arange(time, device=x.device))
        if state is not None:
            k, v = torch.cat([state[0], k], dim=2), torch.cat([state[1], v], dim=2)
        if k.shape[2] == time <= self.max_context:
            read = self._attend(q, k, v, is_causal=True)
        else:
            read = self._banded(q, k, v)
        # Copies: a view would keep all that was seen alive as long as the state.
        over = max(0, k.shape[2] - (self.max_context - 1))
        kept, values = (x[:, :, over:].clone() if over else x for x in (k, v))
        return self._leave(read), (kept, values, count + time)

    def _banded(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attention of the last steps, block by block: neither mask nor work grows with time squared."""
        reads, place = [], k.shape[2] - q.shape[2]  # of a block's first query among the keys
        for block in q.split(BLOCK, dim=2):
            low, high = max(0, place - (self.max_context - 1)), place + block.shape[2]
            keys = torch.arange(low, high, device=q.device)
            back = torch.arange(place, high, device=q.device)[:, None] - keys
            mask = (back >= 0) & (back < self.max_context)
            reads.append(self._attend(block, k[:, :, low:high], v[:, :, low:high], mask))
            place = high
        return torch.cat(reads, dim=2)


def rotate(x: Tensor, position: Tensor) -> Tensor:
    """Rotate pairs of channels by angles that grow with position, so that q . k depends on distances alone.

    Channel c and channel c + width // 2 are a pair, turned by position / 10000^(2c / width); the paper pairs
    neighbours, which is the same up to the order of channels. An odd width's last channel stays.

    Args:
        x: queries or keys, ``(batch, heads, time, width)``.
        position: whole numbers, ``(batch, time)`` or ``(1, time)``.

    Returns:
        ``(batch, heads, time, width)``.
    """
    half = x.shape[-1] // 2
    # Angles of half precision would not tell neighbours apart after some hundred steps.
    wide = torch.promote_types(x.dtype, torch.float32)
    speeds = 10_000.0 ** -(torch.arange(half, device=x.device, dtype=wide) / max(1, half))
    angles = position[:, None, :, None] * speeds
    cos, sin = angles.cos(), angles.sin()
    first, second, rest = x.to(wide).split([half, half, x.shape[-1] - 2 * half], dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos, rest], dim=-1).to(x.dtype)
