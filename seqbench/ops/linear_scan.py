"""The linear recurrence h_t = a_t h_{t-1} + b_t over time, in four forms that give the same numbers.

Gated and diagonal state-space layers are this recurrence between two pointwise maps. The forms:

- ``reference``: the formula, one step at a time, differentiated by autograd;
- ``in-place``: torch alone, on any device, in chunks that advance side by side (``_scan_in_place``);
- ``numba``: one compiled pass over memory in each direction, for CPUs (``_scan_numba``);
- ``triton``: one kernel in each direction, for CUDA (``_scan_triton``).

All but the reference are one ``torch.library`` operator, ``seqbench::linear_scan``, so that they work on the meta
device, under ``torch.compile`` and under ``FlopCounterMode``, with the analytic gradient

    g_t = dy_t + conj(a_{t+1}) g_{t+1},  db_t = g_t,  da_t = g_t conj(h_{t-1}),  dh0 = conj(a_1) g_1,

which keeps only ``a`` and ``h`` for the backward pass. ``python -m benchmarks.scan`` measures them.
"""

from __future__ import annotations

import functools
import importlib
import math
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

FORMS = ("auto", "reference", "in-place", "numba", "triton")
DEVICES = {"numba": "cpu", "triton": "cuda"}
HALF = (torch.float16, torch.bfloat16)


def linear_scan(a: Tensor, b: Tensor, h0: Tensor | None = None, form: str = "auto") -> Tensor:
    """All states h_t = a_t h_{t-1} + b_t, along axis 1.

    Real or complex. Half precisions are computed in float32 and rounded at the end; inputs of different types
    are promoted. Differentiable once.

    Args:
        a: ``(batch, time, ...)``, the decays; any axis may be 1 where that of ``b`` is not.
        b: ``(batch, time, ...)``, the inputs.
        h0: ``(batch, ...)``, the state before the first step; None for zeros.
        form: ``reference``, ``in-place``, ``numba`` or ``triton``; ``auto`` takes triton on CUDA and numba on a CPU
            where they can be imported, else in-place.

    Returns:
        ``(batch, time, ...)``, the states h_1 .. h_time, in the inputs' type.

    Raises:
        ValueError: if the form is unknown or for another device, shapes do not fit, or the inputs are whole numbers.
        ImportError: if a form is asked for by name and its library cannot be imported.
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
    if b.ndim < 2 or a.ndim != b.ndim or any(n not in (1, m) for n, m in zip(a.shape, b.shape, strict=True)):
        shapes = f"got {tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"a must be (batch, time, ...) like b, or 1 where they differ; {shapes}")
    start = b.shape[:1] + b.shape[2:]
    if h0 is not None and h0.shape != start:
        raise ValueError(f"h0 must be (batch, ...) = {tuple(start)}, got {tuple(h0.shape)}")
    dtype = torch.promote_types(a.dtype, b.dtype)
    if h0 is not None:
        dtype = torch.promote_types(dtype, h0.dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(f"a and b must be real or complex numbers, got {dtype}")
    h0 = b.new_zeros(start, dtype=dtype) if h0 is None else h0.to(dtype)
    a, b = a.to(dtype), b.to(dtype)
    if b.shape[1] == 1 or form == "reference":
        # A single step is the formula itself: while decoding, the operator would cost more than the arithmetic.
        return _reference(a, b, h0)
    return _scan(a.expand_as(b), b, h0, form)


def _reference(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    """The formula; ``unbind``, because the gradient of each ``a[:, t]`` would be as large as ``a``."""
    h, steps = _wide(h0), []
    if not b.shape[1]:
        return b.clone()
    for a_t, b_t in zip(_wide(a).expand_as(b).unbind(1), _wide(b).unbind(1), strict=True):
        h = a_t * h + b_t
        steps.append(h)
    return torch.stack(steps, 1).to(b.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in HALF else x


@functools.cache
def _compiled(form: str) -> ModuleType | None:
    """The module of a form that needs more than torch, imported when first used; None where it cannot be."""
    try:
        return importlib.import_module(f"seqbench.ops._scan_{form}")
    except ImportError:
        return None


def _choose(form: str, x: Tensor) -> ModuleType:
    """The module whose ``forward`` and ``backward`` do the work on ``x``'s device."""
    device = x.device.type
    if form in DEVICES and device != DEVICES[form]:
        raise ValueError(f"linear_scan(form={form!r}) works on {DEVICES[form]} tensors, got {device}")
    for name, where in DEVICES.items():
        if form in (name, "auto") and device == where:
            if (module := _compiled(name)) is not None:
                return module
            if form == name:
                raise ImportError(f"linear_scan(form={form!r}) needs {form}, which cannot be imported; 'auto' does not")
    return importlib.import_module("seqbench.ops._scan_in_place")


