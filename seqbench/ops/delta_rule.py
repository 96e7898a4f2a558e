"""The gated delta rule: a matrix memory that decays, and that replaces the value stored at a key.

It computes::

    S_t = alpha_t (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T,    o_t = S_t^T q_t

with ``|k_t| = 1`` (Yang, Kautz & Hatamizadeh 2024, arXiv 2412.06464; their S is the transpose of this one). Over one
chunk, with the state S_0 before it::

    S_t = e^{g_t} S_0 + sum_{s <= t} e^{g_t - g_s} k_s u_s^T,    g_t = log alpha_1 + ... + log alpha_t
    u_t + beta_t sum_{s < t} e^{g_t - g_s} (k_t . k_s) u_s = beta_t (v_t - e^{g_t} S_0^T k_t)

The second line is a triangular system, whose solution is all u_t at once (Yang et al. 2024, arXiv 2406.06484). Only
segment sums of log alpha are exponentiated. They are never positive, so that no exponential overflows.

Tensors have the axes ``(batch, heads, time, ...)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.ops.chunks import join_chunks, promote_to_float32, segment_sums, split_into_chunks, without_autocast


def delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    log_alpha: Tensor,
    state: Tensor | None = None,
    chunk_size: int = 32,
) -> tuple[Tensor, Tensor]:
    """Compute the gated delta rule chunk by chunk: o_t = S_t^T q_t for all steps, and the last S.

    Cost for each head: O(time * chunk_size * (key + value) + time * key * value) operations and
    O(time * (chunk_size + key + value) + time / chunk_size * key * value) numbers of memory. ``delta_rule_recurrent``
    is the reference, and computes a single step.

    Args:
        q: the queries, ``(batch, heads, time, key)``.
        k: the keys, ``(batch, heads, time, key)``, of length one. A key of zeros stores nothing.
        v: the values, ``(batch, heads, time, value)``.
        beta: the share of the stored value that is replaced, ``(batch, heads, time)``, in [0, 2].
        log_alpha: the logarithm of the decay of the whole memory, ``(batch, heads, time)``, at most 0.
        state: S before the first step, ``(batch, heads, key, value)``. None means zeros.
        chunk_size: the largest number of steps in one chunk.

    Returns:
        The outputs ``(batch, heads, time, value)``, and S after the last step, both of at least float32.

    Example:
        >>> k = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]).view(1, 1, 3, 2)
        >>> v = torch.tensor([3.0, 4.0, 5.0]).view(1, 1, 3, 1)
        >>> y, state = delta_rule(k, k, v, beta=torch.ones(1, 1, 3), log_alpha=torch.zeros(1, 1, 3))
        >>> y.flatten().tolist(), state.flatten().tolist()  # The third value replaces the first one.
        ([3.0, 4.0, 5.0], [5.0, 4.0])
    """
    if q.shape[2] == 1:
        return delta_rule_recurrent(q, k, v, beta, log_alpha, state)
    time = q.shape[2]
    with without_autocast(q):
        q, k, v, beta, log_alpha = promote_to_float32(q, k, v, beta, log_alpha)
        memory = _initial_state(k, v) if state is None else state
        q, k, v, beta, log_alpha = (split_into_chunks(x, chunk_size) for x in (q, k, v, beta, log_alpha))
        # The share of the update of step s that is left at step t, and of the state before the chunk.
        decay = segment_sums(log_alpha).exp()  # (..., length, length)
        decay_of_state = log_alpha.cumsum(-1).exp()[..., None]
        # u is linear in the state before the chunk: solve for its constant part and for its matrix.
        system = (beta[..., None] * decay * (k @ k.mT)).tril(-1)
        right_sides = beta[..., None] * torch.cat([v, decay_of_state * k], dim=-1)
        solution = torch.linalg.solve_triangular(system, right_sides, upper=False, unitriangular=True)
        constant, matrix = solution.split([v.shape[-1], k.shape[-1]], dim=-1)
        last_keys = (decay[..., -1, :, None] * k).mT
        states, updates = [], []
        for offset, slope, keys, kept in zip(
            constant.unbind(2),
            matrix.unbind(2),
            last_keys.unbind(2),
            decay_of_state[..., -1:, :].unbind(2),
            strict=True,
        ):
            states.append(memory)
            updates.append(offset - slope @ memory)
            memory = kept * memory + keys @ updates[-1]
        y = decay_of_state * (q @ torch.stack(states, 2)) + (decay * (q @ k.mT)) @ torch.stack(updates, 2)
        return join_chunks(y, time), memory


def delta_rule_recurrent(
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_alpha: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Compute the gated delta rule one step at a time, directly by its first equation.

    This is the reference of ``delta_rule``, with the same arguments and results. It costs O(key * value) operations a
    step for each head.

    Args:
        q: the queries, ``(batch, heads, time, key)``.
        k: the keys, ``(batch, heads, time, key)``, of length one.
        v: the values, ``(batch, heads, time, value)``.
        beta: the share of the stored value that is replaced, ``(batch, heads, time)``, in [0, 2].
        log_alpha: the logarithm of the decay of the whole memory, ``(batch, heads, time)``, at most 0.
        state: S before the first step, ``(batch, heads, key, value)``. None means zeros.

    Returns:
        The outputs ``(batch, heads, time, value)``, and S after the last step, both of at least float32.

    Example:
        >>> one = torch.ones(1, 1, 2, 1)
        >>> y, state = delta_rule_recurrent(one, one, 4 * one, beta=one[..., 0] / 2, log_alpha=torch.zeros(1, 1, 2))
        >>> y.flatten().tolist()
        [2.0, 3.0]
    """
    with without_autocast(q):
        q, k, v, beta, log_alpha = promote_to_float32(q, k, v, beta, log_alpha)
        memory = _initial_state(k, v) if state is None else state
        outputs = []
        steps = (x.unbind(2) for x in (q, k, v, beta, log_alpha.exp()))
        for query, key, value, share, alpha in zip(*steps, strict=True):
            memory = alpha[..., None, None] * memory
            stored = (key[..., None, :] @ memory).squeeze(-2)
            memory = memory + key[..., :, None] * (share[..., None] * (value - stored))[..., None, :]
            outputs.append((query[..., None, :] @ memory).squeeze(-2))
        return torch.stack(outputs, dim=2), memory


def _initial_state(k: Tensor, v: Tensor) -> Tensor:
    return k.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
