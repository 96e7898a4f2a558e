"""Linear attention: the output is a mean of the values so far, weighted by q . k, from a state of constant size.

It computes::

    S_t = S_{t-1} + k_t v_t^T,    z_t = z_{t-1} + k_t,    o_t = S_t^T q_t / (z_t . q_t + eps)

where no entry of q and k is negative (Katharopoulos et al. 2020, arXiv 2006.16236). Tensors have the axes
``(batch, heads, time, ...)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.ops.chunks import join_chunks, promote_to_float32, split_into_chunks, without_autocast

State = tuple[Tensor, Tensor]
"""The sums S ``(batch, heads, key, value)`` and z ``(batch, heads, key)``."""
EPS = 1e-6


def linear_attention(
    q: Tensor, k: Tensor, v: Tensor, state: State | None = None, chunk_size: int = 64
) -> tuple[Tensor, State]:
    """Compute linear attention chunk by chunk: the outputs o_t of all steps, and the last sums.

    Cost for each head: O(time * chunk_size * (key + value) + time * key * value) operations and
    O(time * chunk_size + time / chunk_size * key * value) numbers of memory. ``linear_attention_recurrent`` is the
    reference, and computes a single step.

    Args:
        q: the queries, ``(batch, heads, time, key)``, not negative.
        k: the keys, ``(batch, heads, time, key)``, not negative.
        v: the values, ``(batch, heads, time, value)``.
        state: S and z before the first step, ``(batch, heads, key, value)`` and ``(batch, heads, key)``. None stands
            for zeros.
        chunk_size: the largest number of steps in one chunk.

    Returns:
        The outputs ``(batch, heads, time, value)``, and S and z after the last step, all of at least float32.

    Example:
        >>> ones = torch.ones(1, 1, 4, 1)  # With equal weights the output is the mean of the values so far.
        >>> y, (sums, norms) = linear_attention(ones, ones, torch.tensor([2.0, 4.0, 6.0, 8.0]).view(1, 1, 4, 1))
        >>> y.flatten().round(decimals=4).tolist(), sums.item(), norms.item()
        ([2.0, 3.0, 4.0, 5.0], 20.0, 4.0)
    """
    if q.shape[2] == 1:
        return linear_attention_recurrent(q, k, v, state)
    time = q.shape[2]
    with without_autocast(q):
        q, k, v = promote_to_float32(q, k, v)
        sums, norms = _initial_state(k, v) if state is None else state
        q, k, v = (split_into_chunks(x, chunk_size) for x in (q, k, v))
        # The sums before each chunk, and at the end those after the last chunk.
        sums = torch.cat([sums[:, :, None], k.mT @ v], dim=2).cumsum(2)
        norms = torch.cat([norms[:, :, None], k.sum(-2)], dim=2).cumsum(2)
        weights = (q @ k.mT).tril()
        total = weights @ v + q @ sums[:, :, :-1]
        weight = weights.sum(-1, keepdim=True) + q @ norms[:, :, :-1, :, None]
        # The state is a copy: a view would keep the sums before each chunk in memory.
        return join_chunks(total / (weight + EPS), time), (sums[:, :, -1].clone(), norms[:, :, -1].clone())


def linear_attention_recurrent(q: Tensor, k: Tensor, v: Tensor, state: State | None = None) -> tuple[Tensor, State]:
    """Compute linear attention one step at a time, directly by its equations.

    This is the reference of ``linear_attention``, with the same arguments and results. It costs O(key * value)
    operations a step for each head.

    Args:
        q: the queries, ``(batch, heads, time, key)``, not negative.
        k: the keys, ``(batch, heads, time, key)``, not negative.
        v: the values, ``(batch, heads, time, value)``.
        state: S and z before the first step, ``(batch, heads, key, value)`` and ``(batch, heads, key)``. None stands
            for zeros.

    Returns:
        The outputs ``(batch, heads, time, value)``, and S and z after the last step, all of at least float32.

    Example:
        >>> one = torch.ones(1, 1, 1, 1)
        >>> y, state = linear_attention_recurrent(one, one, 3 * one)
        >>> y, state = linear_attention_recurrent(one, one, 5 * one, state)
        >>> round(y.item(), 4)
        4.0
    """
    with without_autocast(q):
        q, k, v = promote_to_float32(q, k, v)
        sums, norms = _initial_state(k, v) if state is None else state
        outputs = []
        for query, key, value in zip(q.unbind(2), k.unbind(2), v.unbind(2), strict=True):
            sums = sums + key[..., :, None] * value[..., None, :]
            norms = norms + key
            weight = (norms * query).sum(-1, keepdim=True)
            outputs.append((query[..., None, :] @ sums).squeeze(-2) / (weight + EPS))
        return torch.stack(outputs, dim=2), (sums, norms)


def _initial_state(k: Tensor, v: Tensor) -> State:
    batch, heads, _, width = k.shape
    return k.new_zeros(batch, heads, width, v.shape[-1]), k.new_zeros(batch, heads, width)
