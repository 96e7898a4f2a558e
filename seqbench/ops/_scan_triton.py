"""The scan for CUDA, as one Triton kernel for both directions.

A program computes one row and one block of channels. It advances over time in tiles: ``tl.associative_scan`` combines
the steps of a tile, and the last state is carried to the next tile. The backward direction is the same loop from the
last step to the first. Complex numbers are read as pairs of real numbers. ``a`` is read through its strides, so that an
expanded view needs no copy. Half precisions are promoted to float32 when they are loaded.

The arguments of a kernel have no annotations, because Triton would interpret them as its own annotations.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

READS_HALF = True
TILE, BLOCK = 64, 16  # Steps and channels of one tile.


@triton.jit
def _compose(a, b, c, d):  # type: ignore[no-untyped-def]
    """Compose two maps: h -> a h + b, then h -> c h + d."""
    return c * a, c * b + d


@triton.jit
def _compose_complex(ar, ai, br, bi, cr, ci, dr, di):  # type: ignore[no-untyped-def]
    """Compose two complex maps, given by their real and imaginary parts."""
    return cr * ar - ci * ai, cr * ai + ci * ar, cr * br - ci * bi + dr, cr * bi + ci * br + di


@triton.jit  # type: ignore[untyped-decorator]
def _kernel(  # type: ignore[no-untyped-def]
    a,
    x,
    start,
    out,
    h,
    da,
    time,
    channels,
    a_row,
    a_step,
    a_channel,
    BACKWARDS: tl.constexpr,
    COMPLEX: tl.constexpr,
    DTYPE: tl.constexpr,
    TILE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Scan ``x``, which is b forwards and dy backwards, into ``out``; backwards also write ``da``."""
    row = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]
    steps = tl.arange(0, TILE)[:, None]
    last = steps == TILE - 1
    inside = channel < channels
    pair: tl.constexpr = 2 if COMPLEX else 1  # A complex number is two real ones. Strides of ``a`` count numbers.
    first = pair * (row * channels + channel)
    state = tl.zeros((1, BLOCK), DTYPE)
    state_i = tl.zeros((1, BLOCK), DTYPE)
    if not BACKWARDS:
        state = tl.load(start + first, inside, 0).to(DTYPE)
        if COMPLEX:
            state_i = tl.load(start + first + 1, inside, 0).to(DTYPE)
    for begin in range(0, time, TILE):
        t = begin + steps
        valid = inside & (t < time)
        if BACKWARDS:
            t = time - 1 - t
            # No decay follows the last step.
            decays, decay_at = valid & (t + 1 < time), t + 1
        else:
            decays, decay_at = valid, t
        to_a = pair * (row * a_row + decay_at.to(tl.int64) * a_step + channel * a_channel)
        at = pair * ((row * time + t) * channels + channel)
        # Beyond the end the decay is 1 and the input 0, so that the state does not change.
        ar = tl.load(a + to_a, decays, 1).to(DTYPE)
        br = tl.load(x + at, valid, 0).to(DTYPE)
        if COMPLEX:
            ai = tl.load(a + to_a + 1, decays, 0).to(DTYPE)
            bi = tl.load(x + at + 1, valid, 0).to(DTYPE)
            if BACKWARDS:
                ai = -ai
            ar, ai, br, bi = tl.associative_scan((ar, ai, br, bi), 0, _compose_complex)
            br, bi = br + ar * state - ai * state_i, bi + ar * state_i + ai * state
            state_i = tl.sum(tl.where(last, bi, 0), 0)[None, :]
            tl.store(out + at + 1, bi, valid)
        else:
            ar, br = tl.associative_scan((ar, br), 0, _compose)
            br = br + ar * state
        state = tl.sum(tl.where(last, br, 0), 0)[None, :]
        tl.store(out + at, br, valid)
        if BACKWARDS:
            earlier, origin = valid & (t > 0), valid & (t == 0)
            before = at - pair * channels
            hr = tl.load(h + before, earlier, 0).to(DTYPE) + tl.load(start + first + 0 * t, origin, 0).to(DTYPE)
            if COMPLEX:
                hi = tl.load(h + before + 1, earlier, 0).to(DTYPE)
                hi += tl.load(start + first + 1 + 0 * t, origin, 0).to(DTYPE)
                tl.store(da + at, br * hr + bi * hi, valid)
                tl.store(da + at + 1, bi * hr - br * hi, valid)
            else:
                tl.store(da + at, br * hr, valid)


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
    _launch(a, b, h0, h, h, h, backwards=False)
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
    _launch(a, dy, h0, db, h, da, backwards=True)
    return da, db, a[:, 0].conj_physical() * db[:, 0]


def _launch(a: Tensor, x: Tensor, h0: Tensor, out: Tensor, h: Tensor, da: Tensor, backwards: bool) -> None:
    """Run the kernel on the device of ``out``; forwards, ``h`` and ``da`` are not used."""
    batch, time, channels = out.shape
    if not out.numel():
        return
    strides = a.stride()
    numbers = [a, x.contiguous(), h0.contiguous(), out, h, da]
    if out.is_complex():
        numbers = [torch.view_as_real(n) for n in numbers]
    dtype = tl.float64 if numbers[0].dtype == torch.float64 else tl.float32
    with torch.cuda.device_of(out):  # type: ignore[no-untyped-call]
        _kernel[(batch, triton.cdiv(channels, BLOCK))](
            *numbers,
            time,
            channels,
            *strides,
            BACKWARDS=backwards,
            COMPLEX=out.is_complex(),
            DTYPE=dtype,
            TILE=TILE,
            BLOCK=BLOCK,
        )
