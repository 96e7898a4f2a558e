"""Check what a backbone returns while a body calls it, so that a wrong value gives one sentence where it arises."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from seqbench.utils.errors import SeqbenchError


@contextlib.contextmanager
def check_forward(backbone: nn.Module) -> Iterator[None]:
    """Check the output of each call of a backbone until the block ends.

    Raises:
        SeqbenchError: ``forward`` does not return one tensor ``(batch, time, d_model)`` of the dtype and device of its
            input.
    """

    def check(module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> None:
        require_outputs(output, inputs[0], f"forward of {type(module).__name__}")

    hook = backbone.register_forward_hook(check)
    try:
        yield
    finally:
        hook.remove()


@contextlib.contextmanager
def check_unroll(backbone: nn.Module) -> Iterator[None]:
    """Check the outputs and the state of each call of a backbone's ``unroll`` until the block ends.

    Raises:
        SeqbenchError: ``unroll`` does not return a pair of outputs ``(batch, time, d_model)`` and a state of tensors
            with the batch as first axis.
    """
    unroll: Callable[..., object] | None = getattr(backbone, "unroll", None)
    if unroll is None:
        yield
        return
    own, name = vars(backbone).get("unroll"), f"unroll of {type(backbone).__name__}"

    def checked(x: Tensor, *rest: Any) -> object:  # What a plug-in takes as its state.
        returned = unroll(x, *rest)
        require_outputs_and_state(returned, x, name)
        return returned

    vars(backbone)["unroll"] = checked
    try:
        yield
    finally:
        del vars(backbone)["unroll"]
        if own is not None:
            vars(backbone)["unroll"] = own


def require_outputs(output: object, x: Tensor, name: str) -> None:
    """Check that a value is one tensor of the shape, dtype and device of the inputs.

    Args:
        output: the value that was returned.
        x: the inputs, ``(batch, time, d_model)``.
        name: the method that returned it, such as ``forward of MyNet``.

    Raises:
        SeqbenchError: it is another value; the text says what to do.

    >>> require_outputs((torch.ones(2, 5, 3), None), torch.ones(2, 5, 3), "forward of MyNet")
    Traceback (most recent call last):
    seqbench.utils.errors.SeqbenchError: forward of MyNet must return one tensor (batch, time, d_model) = (2, 5, 3), \
got a tuple of 2; return its first item.
    """
    shape = tuple(x.shape)
    expected = f"{name} must return one tensor (batch, time, d_model) = {shape}"
    if not isinstance(output, Tensor):
        raise SeqbenchError(f"{expected}, got {_describe(output)}; {_advice_for_object(output, shape)}.")
    if output.shape != x.shape:
        raise SeqbenchError(
            f"{expected}, got one of shape {tuple(output.shape)}; {_advice_for_shape(tuple(output.shape), shape)}."
        )
    under_autocast = torch.is_autocast_enabled(x.device.type) and output.is_floating_point()
    if output.dtype != x.dtype and not under_autocast:
        raise SeqbenchError(
            f"{name} must keep the dtype of its input, {_dtype_name(x)}, got {_dtype_name(output)}; return "
            f"y.to(x.dtype)."
        )
    if output.device != x.device:
        raise SeqbenchError(
            f"{name} must return a tensor on the device of its input, {x.device}, got one on {output.device}; create "
            f"tensors with device=x.device, and register constants as buffers."
        )


def require_outputs_and_state(returned: object, x: Tensor, name: str) -> None:
    """Check that a value is a pair of outputs and a state.

    Args:
        returned: the value that ``unroll`` returned.
        x: the inputs, ``(batch, time, d_model)``.
        name: the method, such as ``unroll of MyNet``.

    Raises:
        SeqbenchError: it is another value; the text says what to do.

    >>> require_outputs_and_state(torch.ones(2, 5, 3), torch.ones(2, 5, 3), "unroll of MyNet")
    Traceback (most recent call last):
    seqbench.utils.errors.SeqbenchError: unroll of MyNet must return a pair (outputs, state), got one tensor; return \
the state after the chunk as well.
    """
    if not (isinstance(returned, tuple | list) and len(returned) == 2):
        advice = "return the state after the chunk as well" if isinstance(returned, Tensor) else "return two values"
        raise SeqbenchError(f"{name} must return a pair (outputs, state), got {_describe(returned)}; {advice}.")
    outputs, state = returned
    require_outputs(outputs, x, f"{name}, as the first of its pair,")
    for leaf in tree_leaves(state):
        if not isinstance(leaf, Tensor):
            raise SeqbenchError(
                f"the state of {name} must hold tensors only, in tuples, lists or dictionaries, got "
                f"{_describe(leaf)} in it; keep a number as a tensor (batch,)."
            )
        if leaf.ndim == 0 or len(leaf) != len(x):
            raise SeqbenchError(
                f"each tensor in the state of {name} must have the batch as its first axis, {len(x)}, got shape "
                f"{tuple(leaf.shape)}; swap its axes{_axis_hint(leaf, len(x))}."
            )


def _axis_hint(leaf: Tensor, batch: int) -> str:
    """Return the swap that PyTorch's recurrent layers need, whose states are (layers, batch, width) in any layout."""
    return ", as by h.transpose(0, 1)" if leaf.ndim > 1 and leaf.shape[1] == batch else ""


def _describe(value: object) -> str:
    """Return a value as part of a sentence: its type, and the number of its items."""
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return "one tensor"
    if isinstance(value, tuple | list | dict) and type(value) in (tuple, list, dict):
        return f"a {type(value).__name__} of {len(value)}"
    module = type(value).__module__.partition(".")[0]
    name = type(value).__name__
    return f"a value of type {name if module in ('builtins', '__main__') else f'{module}.{name}'}"


def _advice_for_object(output: object, shape: tuple[int, ...]) -> str:
    """Return what to do instead of returning an object that is no tensor."""
    if output is None:
        return "end forward with a return statement"
    if isinstance(output, tuple | list) and output and _fits(output[0], shape):
        return "return its first item"
    if _fits(getattr(output, "last_hidden_state", None), shape):
        return "return its last_hidden_state"
    if type(output).__module__.partition(".")[0] == "numpy":
        return "stay in PyTorch, so that gradients flow"
    return "return the outputs of all steps as one tensor"


def _fits(value: object, shape: tuple[int, ...]) -> bool:
    return isinstance(value, Tensor) and tuple(value.shape) == shape


def _advice_for_shape(received: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """Return what to do about an output of another shape; ``shape`` is ``(batch, time, d_model)``."""
    batch, time, width = shape
    if received == (time, batch, width):
        return "time comes first in it: use batch_first=True, or transpose the first two axes"
    if received == (batch, width, time):
        return "time comes last in it: transpose the last two axes"
    if received in ((batch, width), (batch, 1, width)):
        return "it has one step: return the outputs of all steps, the task selects what it needs"
    if received[:2] == (batch, time) and len(received) == 3:
        more = " (a bidirectional layer has twice its hidden_size)" if received[2] == 2 * width else ""
        return f"map it to the width d_model by a linear layer{more}"
    if received[:1] == (batch,) and received[2:] == (width,):
        return "return one output for each input step"
    return "return one output of width d_model for each input step"


def _dtype_name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
