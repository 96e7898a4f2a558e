"""The scan for CPUs, compiled by numba: each direction is one pass over memory, the inner loop over channels.

Compiled when a type is first met (about a second) and cached on disk. Numba's own threads are not used: its
layers do not survive a fork, or abort when two threads enter at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import torch
from torch import Tensor

READS_HALF = False


def _jit(kernel: Callable[..., None]) -> Callable[..., None]:
    """Compile without the interpreter's lock; product and sum may become one instruction, no other liberty is taken."""
    options: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}}
    try:
        return numba.njit(cache=True, **options)(kernel)
    except RuntimeError:  # Neither the package's folder nor the user's can hold the cache.
        return numba.njit(**options)(kernel)


@_jit
def _forward(a, b, h0, h):  # type: ignore[no-untyped-def]
    batch, time, channels = b.shape
    every_row, every_step = a.shape[0] > 1, a.shape[1] > 1
    for n in range(batch):
        for t in range(time):
            decay = a[n if every_row else 0, t if every_step else 0]
            before = h[n, t - 1] if t else h0[n]
            for c in range(channels):
                h[n, t, c] = decay[c] * before[c] + b[n, t, c]


@_jit
def _backward(a, h, h0, dy, da, db, carry):  # type: ignore[no-untyped-def]
    batch, time, channels = h.shape
    every_row, every_step = a.shape[0] > 1, a.shape[1] > 1
    for n in range(batch):
        for t in range(time - 1, -1, -1):
            decay = a[n if every_row else 0, t if every_step else 0]
            before = h[n, t - 1] if t else h0[n]
            for c in range(channels):
                g = dy[n, t, c] + carry[n, c]
                db[n, t, c] = g
                da[n, t, c] = g * before[c].conjugate()
                carry[n, c] = g * decay[c].conjugate()


def forward(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    """All states ``(batch, time, channels)``; ``a`` may be an expanded view, ``h0`` is ``(batch, channels)``."""
    h = torch.empty_like(b, memory_format=torch.contiguous_format)
    _forward(*_arrays(_narrow(a), b, h0, h))
    return h


def backward(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of ``a`` and ``b``, ``(batch, time, channels)``, and of ``h0``, ``(batch, channels)``."""
    da, db = torch.empty_like(h), torch.empty_like(h)
    dh0 = torch.zeros_like(h0, memory_format=torch.contiguous_format)
    _backward(*_arrays(_narrow(a), h, h0, dy, da, db, dh0))
    return da, db, dh0


def _narrow(a: Tensor) -> Tensor:
    """Without the rows and steps that an expanded view only repeats."""
    for dim in (0, 1):
        if a.stride(dim) == 0:
            a = a.narrow(dim, 0, min(1, a.shape[dim]))
    return a


def _arrays(*tensors: Tensor) -> list[Any]:
    return [x.detach().contiguous().numpy() for x in tensors]
