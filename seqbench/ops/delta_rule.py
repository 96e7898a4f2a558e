"""The gated delta rule: a matrix memory that fades, and that replaces what it holds at a key.

    S_t = alpha_t (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T,    o_t = S_t^T q_t

with |k_t| = 1 (Yang, Kautz & Hatamizadeh 2024, arXiv 2412.06464, whose S is ours transposed). Over a chunk of time,

    S_t = e^{g_t} S_0 + sum_{s <= t} e^{g_t - g_s} k_s u_s^T,    g_t = log alpha_1 + ... + log alpha_t
    u_t + beta_t sum_{s < t} e^{g_t - g_s} (k_t . k_s) u_s = beta_t (v_t - e^{g_t} S_0^T k_t)

so that one triangular system gives all u_t (Yang et al. 2024, arXiv 2406.06484). Only sums of logarithms over spans
enter an exponential, and none is positive. Shapes are named ``(batch, heads, time, ...)``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.ops.chunks import as_given, cut, join, spans, widen


def delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    log_alpha: Tensor,
    state: Tensor | None = None,
    longest: int = 32,
) -> tuple[Tensor, Tensor]:
    """Read and write a whole chunk of time: one triangular system for each piece of it, one state between them.

    Args:
        q: what each step asks for, ``(batch, heads, time, key)``.
        k: where each step writes, ``(batch, heads, time, key)``; of length one (or zero: it writes nothing).
        v: what shall stand there, ``(batch, heads, time, value)``.
        beta: share of what stands there that is replaced, ``(batch, heads, time)``; in [0, 2].
        log_alpha: logarithm of the share of the whole memory that is kept, ``(batch, heads, time)``; not positive.
        state: the memory before, ``(batch, heads, key, value)``; None for zeros.
        longest: steps of a piece at most; memory grows with its product with time.

    Returns:
        ``(batch, heads, time, value)`` and the memory after, both float32 at least.
    """
    if q.shape[2] == 1:
        return delta_rule_steps(q, k, v, beta, log_alpha, state)
    time = q.shape[2]
    with as_given(q):
        q, k, v, beta, log_alpha = widen(q, k, v, beta, log_alpha)
        memory = _start(k, v) if state is None else state
        q, k, v, beta, log_alpha = (cut(x, longest) for x in (q, k, v, beta, log_alpha))
        kept = spans(log_alpha).exp()  # (..., length, length): of what step s wrote, at step t
        entering = log_alpha.cumsum(-1).exp()[..., None]  # of what came before the piece
        # u is what it would be from an empty memory, less a linear function of the memory.
        system = (beta[..., None] * kept * (k @ k.mT)).tril(-1)
        sides = beta[..., None] * torch.cat([v, entering * k], dim=-1)
        solved = torch.linalg.solve_triangular(system, sides, upper=False, unitriangular=True)
        fresh, replaced = solved.split([v.shape[-1], k.shape[-1]], dim=-1)
        leaving = (kept[..., -1, :, None] * k).mT
        before, written = [], []
        for new, old, out, fade in zip(
            fresh.unbind(2), replaced.unbind(2), leaving.unbind(2), entering[..., -1:, :].unbind(2), strict=True
        ):
            before.append(memory)
            written.append(new - old @ memory)
            memory = fade * memory + out @ written[-1]
        read = entering * (q @ torch.stack(before, 2)) + (kept * (q @ k.mT)) @ torch.stack(written, 2)
        return join(read, time), memory


def delta_rule_steps(
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_alpha: Tensor, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The same, one step at a time, as the first equation stands."""
    with as_given(q):
        q, k, v, beta, log_alpha = widen(q, k, v, beta, log_alpha)
        memory = _start(k, v) if state is None else state
        read = []
        steps = (x.unbind(2) for x in (q, k, v, beta, log_alpha.exp()))
        for query, key, value, share, kept in zip(*steps, strict=True):
            memory = kept[..., None, None] * memory
            stood = (key[..., None, :] @ memory).squeeze(-2)
            memory = memory + key[..., :, None] * (share[..., None] * (value - stood))[..., None, :]
            read.append((query[..., None, :] @ memory).squeeze(-2))
        return torch.stack(read, dim=2), memory


def _start(k: Tensor, v: Tensor) -> Tensor:
    return k.new_zeros(*k.shape[:2], k.shape[-1], v.shape[-1])
