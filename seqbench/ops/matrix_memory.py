"""The matrix memory of xLSTM, with exponential gates (Beck et al. 2024, arXiv 2405.04517).

    C_t = f_t C_{t-1} + i_t k_t v_t^T,    n_t = f_t n_{t-1} + i_t k_t,    h_t = C_t^T q_t / max(|n_t . q_t|, 1)

(C is the paper's, transposed). As i_t = exp(log i_t) may overflow, both are held divided by e^{m_t},

    m_t = max(log f_t + m_{t-1}, log i_t),    m_0 = 0,

and the 1 becomes e^{-m_t}, so that h does not depend on how m is chosen (a floor of 1 after the division would make
it do so). Shapes are named ``(batch, heads, time, ...)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.ops.chunks import as_given, cut, join, spans, widen

State = tuple[Tensor, Tensor, Tensor]


def matrix_memory(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    log_input: Tensor,
    log_forget: Tensor,
    state: State | None = None,
    longest: int = 64,
) -> tuple[Tensor, State]:
    """Read and write a whole chunk of time: triangular products inside pieces of it, one state between them.

    Args:
        q: what each step asks for, ``(batch, heads, time, key)``.
        k: where each step writes, ``(batch, heads, time, key)``; the paper divides it by the root of its width.
        v: what it writes, ``(batch, heads, time, value)``.
        log_input: logarithm of the input gate, ``(batch, heads, time)``; any number.
        log_forget: logarithm of the forget gate, ``(batch, heads, time)``; not positive.
        state: C, n and m before, ``(batch, heads, key, value)``, ``(batch, heads, key)`` and ``(batch, heads)``;
            None for zeros.
        longest: steps of a piece at most; memory grows with its product with time.

    Returns:
        ``(batch, heads, time, value)`` and C, n and m after, all float32 at least.
    """
    if q.shape[2] == 1:
        return matrix_memory_steps(q, k, v, log_input, log_forget, state)
    time = q.shape[2]
    with as_given(q):
        q, k, v, log_input, log_forget = widen(q, k, v, log_input, log_forget)
        memory, norm, m = _start(k, v, state)
        q, k, v, log_forget = (cut(x, longest) for x in (q, k, v, log_forget))
        # What a padded step writes has the weight e^{-inf}.
        written = spans(log_forget) + cut(log_input, longest, -torch.inf)[..., None, :]
        entering = log_forget.cumsum(-1)
        # What each piece adds, relative to its own largest weight. No gradient goes through any m: h does not depend
        # on them.
        last = written[..., -1, :]
        peak = last.detach().amax(-1)
        keys = (last - peak[..., None]).exp()[..., None] * k
        before = []
        for fade, top, added, added_norm in zip(
            entering[..., -1].unbind(2), peak.unbind(2), (keys.mT @ v).unbind(2), keys.sum(-2).unbind(2), strict=True
        ):
            before.append((memory, norm, m))
            after = torch.maximum(fade + m, top).detach()
            kept, share = (fade + m - after).exp()[..., None], (top - after).exp()[..., None]
            memory = kept[..., None] * memory + share[..., None] * added
            norm, m = kept * norm + share * added_norm, after
        memories, norms, ms = (torch.stack(leaves, 2) for leaves in zip(*before, strict=True))
        entering = entering + ms[..., None]
        scale = torch.maximum(entering, written.amax(-1)).detach()
        weights = (q @ k.mT) * (written - scale[..., None]).exp()
        kept = (entering - scale).exp()[..., None]
        total = weights @ v + kept * (q @ memories)
        weight = weights.sum(-1, keepdim=True) + kept * (q @ norms[..., None])
        return join(total / _floor(weight, scale[..., None]), time), (memory, norm, m)


def matrix_memory_steps(
    q: Tensor, k: Tensor, v: Tensor, log_input: Tensor, log_forget: Tensor, state: State | None = None
) -> tuple[Tensor, State]:
    """The same, one step at a time, as the equations stand."""
    with as_given(q):
        q, k, v, log_input, log_forget = widen(q, k, v, log_input, log_forget)
        memory, norm, m = _start(k, v, state)
        read = []
        for query, key, value, log_i, log_f in zip(
            *(x.unbind(2) for x in (q, k, v, log_input, log_forget)), strict=True
        ):
            after = torch.maximum(log_f + m, log_i).detach()
            forget, share = (log_f + m - after).exp()[..., None], (log_i - after).exp()[..., None]
            memory = forget[..., None] * memory + (share * key)[..., :, None] * value[..., None, :]
            norm, m = forget * norm + share * key, after
            weight = (norm * query).sum(-1, keepdim=True)
            read.append((query[..., None, :] @ memory).squeeze(-2) / _floor(weight, m[..., None]))
        return torch.stack(read, dim=2), (memory, norm, m)


def _floor(weight: Tensor, m: Tensor) -> Tensor:
    """max(|n . q|, e^{-m}); where e^{-m} is infinite, h and its gradient are zero."""
    return torch.maximum(weight.abs(), (-m).exp())


def _start(k: Tensor, v: Tensor, state: State | None) -> State:
    if state is not None:
        return state
    batch, heads, _, width = k.shape
    zeros = k.new_zeros(batch, heads, width, v.shape[-1])
    return zeros, zeros[..., 0], zeros[..., 0, 0]
