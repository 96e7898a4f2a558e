"""The scan in PyTorch operators: many chunks of time are computed at once, in preallocated tensors.

A loop over all steps costs one operator call a step, which takes longer than the arithmetic unless a step is large.
Therefore time is split into spans of ``SPAN`` steps, and a span into chunks of ``CHUNK`` steps, copied with time as the
first axis:

1. A pass over all chunks at once computes the last state of each chunk from a zero state, and its product of decays.
2. A loop over the chunks computes the state before each chunk.
3. A second pass over all chunks at once replaces the inputs by the states, in place.

Memory is read in order, and a span stays in the cache. ``SPAN`` steps take ``3 CHUNK + SPAN / CHUNK`` operator calls.

Products of decays cover one chunk only, because products over long times can overflow where states do not. They are
multiplied in double precision, because the rounding errors of repeated decays near 1 all have the same sign.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

READS_HALF = False
CHUNK = 32
SPAN = 32 * CHUNK


def forward(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    """Compute all states.

    Args:
        a: decays, ``(batch, time, channels)``, which may be an expanded view.
        b: inputs, ``(batch, time, channels)``.
        h0: the state before the first step, ``(batch, channels)``.

    Returns:
        ``(batch, time, channels)``.
    """
    h = torch.empty_like(b, memory_format=torch.contiguous_format)
    _scan(a, b, h0, h)
    return h


def backward(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the gradients of ``a``, ``b`` and ``h0`` from the gradient ``dy`` of the states.

    Args:
        a: decays, ``(batch, time, channels)``, which may be an expanded view.
        h: states, ``(batch, time, channels)``.
        h0: the state before the first step, ``(batch, channels)``.
        dy: the gradient of ``h``, ``(batch, time, channels)``.

    Returns:
        The gradients of ``a`` and ``b``, ``(batch, time, channels)``, and of ``h0``, ``(batch, channels)``.
    """
    da, db = torch.empty_like(h), torch.empty_like(h)
    if not h.shape[1]:
        return da, db, torch.zeros_like(h0)
    if h.is_complex():
        # An operator that torch.compile runs does not always resolve a lazy conj().
        a, h, h0 = a.conj_physical(), h.conj_physical(), h0.conj_physical()
    # The gradient of the last state is the last of dy. The recurrence runs backwards over the other steps.
    db[:, -1] = dy[:, -1]
    g = _scan(a[:, 1:], dy[:, :-1], db[:, -1], db[:, :-1], backwards=True)
    torch.mul(db[:, 1:], h[:, :-1], out=da[:, 1:])
    torch.mul(db[:, 0], h0, out=da[:, 0])
    return da, db, a[:, 0] * g


def _scan(a: Tensor, b: Tensor, state: Tensor, out: Tensor, backwards: bool = False) -> Tensor:
    """Write all states into ``out``, starting at the first step or at the last; return the final state."""
    time = b.shape[1]
    for done in range(0, time, SPAN):
        size = min(SPAN, time - done)
        begin = time - done - size if backwards else done
        span = slice(begin, begin + size)
        state = _scan_span(a[:, span], b[:, span], state, out[:, span], backwards)
    return state


def _scan_span(a: Tensor, b: Tensor, state: Tensor, out: Tensor, backwards: bool) -> Tensor:
    """Scan the whole chunks of a span, and then the remaining steps one at a time."""
    time = b.shape[1]
    rest = time % CHUNK
    if rest < time:
        whole = slice(rest, None) if backwards else slice(0, time - rest)
        chunks = (_split_into_chunks(x[:, whole]) for x in (a, b, out))
        a_chunks, b_chunks, out_chunks = chunks
        state = _scan_chunks(a_chunks, b_chunks, state, out_chunks, backwards)
    single = slice(0, rest) if backwards else slice(time - rest, None)
    return _scan_steps(a[:, single], b[:, single], state, out[:, single], 1, backwards)


def _split_into_chunks(x: Tensor) -> Tensor:
    return torch.unflatten(x, 1, (-1, CHUNK))


def _scan_chunks(a: Tensor, b: Tensor, state: Tensor, out: Tensor, backwards: bool) -> Tensor:
    """Scan whole chunks: all tensors but ``state`` are ``(batch, chunks, CHUNK, channels)``."""
    first = -1 if backwards else 0
    a = a.movedim(2, 0).contiguous()
    # Copy b even where time is its first axis already, because the states replace it.
    h = b.movedim(2, 0).clone(memory_format=torch.contiguous_format)
    decay, end = _double(a[first]), h[first].clone()
    for a_s, b_s in list(_steps_in_order(0, backwards, a, h))[1:]:
        torch.addcmul(b_s, a_s, end, out=end)
        decay *= a_s
    # Forwards, chunk k begins with starts[k] and ends with starts[k + 1]. Backwards it is the other way round.
    starts = decay.new_empty(end.shape[0], end.shape[1] + 1, end.shape[2])
    starts[:, first] = state
    before, after = (starts[:, 1:], starts[:, :-1]) if backwards else (starts[:, :-1], starts[:, 1:])
    _scan_steps(decay, _double(end), starts[:, first], after, 1, backwards)
    _scan_steps(a, h, before.to(h.dtype), h, 0, backwards)
    out.copy_(h.movedim(0, 2))
    return after[:, 0 if backwards else -1].to(h.dtype)


def _double(x: Tensor) -> Tensor:
    """Return a copy in double precision, or in the type of ``x`` on a device without double precision."""
    dtype = x.dtype if x.device.type == "mps" else torch.promote_types(x.dtype, torch.float64)
    return x.to(dtype, memory_format=torch.contiguous_format, copy=True)


def _scan_steps(a: Tensor, b: Tensor, state: Tensor, out: Tensor, dim: int, backwards: bool) -> Tensor:
    """Compute the recurrence along ``dim`` one step at a time; return the final state."""
    for a_t, b_t, out_t in _steps_in_order(dim, backwards, a, b, out):
        state = torch.addcmul(b_t, a_t, state, out=out_t)
    return state


def _steps_in_order(dim: int, backwards: bool, *tensors: Tensor) -> Iterable[tuple[Tensor, ...]]:
    steps = list(zip(*(x.unbind(dim) for x in tensors), strict=True))
    return reversed(steps) if backwards else steps
