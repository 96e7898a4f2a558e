"""The matrix memory of the mLSTM, with exponential gates (Beck et al. 2024, arXiv 2405.04517).

It computes::

    C_t = f_t C_{t-1} + i_t k_t v_t^T,    n_t = f_t n_{t-1} + i_t k_t,    h_t = C_t^T q_t / max(|n_t . q_t|, 1)

C is the transpose of the paper's. Because i_t = exp(log i_t) can overflow, C and n are stored divided by e^{m_t} with
the stabiliser::

    m_t = max(log f_t + m_{t-1}, log i_t),    m_0 = 0,

and the 1 in the denominator becomes e^{-m_t}. In this form h does not depend on the choice of m. It would depend on
m if the denominator were limited to 1 after the division.

Tensors have the axes ``(batch, heads, time, ...)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.ops.chunks import join_chunks, promote_to_float32, segment_sums, split_into_chunks, without_autocast

State = tuple[Tensor, Tensor, Tensor]
"""C ``(batch, heads, key, value)`` and n ``(batch, heads, key)``, both divided by e^m, and m ``(batch, heads)``."""


def matrix_memory(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_input: Tensor,
    log_forget: Tensor,
    state: State | None = None,
    chunk_size: int = 64,
) -> tuple[Tensor, State]:
    """Compute the matrix memory chunk by chunk: the outputs h_t of all steps, and the last C, n and m.

    Cost for each head: O(time * chunk_size * (key + value) + time * key * value) operations and
    O(time * chunk_size + time / chunk_size * key * value) numbers of memory. ``matrix_memory_recurrent`` is the
    reference, and computes a single step.

    Args:
        q: the queries, ``(batch, heads, time, key)``.
        k: the keys, ``(batch, heads, time, key)``. The paper divides them by the square root of their width.
        v: the values, ``(batch, heads, time, value)``.
        log_input: the logarithm of the input gate, ``(batch, heads, time)``, any number.
        log_forget: the logarithm of the forget gate, ``(batch, heads, time)``, at most 0.
        state: C, n and m before the first step, ``(batch, heads, key, value)``, ``(batch, heads, key)`` and
            ``(batch, heads)``. None means zeros.
        chunk_size: the largest number of steps in one chunk.

    Returns:
        The outputs ``(batch, heads, time, value)``, and C, n and m after the last step, all of at least float32.

    Example:
        >>> one, open_gate = torch.ones(1, 1, 3, 1), torch.zeros(1, 1, 3)
        >>> y, state = matrix_memory(one, one, torch.tensor([3.0, 5.0, 7.0]).view(1, 1, 3, 1), open_gate, open_gate)
        >>> y.flatten().tolist()
        [3.0, 4.0, 5.0]
    """
    if q.shape[2] == 1:
        return matrix_memory_recurrent(q, k, v, log_input, log_forget, state)
    time = q.shape[2]
    with without_autocast(q):
        q, k, v, log_input, log_forget = promote_to_float32(q, k, v, log_input, log_forget)
        q, k, v, log_forget = (split_into_chunks(x, chunk_size) for x in (q, k, v, log_forget))
        # The weight of the update of step s at step t. The updates of padded steps have the weight e^{-inf}.
        log_weights = segment_sums(log_forget) + split_into_chunks(log_input, chunk_size, -torch.inf)[..., None, :]
        log_decay = log_forget.cumsum(-1)  # Decay of the state before the chunk.
        start = _initial_state(k[:, :, 0], v[:, :, 0]) if state is None else state
        states, after = _states_between_chunks(k, v, log_weights[..., -1, :], log_decay[..., -1], start)
        memories, norms, stabilisers = states
        log_decay = log_decay + stabilisers[..., None]
        # No gradient passes through any stabiliser, because h does not depend on it.
        m = torch.maximum(log_decay, log_weights.amax(-1)).detach()
        weights = (q @ k.mT) * (log_weights - m[..., None]).exp()
        kept = (log_decay - m).exp()[..., None]
        total = weights @ v + kept * (q @ memories)
        weight = weights.sum(-1, keepdim=True) + kept * (q @ norms[..., None])
        return join_chunks(total / _denominator(weight, m[..., None]), time), after


def _states_between_chunks(
    k: Tensor, v: Tensor, log_weights: Tensor, log_decay: Tensor, state: State
) -> tuple[State, State]:
    """Carry C, n and m from chunk to chunk.

    Args:
        k: ``(batch, heads, chunks, length, key)``.
        v: ``(batch, heads, chunks, length, value)``.
        log_weights: the weight of each step's update at the last step of its chunk, ``(batch, heads, chunks, length)``.
        log_decay: the decay of the state over each chunk, ``(batch, heads, chunks)``.
        state: C, n and m before the first chunk.

    Returns:
        C, n and m before each chunk, with the axis ``chunks`` after ``heads``, and C, n and m after the last chunk.
    """
    memory, norm, m = state
    # The update of each chunk, relative to the largest weight in the chunk.
    peaks = log_weights.detach().amax(-1)
    keys = (log_weights - peaks[..., None]).exp()[..., None] * k
    states = []
    for decay, peak, update, norm_update in zip(
        log_decay.unbind(2), peaks.unbind(2), (keys.mT @ v).unbind(2), keys.sum(-2).unbind(2), strict=True
    ):
        states.append((memory, norm, m))
        after = torch.maximum(decay + m, peak).detach()
        kept, share = (decay + m - after).exp()[..., None], (peak - after).exp()[..., None]
        memory = kept[..., None] * memory + share[..., None] * update
        norm, m = kept * norm + share * norm_update, after
    memories, norms, stabilisers = (torch.stack(leaves, 2) for leaves in zip(*states, strict=True))
    return (memories, norms, stabilisers), (memory, norm, m)


def matrix_memory_recurrent(
    q: Tensor, k: Tensor, v: Tensor, log_input: Tensor, log_forget: Tensor, state: State | None = None
) -> tuple[Tensor, State]:
    """Compute the matrix memory one step at a time, directly by its equations.

    This is the reference of ``matrix_memory``, with the same arguments and results. It costs O(key * value) operations
    a step for each head.

    Args:
        q: the queries, ``(batch, heads, time, key)``.
        k: the keys, ``(batch, heads, time, key)``.
        v: the values, ``(batch, heads, time, value)``.
        log_input: the logarithm of the input gate, ``(batch, heads, time)``, any number.
        log_forget: the logarithm of the forget gate, ``(batch, heads, time)``, at most 0.
        state: C, n and m before the first step, ``(batch, heads, key, value)``, ``(batch, heads, key)`` and
            ``(batch, heads)``. None means zeros.

    Returns:
        The outputs ``(batch, heads, time, value)``, and C, n and m after the last step, all of at least float32.

    Example:
        >>> one, gate = torch.ones(1, 1, 1, 1), torch.zeros(1, 1, 1)
        >>> y, (memory, norm, m) = matrix_memory_recurrent(one, one, 3 * one, gate + 1000, gate)
        >>> y.item(), memory.item(), m.item()  # e^1000 is no float; C is stored divided by it.
        (3.0, 3.0, 1000.0)
    """
    with without_autocast(q):
        q, k, v, log_input, log_forget = promote_to_float32(q, k, v, log_input, log_forget)
        memory, norm, m = _initial_state(k, v) if state is None else state
        outputs = []
        for query, key, value, log_i, log_f in zip(
            *(x.unbind(2) for x in (q, k, v, log_input, log_forget)), strict=True
        ):
            after = torch.maximum(log_f + m, log_i).detach()
            forget, share = (log_f + m - after).exp()[..., None], (log_i - after).exp()[..., None]
            memory = forget[..., None] * memory + (share * key)[..., :, None] * value[..., None, :]
            norm, m = forget * norm + share * key, after
            weight = (norm * query).sum(-1, keepdim=True)
            outputs.append((query[..., None, :] @ memory).squeeze(-2) / _denominator(weight, m[..., None]))
        return torch.stack(outputs, dim=2), (memory, norm, m)


def _denominator(weight: Tensor, m: Tensor) -> Tensor:
    """Return max(|n . q|, e^{-m}). Where e^{-m} is infinite, h and its gradient are zero."""
    return torch.maximum(weight.abs(), (-m).exp())


def _initial_state(k: Tensor, v: Tensor) -> State:
    batch, heads, _, width = k.shape
    zeros = k.new_zeros(batch, heads, width, v.shape[-1])
    return zeros, zeros[..., 0], zeros[..., 0, 0]
