"""Transformers (Vaswani et al. 2017, arXiv 1706.03762) in their present form: pre-norm, rotary positions, GELU.

Tensors have the axes ``(batch, time, d_model)``, and ``(batch, heads, time, width)`` in attention. The width of a head
is ``d_model / heads``, rounded up, so that every ``d_model`` is valid.

Positions enter as rotations of queries and keys (Su et al. 2021, arXiv 2104.09864). The product of a query and a key
then depends on their distance alone, up to the rounding of angles (in float32 about 0.001 at step 100,000).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from seqbench.architectures.blocks import CausalResidualStack, ResidualStack, check_options

Cache = tuple[Tensor, Tensor, Tensor]
"""Keys and values ``(batch, heads, steps, width)``, and the number of all steps so far ``(batch, 1)``."""

BLOCK = 512
"""Queries in one block where a mask is needed. The mask has this many rows, and a column for each visible key."""


class Transformer(CausalResidualStack[Cache]):
    """A causal transformer with a cache of keys and values.

    Each layer computes::

        x = x + attention(norm(x)),    x = x + mlp(norm(x)),    o_t = softmax(q_t K^T / sqrt(width)) V  in each head

    where K and V hold the last ``max_context`` steps, and the MLP has a GELU (Vaswani et al. 2017; Su et al. 2021).
    The cache grows to ``max_context`` steps, and with it the cost of each new step, so that a stream needs a small
    ``max_context``.

    The state of a layer is its last keys and values, ``(batch, heads, steps, width)`` with at most
    ``max_context - 1`` steps, and the number of all steps so far, ``(batch, 1)``.

    Args:
        d_model: width of input and output.
        num_layers: number of layers, each an attention and an MLP four times as wide.
        dropout: dropout probability on attention weights, and on the outputs of attentions and MLPs.
        heads: number of heads in each attention.
        max_context: the largest number of steps that the attention of a layer sees, including the current one.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4, max_context: int = 1024
    ) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads, max_context=max_context)
        mixers = [_CausalAttention(d_model, heads, dropout, max_context) for _ in range(num_layers)]
        super().__init__(d_model, mixers, dropout, expansion=4)


class BiTransformer(ResidualStack):
    """A transformer whose steps attend to the whole sequence, before and after them.

    The equations are those of ``Transformer``, where K and V hold all steps that are not padding.

    Args:
        d_model: width of input and output.
        num_layers: number of layers, each an attention and an MLP four times as wide.
        dropout: dropout probability on attention weights, and on the outputs of attentions and MLPs.
        heads: number of heads in each attention.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, d_model: int, num_layers: int = 2, dropout: float = 0.0, heads: int = 4) -> None:
        check_options(d_model, dropout, num_layers=num_layers, heads=heads)
        mixers = [_Attention(d_model, heads, dropout) for _ in range(num_layers)]
        super().__init__(d_model, mixers, dropout, expansion=4)


class _Attention(nn.Module):
    """Attention of every step to every step that is not padding."""

    def __init__(self, d_model: int, heads: int, dropout: float) -> None:
        super().__init__()
        inner = heads * -(-d_model // heads)
        self.heads, self.dropout = heads, dropout
        self.inward = nn.Linear(d_model, 3 * inner, bias=False)
        self.outward = nn.Linear(inner, d_model, bias=False)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output of the attention for whole sequences, ``(batch, time, d_model)``."""
        steps = torch.arange(x.shape[1], device=x.device)
        q, k, v = self._project(x, steps[None])
        mask = None if lengths is None else (steps < lengths[:, None])[:, None, None]
        return self._output(self._attend(q, k, v, mask))

    def _project(self, x: Tensor, position: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return rotated queries, rotated keys, and values, each ``(batch, heads, time, width)``."""
        q, k, v = torch.unflatten(self.inward(x), -1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return rotate(q, position), rotate(k, position), v

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        return scaled_dot_product_attention(q, k, v, mask, dropout, is_causal)

    def _output(self, attended: Tensor) -> Tensor:
        """Join the heads and project them to ``(batch, time, d_model)``."""
        y: Tensor = self.outward(attended.transpose(1, 2).flatten(2))
        return y


class _CausalAttention(_Attention):
    """Attention of every step to itself and to earlier steps, ``max_context`` steps in all."""

    def __init__(self, d_model: int, heads: int, dropout: float, max_context: int) -> None:
        super().__init__(d_model, heads, dropout)
        self.max_context = max_context

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the output of the attention for whole sequences, ``(batch, time, d_model)``."""
        return self.unroll(x)[0]

    def unroll(self, x: Tensor, state: Cache | None = None) -> tuple[Tensor, Cache]:
        """Return the output of the attention for one chunk, and the keys, values and number of steps after it."""
        time = x.shape[1]
        count = x.new_zeros(len(x), 1, dtype=torch.long) if state is None else state[2]
        # Cached keys are already rotated by their positions in the whole stream.
        q, k, v = self._project(x, count + torch.arange(time, device=x.device))
        if state is not None:
            k, v = torch.cat([state[0], k], dim=2), torch.cat([state[1], v], dim=2)
        if k.shape[2] == time <= self.max_context:
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
            mask = (distance >= 0) & (distance < self.max_context)
            outputs.append(self._attend(block, k[:, :, low:high], v[:, :, low:high], mask))
            position = high
        return torch.cat(outputs, dim=2)


def rotate(x: Tensor, position: Tensor) -> Tensor:
    """Rotate pairs of channels by angles that grow with the position, so that q . k depends on distances alone.

    Channel c and channel c + width // 2 are a pair, rotated by position / 10000^(2c / width). The paper pairs
    neighbouring channels, which is the same up to the order of channels. The last channel of an odd width is kept.

    Args:
        x: queries or keys, ``(batch, heads, time, width)``.
        position: whole numbers, ``(batch, time)`` or ``(1, time)``.

    Returns:
        ``(batch, heads, time, width)``.

    Example:
        >>> x = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)  # A pair of channels, rotated by one radian a step.
        >>> rotate(x, torch.tensor([[2]])).flatten()
        tensor([-0.4161,  0.9093])
    """
    half = x.shape[-1] // 2
    # Angles in half precision would be equal for neighbouring steps after some hundred steps.
    dtype = torch.promote_types(x.dtype, torch.float32)
    speeds = 10_000.0 ** -(torch.arange(half, device=x.device, dtype=dtype) / max(1, half))
    angles = position[:, None, :, None] * speeds
    cos, sin = angles.cos(), angles.sin()
    first, second, rest = torch.split(x.to(dtype), [half, half, x.shape[-1] - 2 * half], dim=-1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos, rest], dim=-1).to(x.dtype)
