"""The linear recurrence h_t = a_t h_{t-1} + b_t over time, in four forms that compute the same numbers.

Gated layers and diagonal state-space layers are this recurrence between two maps of single steps. The forms:

- ``reference``: the formula, one step at a time, differentiated by autograd;
- ``in-place``: PyTorch operators on any device, many chunks of time at once (``_scan_in_place``);
- ``numba``: one compiled pass over memory in each direction, for CPUs (``_scan_numba``);
- ``triton``: one kernel in each direction, for CUDA (``_scan_triton``).

All forms except the reference are one ``torch.library`` operator, ``seqbench::linear_scan``. It works on the meta
device, under ``torch.compile`` and under ``FlopCounterMode``. Its gradient is::

    g_t = dy_t + conj(a_{t+1}) g_{t+1},  db_t = g_t,  da_t = g_t conj(h_{t-1}),  dh0 = conj(a_1) g_1,

so that only ``a``, ``h`` and ``h0`` are stored for the backward pass. ``python -m benchmarks.scan`` measures the forms.
"""

from __future__ import annotations

import functools
import importlib
import math
from typing import Protocol, cast

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.utils.flop_counter import register_flop_formula

FORMS = ("auto", "reference", "in-place", "numba", "triton")
DEVICES = {"numba": "cpu", "triton": "cuda"}
HALF_PRECISIONS = (torch.float16, torch.bfloat16)


class _Implementation(Protocol):
    """A module that computes the scan of tensors ``(batch, time, channels)`` in both directions."""

    READS_HALF: bool

    def forward(self, a: Tensor, b: Tensor, h0: Tensor) -> Tensor: ...

    def backward(self, a: Tensor, h: Tensor, h0: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor]: ...


class _Context(FunctionCtx):
    """The context of autograd, with the values that the operator stores in it."""

    form: str
    saved_tensors: tuple[Tensor, Tensor, Tensor]


def linear_scan(a: Tensor, b: Tensor, h0: Tensor | None = None, form: str = "auto") -> Tensor:
    """Compute all states h_t = a_t h_{t-1} + b_t along axis 1.

    It costs O(time) operations and memory for each channel, one product and one sum a step. Numbers are real or
    complex. Half precisions are computed in float32 and rounded at the end. Inputs of different types are promoted.
    The gradient of ``form="reference"`` can be differentiated again; that of the other forms cannot.

    Args:
        a: the decays, ``(batch, time, ...)``. Any axis may have the size 1, and is then broadcast to that of ``b``.
        b: the inputs, ``(batch, time, ...)``.
        h0: the state before the first step, ``(batch, ...)``. None means zeros.
        form: ``reference``, ``in-place``, ``numba`` or ``triton``. ``auto`` selects ``triton`` on CUDA and ``numba`` on
            a CPU, where these can be imported, and ``in-place`` otherwise.

    Returns:
        The states h_1 .. h_time, ``(batch, time, ...)``, in the promoted type of the inputs.

    Raises:
        ValueError: ``form`` is unknown or for another device, the shapes do not match, or the inputs are integers.
        ImportError: ``form`` names a library that cannot be imported.

    Example:
        >>> a, b = torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([[1.0, 1.0, 1.0]])
        >>> linear_scan(a, b, h0=torch.tensor([2.0])).tolist()
        [[2.0, 2.0, 1.0]]
    """
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}")
    if b.ndim < 2 or a.ndim != b.ndim or any(n not in (1, m) for n, m in zip(a.shape, b.shape, strict=True)):
        shapes = f"got {tuple(a.shape)} and {tuple(b.shape)}"
        raise ValueError(f"a must be (batch, time, ...) like b, with the size 1 where an axis is shared; {shapes}")
    state_shape = b.shape[:1] + b.shape[2:]
    if h0 is not None and h0.shape != state_shape:
        raise ValueError(f"h0 must be (batch, ...) = {tuple(state_shape)}, got {tuple(h0.shape)}")
    dtype = torch.promote_types(a.dtype, b.dtype)
    if h0 is not None:
        dtype = torch.promote_types(dtype, h0.dtype)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise ValueError(f"a and b must be real or complex numbers, got {dtype}")
    h0 = b.new_zeros(state_shape, dtype=dtype) if h0 is None else h0.to(dtype)
    a, b = a.to(dtype), b.to(dtype)
    if b.shape[1] == 1 or form == "reference":
        # For a single step, as in decoding, the operator would cost more than the arithmetic.
        return _reference(a, b, h0)
    states: Tensor = _scan(a.expand_as(b), b, h0, form)
    return states


