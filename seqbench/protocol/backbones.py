"""Protocols of backbones: the members that the rest of seqbench calls.

A backbone is any ``torch.nn.Module`` with these members; it extends no class of seqbench. ``docs/architecture.md``
states the whole contract, and ``seqbench.testing.check_architecture`` checks it. Axes: ``batch`` sequences, ``time``
steps, ``d_model`` numbers for each step.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Literal, Protocol, TypeAlias, TypedDict, TypeGuard, runtime_checkable

from torch import Tensor, nn

State: TypeAlias = "Tensor | tuple[State, ...] | list[State] | dict[str, State] | None"
"""A pytree of tensors, batch first on each of them; None is the state before the first step."""

OwnState: TypeAlias = Any
"""A state that the same backbone returned, or None. It is typed ``Any`` because no backbone accepts every ``State``."""


class _Module(Protocol):
    """The part of ``torch.nn.Module`` that is used besides the call."""

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """Return the parameters of the module."""


class Backbone(_Module, Protocol):
    """A module that maps a sequence of vectors to a sequence of vectors of the same width.

    Its attribute ``causal`` is True if the output of a step depends on no later input; see ``is_causal``. A ``forward``
    without ``lengths`` is a backbone too; ``call_forward`` gives lengths only to those that take them.
    """

    def __call__(self, x: Tensor, lengths: Tensor | None = None, /) -> Tensor:
        """Return the outputs of whole sequences, ``(batch, time, d_model)``.

        Args:
            x: inputs ``(batch, time, d_model)``.
            lengths: number of valid steps of each sequence, ``(batch,)``; None means that all steps are valid. Inputs
                after the valid steps do not change the outputs of the valid steps.
        """


@runtime_checkable
class Streaming(Protocol):
    """A causal backbone that can continue from a state, so that chunks have the same outputs as the whole sequence."""

    def unroll(self, x: Tensor, state: OwnState = None, /) -> tuple[Tensor, State]:
        """Return the outputs of one chunk, ``(batch, time, d_model)``, and the state after it.

        Args:
            x: inputs of the chunk, ``(batch, time, d_model)``.
            state: the state after the previous chunk; None at the start of a sequence.
        """


class CrossAttending(_Module, Protocol):
    """A causal backbone that attends to another sequence, the memory, such as the outputs of an encoder.

    Its ``forward`` names ``memory`` and ``memory_lengths``; see ``is_cross_attending``.
    """

    def __call__(
        self, x: Tensor, lengths: Tensor | None = None, /, *, memory: Tensor, memory_lengths: Tensor
    ) -> Tensor:
        """Return the outputs of whole sequences, ``(batch, time, d_model)``.

        Args:
            x: inputs ``(batch, time, d_model)``.
            lengths: number of valid steps of each sequence, ``(batch,)``; None means that all steps are valid.
            memory: vectors to attend to, ``(batch, source_time, d_model)``.
            memory_lengths: number of valid steps of each memory, ``(batch,)``. Vectors after the valid steps do not
                change the outputs.
        """


@runtime_checkable
class AddsCrossAttention(Protocol):
    """A cross-attending backbone that creates the parameters of its cross-attention only where it gets a memory."""

    def add_cross_attention(self) -> None:
        """Create these parameters; the body calls it once, for a decoder beside an encoder."""


class StreamingMemory(_Module, Protocol):
    """A cross-attending backbone that continues from a state; see ``streams_memory``."""

    def unroll(
        self, x: Tensor, state: OwnState = None, /, *, memory: Tensor, memory_lengths: Tensor
    ) -> tuple[Tensor, State]:
        """Return the outputs of one chunk, ``(batch, time, d_model)``, and the state after it.

        Args:
            x: inputs of the chunk, ``(batch, time, d_model)``.
            state: the state after the previous chunk; None at the start of a sequence. It may hold what the backbone
                computes from the memory, so that this is computed once.
            memory: vectors to attend to, ``(batch, source_time, d_model)``, the same for all chunks.
            memory_lengths: number of valid steps of each memory, ``(batch,)``.
        """


class FeedbackBackbone(_Module, Protocol):
    """A streaming backbone that also reads its own previous output; its ``feeds_back_output`` is True."""

    def __call__(self, x: Tensor, y_previous: Tensor, lengths: Tensor | None = None, /) -> Tensor:
        """Return the outputs of whole sequences, ``(batch, time, d_model)``.

        Args:
            x: inputs ``(batch, time, d_model)``.
            y_previous: the embedded output of the previous step, ``(batch, time, d_model)``.
            lengths: number of valid steps of each sequence, ``(batch,)``; None means that all steps are valid.
        """

    def unroll(self, x: Tensor, y_previous: Tensor, state: OwnState = None, /) -> tuple[Tensor, State]:
        """Return the outputs of one chunk, ``(batch, time, d_model)``, and the state after it.

        Args:
            x: inputs of the chunk, ``(batch, time, d_model)``.
            y_previous: the embedded output of the previous step, ``(batch, time, d_model)``.
            state: the state after the previous chunk; None at the start of a sequence.
        """


class ParameterGroup(TypedDict, total=False):
    """One group of parameters for the optimiser; options that it does not set come from the task's card.

    ``lr`` replaces the learning rate of the card. ``lr_scale`` multiplies it, and ``lr_max`` limits the result. All
    three are the highest rate of the schedule. ``weight_decay`` applies to each parameter of the group; without it the
    rule for all parameters holds, see ``models.parameter_groups``.
    """

    params: list[nn.Parameter]
    lr: float
    lr_scale: float
    lr_max: float
    weight_decay: float


@runtime_checkable
class GroupsParameters(Protocol):
    """A module that chooses optimiser options for some of its parameters."""

    def parameter_groups(self) -> list[ParameterGroup]:
        """Return the groups; parameters outside of all groups have the options of the task's card."""


