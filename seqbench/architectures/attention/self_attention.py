"""Self-attention in several heads, over all steps or over those so far with a cache of keys and values.

Tensors have the axes ``(batch, time, d_model)``, and ``(batch, heads, time, width)`` in attention. The width of a head
is ``d_model / heads``, rounded up, so that every ``d_model`` is valid.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from seqbench.architectures.attention.positions import ScorePositions, number_steps

Cache = tuple[Tensor, Tensor, Tensor]
"""Keys and values ``(batch, heads, steps, width)``, and the number of all steps so far ``(batch, 1)``."""

BLOCK = 512
"""Queries in one block where a mask is needed. The mask has this many rows, and a column for each visible key."""


class SelfAttention(nn.Module):
    """Attention of every step to every step that is not padding.

    Args:
        d_model: width of input and output.
        heads: number of heads.
        dropout: dropout probability of the attention weights.
        positions: how positions enter queries, keys and scores.
        qk_norm: whether queries and keys have norm layers of their own, over the width of a head and with one scale
            for each of its channels, before positions enter (Henry et al. 2020, arXiv 2010.04245; in this form Dehghani
            et al. 2023, arXiv 2302.05442, with a layer norm instead of an RMS norm).
    """

    def __init__(self, d_model: int, heads: int, dropout: float, positions: ScorePositions, qk_norm: bool) -> None:
        super().__init__()
        width = -(-d_model // heads)
        inner = heads * width
        self.heads, self.dropout, self.positions = heads, dropout, positions
        self.inward = nn.Linear(d_model, 3 * inner, bias=False)
        self.outward = nn.Linear(inner, d_model, bias=False)
        self.query_norm = nn.RMSNorm(width, eps=1e-6) if qk_norm else nn.Identity()
        self.key_norm = nn.RMSNorm(width, eps=1e-6) if qk_norm else nn.Identity()

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output of the attention for whole sequences, ``(batch, time, d_model)``."""
        steps = number_steps(x)
        q, k, v = self._project(x, steps)
        visible = None if lengths is None else (steps < lengths[:, None])[:, None, None]
        return self._output(self._attend(q, k, v, self._mask(steps.T - steps, visible, q.dtype)))

    def _project(self, x: Tensor, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries and keys with their positions, and values, each ``(batch, heads, time, width)``."""
        q, k, v = torch.unflatten(self.inward(x), -1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = self.query_norm(q).to(v.dtype), self.key_norm(k).to(v.dtype)
        return self.positions.rotate(q, position), self.positions.rotate(k, position), v

    def _mask(self, distance: Tensor, visible: Tensor | None, dtype: torch.dtype) -> Tensor | None:
        """Return which keys are visible, or what is added to the scores where positions have a bias.

        Args:
            distance: position of each query less that of each key, ``(queries, keys)``.
            visible: the keys that a query may see, of a shape that expands to ``(batch, heads, queries, keys)``.
            dtype: type of the scores.
        """
        bias = self.positions.bias(distance, dtype)
        if bias is None:
            return visible
        return bias[None] if visible is None else bias.masked_fill(~visible, -torch.inf)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        return scaled_dot_product_attention(q, k, v, mask, dropout, is_causal)

    def _output(self, attended: Tensor) -> Tensor:
        """Join the heads and project them to ``(batch, time, d_model)``."""
        y: Tensor = self.outward(attended.transpose(1, 2).flatten(2))
        return y


class CausalSelfAttention(SelfAttention):
    """Attention of every step to itself and to earlier steps, ``max_context`` steps in all.

    Args:
        d_model: width of input and output.
        heads: number of heads.
        dropout: dropout probability of the attention weights.
        positions: how positions enter queries, keys and scores.
        qk_norm: whether queries and keys have norm layers of their own.
        max_context: the largest number of steps that a step sees, including itself.
    """

    def __init__(
        self, d_model: int, heads: int, dropout: float, positions: ScorePositions, qk_norm: bool, max_context: int
    ) -> None:
        super().__init__(d_model, heads, dropout, positions, qk_norm)
        self.max_context = max_context

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output of the attention for whole sequences, ``(batch, time, d_model)``."""
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return the output of the attention for one chunk, and the keys, values and number of steps after it."""
        time = x.shape[1]
        count = x.new_zeros(len(x), 1, dtype=torch.long) if state is None else state[2]
        # Cached keys already have their positions in the whole stream.
        q, k, v = self._project(x, number_steps(x, count))
        if state is not None:
            k, v = torch.cat([state[0], k], dim=2), torch.cat([state[1], v], dim=2)
        if k.shape[2] == time <= self.max_context and not self.positions.has_bias:
            attended = self._attend(q, k, v, is_causal=True)
        else:
            attended = self._attend_in_blocks(q, k, v)
        # The cache is a copy: a view would keep all earlier keys in memory.
        surplus = max(0, k.shape[2] - (self.max_context - 1))
        keys, values = (x[:, :, surplus:].clone() if surplus else x for x in (k, v))
        return self._output(attended), (keys, values, count + time)

    def _attend_in_blocks(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Compute the attention of the last steps block by block, so that no mask grows with the square of time."""
        outputs, position = [], k.shape[2] - q.shape[2]  # Position of the first query of a block among the keys.
        for block in torch.split(q, BLOCK, dim=2):
            low, high = max(0, position - (self.max_context - 1)), position + block.shape[2]
            keys = torch.arange(low, high, device=q.device)
            distance = torch.arange(position, high, device=q.device)[:, None] - keys
            visible = (distance >= 0) & (distance < self.max_context)
            mask = self._mask(distance, visible, q.dtype)
            outputs.append(self._attend(block, k[:, :, low:high], v[:, :, low:high], mask))
            position = high
        return torch.cat(outputs, dim=2)
