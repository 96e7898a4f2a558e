"""The scan for CUDA, as one Triton kernel for both directions.

A program owns a row and a block of channels. It walks over time in tiles; within a tile the steps are combined by
``tl.associative_scan``, and the state reached carries over to the next tile. The backward direction is the same walk
from the last step to the first. Complex numbers are read as pairs; ``a`` is read through its strides, so that an
expanded view costs no memory; half precisions are widened on loading.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

READS_HALF = True
TILE, BLOCK = 64, 16  # Steps and channels that a program holds at once.


@triton.jit
def _then(a, b, c, d):  # type: ignore[no-untyped-def]
    """The map h -> a h + b, then h -> c h + d."""
    return c * a, c * b + d


@triton.jit
def _then_complex(ar, ai, br, bi, cr, ci, dr, di):  # type: ignore[no-untyped-def]
    return cr * ar - ci * ai, cr * ai + ci * ar, cr * br - ci * bi + dr, cr * bi + ci * br + di


@triton.jit
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
    BACK: tl.constexpr,
    COMPLEX: tl.constexpr,
    WIDE: tl.constexpr,
    TILE: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """``out`` from ``a`` and ``x`` (b, or dy on the way back, which also writes ``da`` from ``h`` and ``start``)."""
    row = tl.program_id(0).to(tl.int64)
    channel = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)[None, :]
    steps = tl.arange(0, TILE)[:, None]
    last = steps == TILE - 1
    inside = channel < channels
    pair: tl.constexpr = 2 if COMPLEX else 1  # A complex number is two neighbours; ``a`` strides count numbers too.
    first = pair * (row * channels + channel)
    state = tl.zeros((1, BLOCK), WIDE)
    state_i = tl.zeros((1, BLOCK), WIDE)
    if not BACK:
        state = tl.load(start + first, inside, 0).to(WIDE)
        if COMPLEX:
            state_i = tl.load(start + first + 1, inside, 0).to(WIDE)
    for begin in range(0, time, TILE):
        t = begin + steps
        some = inside & (t < time)
        if BACK:
            t = time - 1 - t
            # The last step has no successor to be decayed from.
            decays, decay_at = some & (t + 1 < time), t + 1
        else:
            decays, decay_at = some, t
        to_a = pair * (row * a_row + decay_at.to(tl.int64) * a_step + channel * a_channel)
        at = pair * ((row * time + t) * channels + channel)
        # Beyond the end the decay is 1 and the input 0: the state stays.
        ar = tl.load(a + to_a, decays, 1).to(WIDE)
        br = tl.load(x + at, some, 0).to(WIDE)
        if COMPLEX:
            ai = tl.load(a + to_a + 1, decays, 0).to(WIDE)
            bi = tl.load(x + at + 1, some, 0).to(WIDE)
            if BACK:
                ai = -ai
            ar, ai, br, bi = tl.associative_scan((ar, ai, br, bi), 0, _then_complex)
            br, bi = br + ar * state - ai * state_i, bi + ar * state_i + ai * state
            state_i = tl.sum(tl.where(last, bi, 0), 0)[None, :]
            tl.store(out + at + 1, bi, some)
        else:
            ar, br = tl.associative_scan((ar, br), 0, _then)
            br = br + ar * state
        state = tl.sum(tl.where(last, br, 0), 0)[None, :]
        tl.store(out + at, br, some)
        if BACK:
            earlier, origin = some & (t > 0), some & (t == 0)
            before = at - pair * channels
            hr = tl.load(h + before, earlier, 0).to(WIDE) + tl.load(start + first + 0 * t, origin, 0).to(WIDE)
            if COMPLEX:
                hi = tl.load(h + before + 1, earlier, 0).to(WIDE)
                hi += tl.load(start + first + 1 + 0 * t, origin, 0).to(WIDE)
                tl.store(da + at, br * hr + bi * hi, some)
                tl.store(da + at + 1, bi * hr - br * hi, some)
            else:
                tl.store(da + at, br * hr, some)


def forward(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    """All states ``(batch, time, channels)``; ``a`` may be an expanded view, ``h0`` is ``(batch, channels)``."""
    h = torch.empty_like(b, memory_format=torch.contiguous_format)
    _launch(a, b, h0, h, h, h, back=False)
    return h


def backward(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of ``a`` and ``b``, ``(batch, time, channels)``, and of ``h0``, ``(batch, channels)``."""
    da, db = torch.empty_like(h), torch.empty_like(h)
    if not h.shape[1]:
        return da, db, torch.zeros_like(h0)
    _launch(a, dy, h0, db, h, da, back=True)
    return da, db, a[:, 0].conj_physical() * db[:, 0]


def _launch(a: Tensor, x: Tensor, h0: Tensor, out: Tensor, h: Tensor, da: Tensor, back: bool) -> None:
    batch, time, channels = out.shape
    if not out.numel():
        return
    strides = a.stride()
    numbers = [a, x.contiguous(), h0.contiguous(), out, h, da]
    if out.is_complex():
        numbers = [torch.view_as_real(n) for n in numbers]
    wide = tl.float64 if numbers[0].dtype == torch.float64 else tl.float32
    with torch.cuda.device_of(out):
        _kernel[(batch, triton.cdiv(channels, BLOCK))](
            *numbers,
            time,
            channels,
            *strides,
            BACK=back,
            COMPLEX=out.is_complex(),
            WIDE=wide,
            TILE=TILE,
            BLOCK=BLOCK,
        )
