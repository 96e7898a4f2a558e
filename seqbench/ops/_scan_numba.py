"""The scan for CPUs, compiled by numba: each direction is one pass over memory, with the inner loop over channels.

A kernel is compiled at the first call with a type of numbers, which takes about a second, and is cached on disk.
Numba's own threads are not used: its threading layers do not work after a fork, or they abort when two threads enter
at once.
"""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

READS_HALF = False
Array = NDArray[np.generic]


def _compile(kernel: Callable[..., None]) -> Callable[..., None]:
    """Compile a kernel that runs without the global interpreter lock.

    Of the fast-math transformations only contraction is allowed: a product and a sum may become one instruction.
    """
    try:
        compiled: Callable[..., None] = numba.njit(nogil=True, fastmath={"contract"}, cache=True)(kernel)
    except RuntimeError:  # Neither the folder of the package nor that of the user can hold the cache.
        compiled = numba.njit(nogil=True, fastmath={"contract"})(kernel)
    return compiled


@_compile
def _forward(a: Array, b: Array, h0: Array, h: Array) -> None:
    batch, time, channels = b.shape
    every_row, every_step = a.shape[0] > 1, a.shape[1] > 1
    for n in range(batch):
        for t in range(time):
            decay = a[n if every_row else 0, t if every_step else 0]
            before = h[n, t - 1] if t else h0[n]
            for c in range(channels):
                h[n, t, c] = decay[c] * before[c] + b[n, t, c]


@_compile
def _backward(a: Array, h: Array, h0: Array, dy: Array, da: Array, db: Array, carry: Array) -> None:
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
    """Compute all states.

    Args:
        a: decays, ``(batch, time, channels)``, which may be an expanded view.
        b: inputs, ``(batch, time, channels)``.
        h0: the state before the first step, ``(batch, channels)``.

    Returns:
        ``(batch, time, channels)``.
    """
    h = torch.empty_like(b, memory_format=torch.contiguous_format)
    _forward(*_arrays(_without_repeats(a), b, h0, h))
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
    dh0 = torch.zeros_like(h0, memory_format=torch.contiguous_format)
    _backward(*_arrays(_without_repeats(a), h, h0, dy, da, db, dh0))
    return da, db, dh0


def _without_repeats(a: Tensor) -> Tensor:
    """Return ``a`` without the rows and steps that an expanded view repeats."""
    for dim in (0, 1):
        if a.stride(dim) == 0:
            a = a.narrow(dim, 0, min(1, a.shape[dim]))
    return a


def _arrays(*tensors: Tensor) -> list[Array]:
    return [x.detach().contiguous().numpy() for x in tensors]
