"""Floating-point operations, counted from the shapes of what PyTorch calls.

A multiply-add counts as two, a complex one as eight. Counted are products of matrices and vectors, convolutions,
attention (the full square, also where a mask hides half of it), PyTorch's own recurrent kernels, Fourier transforms,
and operations that bring a formula of their own (``torch.utils.flop_counter.register_flop_formula``). Other
elementwise work (activations, gates, norms, sums) is not: it grows with the width, products with its square.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten


def count_flops(module: nn.Module, *inputs: Any) -> int:
    """The operations of ``module(*inputs)``.

    It runs in inference mode, where a recurrent net or attention is still one call, not yet many small ones.
    """
    # The counter hooks into every module, and fails on weights that ask for gradients where there are none.
    asking = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in asking:
        parameter.requires_grad_(False)
    try:
        with FlopCounterMode(display=False, custom_mapping=_formulas()) as counter, torch.inference_mode():
            module(*inputs)
    finally:
        for parameter in asking:
            parameter.requires_grad_(True)
    return int(counter.get_total_flops())


def _product(*args: Any, out_val: Tensor, **_: Any) -> int:
    """Each number of a product is a sum over the last axis of its left factor, behind what may be added to it."""
    left = [argument for argument in args if isinstance(argument, Tensor)][-2]
    return (8 if left.is_complex() else 2) * out_val.numel() * left.shape[-1]


def _recurrent(x: Tensor, *args: Any, out_val: Any, **_: Any) -> int:
    """RNN, LSTM and GRU of any layers and directions: each weight matrix once a step, ``x (..., width)``."""
    # Parameters come right before the first yes or no, `has_biases`, in calls for packed sequences as well.
    place = next(index for index, argument in enumerate(args) if isinstance(argument, bool)) - 1
    weights = sum(parameter.numel() for parameter in args[place] if parameter.ndim == 2)
    return 2 * math.prod(x.shape[:-1]) * weights


def _attention(query: Tensor, key: Tensor, value: Tensor, *_: Any, out_val: Tensor, **__: Any) -> int:
    """In each head, every query with every key, then the mean of the values."""
    return 2 * math.prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _fourier(x: Tensor, axes: list[int], *_: Any, out_val: Tensor, **__: Any) -> int:
    """5 n log2 n for a transform of n complex numbers, half of it where one side is real (FFTW's convention)."""
    whole = out_val if x.is_complex() else x  # A real signal's transform is stored by half.
    share = 5.0 if x.is_complex() and out_val.is_complex() else 2.5
    return round(share * whole.numel() * math.log2(math.prod(whole.shape[axis] for axis in axes)))


def _formulas() -> dict[Any, Any]:
    """What PyTorch's counter lacks, or takes for real numbers; by operation."""
    products = (aten.mm, aten.addmm, aten.bmm, aten.baddbmm, aten.mv, aten.addmv, aten.dot, aten.vdot)
    recurrent = (aten.rnn_tanh, aten.rnn_relu, aten.lstm, aten.gru)
    found: dict[Any, Any] = {
        **dict.fromkeys(products, _product),
        **dict.fromkeys(recurrent, _recurrent),
        **dict.fromkeys((aten._fft_r2c, aten._fft_c2r, aten._fft_c2c), _fourier),
        aten.scaled_dot_product_attention: _attention,
    }
    # The counter takes apart whatever is not named by its overload.
    for operation in (*recurrent, aten.scaled_dot_product_attention):
        found |= {getattr(operation, name): found[operation] for name in operation.overloads()}
    for formula in found.values():
        formula._get_raw = True  # Give it tensors, not their shapes: types and lists matter.
    return found