def _reference(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
    """Compute the formula step by step, with ``unbind``, because the gradient of each ``a[:, t]`` is as large as a."""
    h, states = _promote_half(h0), []
    if not b.shape[1]:
        return b.clone()
    for a_t, b_t in zip(_promote_half(a).expand_as(b).unbind(1), _promote_half(b).unbind(1), strict=True):
        h = a_t * h + b_t
        states.append(h)
    return torch.stack(states, 1).to(b.dtype)


def _promote_half(x: Tensor) -> Tensor:
    return x.float() if x.dtype in HALF_PRECISIONS else x


@functools.cache
def _import_form(form: str) -> _Implementation | None:
    """Import the module of a form that needs another library, at its first use; return None if the import fails."""
    try:
        return cast("_Implementation", importlib.import_module(f"seqbench.ops._scan_{form}"))
    except ImportError:
        return None


def _select_implementation(form: str, x: Tensor) -> _Implementation:
    """Return the module that computes the scan in this form on the device of ``x``."""
    device = x.device.type
    if form in DEVICES and device != DEVICES[form]:
        raise ValueError(f"linear_scan(form={form!r}) works on {DEVICES[form]} tensors, got {device}")
    for name, supported in DEVICES.items():
        if form in (name, "auto") and device == supported:
            if (module := _import_form(name)) is not None:
                return module
            if form == name:
                raise ImportError(
                    f"linear_scan(form={form!r}) needs {form}, which cannot be imported; "
                    f"install it, or use form='auto', which works without it"
                )
    return cast("_Implementation", importlib.import_module("seqbench.ops._scan_in_place"))


def _flatten_channels(x: Tensor, promote: bool) -> Tensor:
    """Return ``(batch, time, ...)`` as ``(batch, time, channels)``, a view where possible."""
    x = (_promote_half(x) if promote else x).resolve_conj().resolve_neg()
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


@torch.library.custom_op(
    "seqbench::linear_scan", mutates_args=(), schema="(Tensor a, Tensor b, Tensor h0, str form) -> Tensor"
)
def _scan(a: Tensor, b: Tensor, h0: Tensor, form: str) -> Tensor:
    module = _select_implementation(form, b)
    # Triton promotes the numbers that it loads; the other forms need promoted tensors.
    flat = functools.partial(_flatten_channels, promote=not module.READS_HALF)
    return module.forward(flat(a), flat(b), flat(h0[:, None])[:, 0]).to(b.dtype).view(b.shape)


@torch.library.custom_op(
    "seqbench::linear_scan_backward",
    mutates_args=(),
    schema="(Tensor a, Tensor h, Tensor h0, Tensor dy, str form) -> (Tensor, Tensor, Tensor)",
)
def _scan_backward(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor, form: str) -> tuple[Tensor, Tensor, Tensor]:
    module = _select_implementation(form, h)
    flat = functools.partial(_flatten_channels, promote=not module.READS_HALF)
    da, db, dh0 = module.backward(flat(a), flat(h), flat(h0[:, None])[:, 0], flat(dy))
    return da.to(h.dtype).view(h.shape), db.to(h.dtype).view(h.shape), dh0.to(h.dtype).view(h0.shape)


@_scan.register_fake
def _(a: Tensor, b: Tensor, h0: Tensor, form: str) -> Tensor:
    return torch.empty_like(b, memory_format=torch.contiguous_format)


@_scan_backward.register_fake
def _(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor, form: str) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(h), torch.empty_like(h), torch.empty_like(h0, memory_format=torch.contiguous_format)


def _save_for_backward(ctx: _Context, inputs: tuple[Tensor, Tensor, Tensor, str], output: Tensor) -> None:
    a, _, h0, ctx.form = inputs
    ctx.save_for_backward(a, output, h0)


def _backward(ctx: _Context, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
    return (*_scan_backward(*ctx.saved_tensors, dy, ctx.form), None)


def _refuse_second_derivative(ctx: FunctionCtx, *gradients: Tensor) -> None:
    raise NotImplementedError(
        "linear_scan is differentiable once; for a gradient of its gradient, use form='reference'"
    )


_scan.register_autograd(_backward, setup_context=_save_for_backward)
_scan_backward.register_autograd(_refuse_second_derivative)


@register_flop_formula(torch.ops.seqbench.linear_scan, get_raw=True)
def _flops(a: Tensor, b: Tensor, h0: Tensor, form: str, **_: object) -> int:
    """Count one product and one sum for each element: 2 operations for real numbers, 6 + 2 for complex ones."""
    return b.numel() * (8 if b.is_complex() else 2)


@register_flop_formula(torch.ops.seqbench.linear_scan_backward, get_raw=True)
def _backward_flops(a: Tensor, h: Tensor, h0: Tensor, dy: Tensor, form: str, **_: object) -> int:
    """Count the operations of the scan of g, and one more product for da."""
    return h.numel() * (14 if h.is_complex() else 3)