def _flat(x: Tensor, wide: bool) -> Tensor:
    """``(batch, time, channels)`` of ``(batch, time, ...)``; a view where there can be one."""
    x = (_wide(x) if wide else x).resolve_conj().resolve_neg()
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


@torch.library.custom_op(
    "seqbench::linear_scan", mutates_args=(), schema="(Tensor a, Tensor b, Tensor h0, str form) -> Tensor"
)
def _scan(a: Tensor, b: Tensor, h0: Tensor, form: str) -> Tensor:
    module = _choose(form, b)
    # Triton widens what it loads; the others are given wide tensors.
    flat = functools.partial(_flat, wide=not module.READS_HALF)
    return module.forward(flat(a), flat(b), flat(h0[:, None])[:, 0]).to(b.dtype).view(b.shape)


@torch.library.custom_op(
    "seqbench::linear_scan_backward",
    mutates_args=(),
    schema="(Tensor a, Tensor h, Tensor h0, Tensor dy, str form) -> (Tensor, Tensor, Tensor)",
)
def _scan_backward(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor, form: str) -> tuple[Tensor, Tensor, Tensor]:
    module = _choose(form, h)
    flat = functools.partial(_flat, wide=not module.READS_HALF)
    da, db, dh0 = module.backward(flat(a), flat(h), flat(h0[:, None])[:, 0], flat(dy))
    return da.to(h.dtype).view(h.shape), db.to(h.dtype).view(h.shape), dh0.to(h.dtype).view(h0.shape)


@_scan.register_fake
def _(a: Tensor, b: Tensor, h0: Tensor, form: str) -> Tensor:
    return torch.empty_like(b, memory_format=torch.contiguous_format)


@_scan_backward.register_fake
def _(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor, form: str) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(h), torch.empty_like(h), torch.empty_like(h0, memory_format=torch.contiguous_format)


def _keep(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor, str], output: Tensor) -> None:
    a, _, h0, ctx.form = inputs
    ctx.save_for_backward(a, output, h0)


def _gradient(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    return (*_scan_backward(*ctx.saved_tensors, dy, ctx.form), None)


def _no_second(ctx: Any, *gradients: Tensor) -> None:
    raise NotImplementedError("linear_scan is differentiable once; form='reference' has gradients of gradients")


_scan.register_autograd(_gradient, setup_context=_keep)
_scan_backward.register_autograd(_no_second)


@register_flop_formula(torch.ops.seqbench.linear_scan, get_raw=True)
def _flops(a: Tensor, b: Tensor, h0: Tensor, form: str, **_: Any) -> int:
    """A product and a sum for each element: 2 operations if real, 6 + 2 if complex."""
    return b.numel() * (8 if b.is_complex() else 2)


@register_flop_formula(torch.ops.seqbench.linear_scan_backward, get_raw=True)
def _backward_flops(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor, form: str, **_: Any) -> int:
    """The same for g, and a product for da."""
    return h.numel() * (14 if h.is_complex() else 3)
