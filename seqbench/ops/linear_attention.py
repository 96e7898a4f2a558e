"""Linear attention: what a query reads is a mean of values, weighted by q . k, of a state that never grows.

    S_t = S_{t-1} + k_t v_t^T,    z_t = z_{t-1} + k_t,    o_t = S_t^T q_t / (z_t . q_t + eps)

with q and k not negative (Katharopoulos et al. 2020, arXiv 2006.16236). Shapes are named ``(batch, heads, time, ...)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.ops.chunks import as_given, cut, join, widen

State = tuple[Tensor, Tensor]
EPS = 1e-6


def linear_attention(
    q: Tensor, k: Tensor, v: Tensor, state: State | None = None, longest: int = 64
) -> tuple[Tensor, State]:
    """Read and write a whole chunk of time: triangular products inside pieces of it, running sums between them.

    Args:
        q: what each step asks for, ``(batch, heads, time, key)``; not negative.
        k: where each step writes, ``(batch, heads, time, key)``; not negative.
        v: what it writes, ``(batch, heads, time, value)``.
        state: the sums before, ``(batch, heads, key, value)`` and ``(batch, heads, key)``; None for zeros.
        longest: steps of a piece at most; memory grows with its product with time.

    Returns:
        ``(batch, heads, time, value)`` and the sums after, both float32 at least.
    """
    if q.shape[2] == 1:
        return linear_attention_steps(q, k, v, state)
    time = q.shape[2]
    with as_given(q):
        q, k, v = widen(q, k, v)
        sums, norms = _start(k, v, state)
        q, k, v = (cut(x, longest) for x in (q, k, v))
        # The sums before each piece, and last those after all.
        sums = torch.cat([sums[:, :, None], k.mT @ v], dim=2).cumsum(2)
        norms = torch.cat([norms[:, :, None], k.sum(-2)], dim=2).cumsum(2)
        weights = (q @ k.mT).tril()
        total = weights @ v + q @ sums[:, :, :-1]
        weight = weights.sum(-1, keepdim=True) + q @ norms[:, :, :-1, :, None]
        # Copies: a view would keep the sums before each piece alive as long as the state.
        return join(total / (weight + EPS), time), (sums[:, :, -1].clone(), norms[:, :, -1].clone())


def linear_attention_steps(q: Tensor, k: Tensor, v: Tensor, state: State | None = None) -> tuple[Tensor, State]:
    """The same, one step at a time, as the equations stand."""
    with as_given(q):
        q, k, v = widen(q, k, v)
        sums, norms = _start(k, v, state)
        read = []
        for query, key, value in zip(q.unbind(2), k.unbind(2), v.unbind(2), strict=True):
            sums = sums + key[..., :, None] * value[..., None, :]
            norms = norms + key
            weight = (norms * query).sum(-1, keepdim=True)
            read.append((query[..., None, :] @ sums).squeeze(-2) / (weight + EPS))
        return torch.stack(read, dim=2), (sums, norms)


def _start(k: Tensor, v: Tensor, state: State | None) -> State:
    if state is not None:
        return state
    batch, heads, _, width = k.shape
    return k.new_zeros(batch, heads, width, v.shape[-1]), k.new_zeros(batch, heads, width)