def declared_causality(backbone: object) -> bool | None:
    """Return the attribute ``causal`` of a backbone, or None if it has none.

    Raises:
        TypeError: the attribute is neither True nor False.

    >>> declared_causality(nn.Identity()) is None
    True
    """
    declared: object = getattr(backbone, "causal", None)
    if declared is not None and not isinstance(declared, bool):
        raise TypeError(
            f"expected an attribute causal of {type(backbone).__name__} that is True or False, got {declared!r:.80}"
        )
    return declared


def is_causal(backbone: object) -> bool:
    """Return whether a backbone is treated as causal: it is, unless its attribute ``causal`` is False.

    A backbone is causal if the output of a step depends on no later input. A run verifies this, also of a backbone that
    does not declare it; see ``seqbench.models.contract``.

    >>> is_causal(nn.Identity())
    True
    """
    declared: object = getattr(backbone, "causal", None)
    return declared is None or bool(declared)


def is_streaming(backbone: object) -> TypeGuard[Streaming]:
    """Return whether a backbone, or a class of backbones, has ``unroll``.

    >>> is_streaming(nn.Linear(2, 2))
    False
    """
    return hasattr(backbone, "unroll")


def feeds_back_output(backbone: object) -> bool:
    """Return whether a backbone, or a class of backbones, reads its own previous output in addition to its input.

    >>> feeds_back_output(nn.Linear(2, 2))
    False
    """
    return bool(getattr(backbone, "feeds_back_output", False))


def is_cross_attending(backbone: object) -> TypeGuard[CrossAttending]:
    """Return whether the ``forward`` of a backbone, or of a class of backbones, accepts a memory and its lengths.

    >>> is_cross_attending(nn.Linear(2, 2))
    False
    """
    return len(_memory_parameters(backbone)) == 2


def streams_memory(backbone: object) -> TypeGuard[StreamingMemory]:
    """Return whether the ``unroll`` of a backbone, or of a class of backbones, accepts a memory and its lengths.

    >>> streams_memory(nn.Linear(2, 2))
    False
    """
    return len(_memory_parameters(backbone, "unroll")) == 2


def requires_memory(backbone: object) -> bool:
    """Return whether a cross-attending backbone, or a class of them, cannot be called without a memory.

    >>> requires_memory(nn.Linear(2, 2))
    False
    """
    parameters = _memory_parameters(backbone)
    return len(parameters) == 2 and any(p.default is p.empty for p in parameters.values())


def call_forward(backbone: Callable[..., Tensor], *inputs: Tensor, lengths: Tensor | None, **memory: Tensor) -> Tensor:
    """Return the outputs of a backbone for whole sequences; it gets the lengths only if its ``forward`` takes them.

    Args:
        backbone: any kind of backbone.
        inputs: ``x``, and ``y_previous`` of a backbone that feeds its output back; ``(batch, time, d_model)`` each.
        lengths: number of valid steps of each sequence, ``(batch,)``.
        memory: ``memory`` and ``memory_lengths`` of a cross-attending backbone.

    >>> import torch
    >>> call_forward(nn.Identity(), torch.ones(1, 2, 3), lengths=torch.tensor([2])).shape
    torch.Size([1, 2, 3])
    """
    match lengths_argument(backbone, len(inputs)):
        case "position":
            return backbone(*inputs, lengths, **memory)
        case "keyword":
            return backbone(*inputs, lengths=lengths, **memory)
        case _:
            return backbone(*inputs, **memory)


def lengths_argument(backbone: object, inputs: int = 1) -> Literal["position", "keyword", ""]:
    """Return how the ``forward`` of a backbone, or of a class of backbones, takes lengths; empty if it does not.

    Args:
        backbone: the backbone.
        inputs: number of inputs before the lengths.

    >>> lengths_argument(nn.Identity())
    ''
    """
    forward: object = getattr(backbone, "forward", backbone)
    function = getattr(forward, "__func__", forward)
    is_bound = function is not forward or isinstance(backbone, type)
    return _lengths_argument(function, inputs + is_bound)


@cache
def _lengths_argument(function: object, position: int) -> Literal["position", "keyword", ""]:
    try:
        parameters = list(inspect.signature(function).parameters.values()) if callable(function) else []
    except (TypeError, ValueError):  # The signature of a compiled function may be unknown.
        return "position"
    named = next((index for index, p in enumerate(parameters) if p.name == "lengths"), None)
    if named == position and parameters[named].kind is not inspect.Parameter.KEYWORD_ONLY:
        return "position"
    if named is not None:
        return "keyword"
    return "position" if any(p.kind is p.VAR_POSITIONAL for p in parameters[: position + 1]) else ""


def _memory_parameters(backbone: object, method: str = "forward") -> Mapping[str, inspect.Parameter]:
    """Return those of the parameters ``memory`` and ``memory_lengths`` that a method accepts by name."""
    forward: object = getattr(backbone, method, None)
    try:
        parameters = inspect.signature(forward).parameters.values() if callable(forward) else ()
    except (TypeError, ValueError):  # The signature of a compiled function may be unknown.
        return {}
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return {p.name: p for p in parameters if p.name in ("memory", "memory_lengths") and p.kind in by_name}
