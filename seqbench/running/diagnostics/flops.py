"""Count floating-point operations from the shapes of the operations that PyTorch executes.

A multiply-add counts as two operations, and a complex multiply-add as eight. The count includes products of matrices
and vectors, convolutions, attention (the full square, even where a mask hides half of it), PyTorch's recurrent kernels,
Fourier transforms, and operations with a formula of their own (``torch.utils.flop_counter.register_flop_formula``). It
does not include other elementwise operations (activations, gates, norms, sums): their number grows with the width,
while that of products grows with the square of the width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten


def count_flops(module: nn.Module, *inputs: object) -> int:
    """Return the floating-point operations of ``module(*inputs)``.

    The module runs in inference mode, in which a recurrent network or an attention layer is one operation. In training
    mode PyTorch splits each of them into many operations.

    >>> count_flops(nn.Linear(3, 2), torch.zeros(5, 3))
    60
    """
    # The counter adds hooks to every module, which fail on weights that require gradients in inference mode.
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        with FlopCounterMode(display=False, custom_mapping=_formulas()) as counter, torch.inference_mode():
            module(*inputs)
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
    return int(counter.get_total_flops())


def _product_flops(*args: object, out_val: Tensor, **kwargs: object) -> int:
    """Count the operations of a matrix product, in which each output is a sum over the last axis of the left factor.

    The two factors are the last two tensors; an addend may stand before them.
    """
    left = [argument for argument in args if isinstance(argument, Tensor)][-2]
    return (8 if left.is_complex() else 2) * out_val.numel() * left.shape[-1]


def _recurrent_flops(x: Tensor, *args: object, out_val: object, **kwargs: object) -> int:
    """Count the operations of an RNN, LSTM or GRU: each weight matrix of each layer and direction, once for each step.

    ``x`` is ``(batch, time, width)``, ``(time, batch, width)``, or ``(steps, width)`` of packed sequences.
    """
    # The parameters stand before the first boolean argument, `has_biases`, also in calls for packed sequences.
    place = next(index for index, argument in enumerate(args) if isinstance(argument, bool)) - 1
    parameters = args[place]
    assert isinstance(parameters, Sequence)
    weights: int = sum(parameter.numel() for parameter in parameters if parameter.ndim == 2)
    return 2 * math.prod(x.shape[:-1]) * weights


def _attention_flops(
    query: Tensor, key: Tensor, value: Tensor, *args: object, out_val: object, **kwargs: object
) -> int:
    """Count the operations of attention: in each head, the product of queries and keys, and the mean of the values."""
    return 2 * math.prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])


def _fourier_flops(x: Tensor, axes: list[int], *args: object, out_val: Tensor, **kwargs: object) -> int:
    """Count the operations of a Fourier transform, as FFTW does.

    There are 5 n log2 n operations for n complex numbers, and half as many if the input or the output is real.
    """
    whole = out_val if x.is_complex() else x  # Half of the transform of a real signal is stored.
    factor = 5.0 if x.is_complex() and out_val.is_complex() else 2.5
    return round(factor * whole.numel() * math.log2(math.prod(whole.shape[axis] for axis in axes)))


def _formulas() -> dict[object, Callable[..., int]]:
    """Return a formula for each operation that PyTorch's counter does not count, or counts for real numbers only."""
    products = (aten.mm, aten.addmm, aten.bmm, aten.baddbmm, aten.mv, aten.addmv, aten.dot, aten.vdot)
    recurrent = (aten.rnn_tanh, aten.rnn_relu, aten.lstm, aten.gru)
    formulas: dict[object, Callable[..., int]] = {
        **dict.fromkeys(products, _product_flops),
        **dict.fromkeys(recurrent, _recurrent_flops),
        **dict.fromkeys((aten._fft_r2c, aten._fft_c2r, aten._fft_c2c), _fourier_flops),
        aten.scaled_dot_product_attention: _attention_flops,
    }
    # The counter decomposes composite operations unless it has a formula for their overload.
    for operation in (*recurrent, aten.scaled_dot_product_attention):
        names: list[str] = operation.overloads()  # type: ignore[no-untyped-call]  # torch has no annotation here.
        formulas |= {getattr(operation, name): formulas[operation] for name in names}
    for formula in formulas.values():
        # The counter then passes tensors instead of shapes, because the formulas need types and lists.
        formula._get_raw = True  # type: ignore[attr-defined]
    return formulas
