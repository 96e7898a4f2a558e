"""The scan in torch alone: chunks of steps advance side by side, writing into tensors made once.

A loop over all steps costs one operator call a step, more than the arithmetic unless a step is large. So time is cut
into spans of ``SPAN`` steps, and a span into chunks of ``CHUNK``, copied time-major. A first pass over all chunks at
once finds what each makes of a zero state, and its product of decays; a loop over the chunks then gives the state that
each begins with; a second pass over all chunks at once turns inputs into states, in place. Memory is passed over in
order, a span stays in the cache meanwhile, and its ``SPAN`` steps take ``3 CHUNK + SPAN / CHUNK`` operators.

Products run over one chunk only: long ones could overflow where states do not. From chunk to chunk they are kept in
double precision, because decays near 1 round to the same side again and again.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

READS_HALF = False
CHUNK = 32
SPAN = 32 * CHUNK


def forward(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    """All states ``(batch, time, channels)``; ``a`` may be an expanded view, ``h0`` is ``(batch, channels)``."""
    h = torch.empty_like(b, memory_format=torch.contiguous_format)
    _scan(a, b, h0, h)
    return h


def backward(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of ``a`` and ``b``, ``(batch, time, channels)``, and of ``h0``, ``(batch, channels)``."""
    da, db = torch.empty_like(h), torch.empty_like(h)
    if not h.shape[1]:
        return da, db, torch.zeros_like(h0)
    if h.is_complex():
        # A lazy conj() is not always honoured inside an operator that torch.compile runs.
        a, h, h0 = a.conj_physical(), h.conj_physical(), h0.conj_physical()
    # The gradient of the last state is the last of dy; from there the recurrence runs back over the others.
    db[:, -1] = dy[:, -1]
    g = _scan(a[:, 1:], dy[:, :-1], db[:, -1], db[:, :-1], back=True)
    torch.mul(db[:, 1:], h[:, :-1], out=da[:, 1:])
    torch.mul(db[:, 0], h0, out=da[:, 0])
    return da, db, a[:, 0] * g


def _scan(a: Tensor, b: Tensor, state: Tensor, out: Tensor, back: bool = False) -> Tensor:
    """Write all states into ``out``, from the first or from the last; returns the one reached."""
    time = b.shape[1]
    for done in range(0, time, SPAN):
        size = min(SPAN, time - done)
        begin = time - done - size if back else done
        some = slice(begin, begin + size)
        state = _span(a[:, some], b[:, some], state, out[:, some], back)
    return state


def _span(a: Tensor, b: Tensor, state: Tensor, out: Tensor, back: bool) -> Tensor:
    """The same for a few chunks, and the steps that fill none."""
    time = b.shape[1]
    rest = time % CHUNK
    if rest < time:
        whole = slice(rest, None) if back else slice(0, time - rest)
        state = _chunks(_cut(a[:, whole]), _cut(b[:, whole]), state, _cut(out[:, whole]), back)
    single = slice(0, rest) if back else slice(time - rest, None)
    return _steps(a[:, single], b[:, single], state, out[:, single], 1, back)


def _cut(x: Tensor) -> Tensor:
    return x.unflatten(1, (-1, CHUNK))


def _chunks(a: Tensor, b: Tensor, state: Tensor, out: Tensor, back: bool) -> Tensor:
    """The same for whole chunks: all but ``state`` are ``(batch, chunks, CHUNK, channels)``."""
    first = -1 if back else 0
    a = a.movedim(2, 0).contiguous()
    # A copy even where b is time-major already: it becomes the states.
    h = b.movedim(2, 0).clone(memory_format=torch.contiguous_format)
    decay, end = _double(a[first]), h[first].clone()
    for a_s, b_s in list(_walk(0, back, a, h))[1:]:
        torch.addcmul(b_s, a_s, end, out=end)
        decay *= a_s
    # starts[k] is where chunk k begins and starts[k + 1] where it ends; the other way round in a walk back.
    starts = decay.new_empty(end.shape[0], end.shape[1] + 1, end.shape[2])
    starts[:, first] = state
    before, after = (starts[:, 1:], starts[:, :-1]) if back else (starts[:, :-1], starts[:, 1:])
    _steps(decay, _double(end), starts[:, first], after, 1, back)
    _steps(a, h, before.to(h.dtype), h, 0, back)
    out.copy_(h.movedim(0, 2))
    return after[:, 0 if back else -1].to(h.dtype)


def _double(x: Tensor) -> Tensor:
    """A copy in double precision, where the device has it."""
    wide = x.dtype if x.device.type == "mps" else torch.promote_types(x.dtype, torch.float64)
    return x.to(wide, memory_format=torch.contiguous_format, copy=True)


def _steps(a: Tensor, b: Tensor, state: Tensor, out: Tensor, dim: int, back: bool) -> Tensor:
    """The recurrence along ``dim``, one step at a time."""
    for a_t, b_t, out_t in _walk(dim, back, a, b, out):
        state = torch.addcmul(b_t, a_t, state, out=out_t)
    return state


def _walk(dim: int, back: bool, *tensors: Tensor) -> Iterable[tuple[Tensor, ...]]:
    steps = list(zip(*(x.unbind(dim) for x in tensors), strict=True))
    return reversed(steps) if back else steps
