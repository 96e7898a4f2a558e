"""Checks of a backbone's interface: its arguments, the shapes of its outputs, and its parameters."""

from __future__ import annotations

import inspect

import torch
from torch import Tensor

from seqbench.models.contract.backbone_outputs import require_outputs
from seqbench.models.parameter_groups import checked_groups
from seqbench.protocol.backbones import GroupsParameters, is_streaming
from seqbench.testing.architecture_subject import ArchitectureSubject, relative_difference
from seqbench.testing.report import Failure, Skip, describe_error, expect
from seqbench.utils.errors import SeqbenchError

LONG = 300
"""Number of steps of a sequence that is longer than the first training sequences of a task."""


def check_signature(subject: ArchitectureSubject) -> None:
    """The class is built from d_model and options with defaults, and forward and unroll take the agreed arguments.

    It also requires that ``causal`` is declared as True or False.
    """
    options = {name: p for name, p in inspect.signature(subject.architecture).parameters.items() if name != "context"}
    expect("d_model" in options, "expected d_model among the options of __init__, because every card sets it; add it.")
    for option in options.values():
        is_set = option.name == "d_model" or option.name in subject.options
        is_variadic = option.kind in (option.VAR_POSITIONAL, option.VAR_KEYWORD)
        expect(
            is_set or is_variadic or option.default is not option.empty,
            f"the option {option.name} has no default, so the class cannot be run by its name; give it a default.",
        )
    causal: object = getattr(subject.build(), "causal", None)
    expect(isinstance(causal, bool), f"expected an attribute causal that is True or False, got {causal!r}; declare it.")
    _check_arguments(subject, "forward", "lengths")
    if is_streaming(subject.backbone):
        _check_arguments(subject, "unroll", "state")


def _check_arguments(subject: ArchitectureSubject, method: str, last: str) -> None:
    """Require that a method takes the inputs and then the argument ``last``, which is None by default."""
    parameters = list(inspect.signature(getattr(subject.backbone, method)).parameters.values())
    # A wrapped method may take (*args), with self among them.
    if not (parameters and parameters[0].kind is inspect.Parameter.VAR_POSITIONAL):
        parameters = parameters[1:]
    position = len(subject.inputs)
    is_variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters[: position + 1])
    has_last = len(parameters) > position and (parameters[position].name, parameters[position].default) == (last, None)
    # A forward without lengths reads padding as valid steps, which ``independence_checks`` checks.
    without_lengths = last == "lengths" and len(parameters) == position
    required = [
        p.name
        for p in parameters[position + 1 :]
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    expect(
        (is_variadic or has_last or without_lengths) and not required,
        f"expected {method}({', '.join(subject.inputs)}, {last}=None), "
        f"got {method}({', '.join(map(str, parameters))}); name and order its arguments so.",
    )


def check_output_shape(subject: ArchitectureSubject) -> None:
    """Outputs are finite and have the shape (batch, time, d_model), with and without lengths."""
    _require_usable_output(subject)
    net = subject.build()
    for batch, time in ((1, 5), (2, 8), (5, 2)):
        x = subject.random_inputs(batch, time)
        for lengths in (None, torch.arange(batch) % time + 1):
            expect_shape(subject.forward(net, x, lengths), (batch, time, subject.d_model))


def find_unusable_output(subject: ArchitectureSubject) -> str:
    """Return why the outputs of one batch cannot be checked further; empty if they can."""
    try:
        _require_usable_output(subject)
    except Failure as failure:
        return str(failure)
    # The class may belong to a plug-in and may raise any error or exit.
    except (Exception, SystemExit) as error:
        return f"raised {describe_error(error)}"
    return ""


def _require_usable_output(subject: ArchitectureSubject) -> None:
    """Require that the output for one batch is a finite tensor of the right shape.

    Raises:
        Failure: it is not; the text gives the advice that a run gives.
    """
    x, name = subject.random_inputs(2, 5), f"forward of {subject.backbone.__name__}"
    with torch.no_grad():
        y = subject.forward(subject.build(), x)
    try:
        require_outputs(y, x[..., : subject.d_model], name)
    except SeqbenchError as error:
        raise Failure(str(error)) from error
    expect(
        bool(torch.isfinite(y).all()),
        f"{name} must return finite numbers, got nan or inf for finite inputs; look for a division by 0, a logarithm "
        f"or a root of a number that is not positive, a row without an unmasked step, or uninitialized weights.",
    )


def expect_shape(y: object, shape: tuple[int, ...]) -> None:
    """Fail unless ``y`` is a tensor of that shape.

    Raises:
        Failure: it is of another shape, or is not a tensor.
    """
    received = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
    expect(received == shape, f"expected an output of shape {shape} (batch, time, d_model), got {received}.")


def check_one_step_sequences(subject: ArchitectureSubject) -> None:
    """Sequences of one step give outputs of one step."""
    net = subject.build()
    for batch in (1, 3):
        expect_shape(subject.forward(net, subject.random_inputs(batch, 1)), (batch, 1, subject.d_model))


def check_other_widths(subject: ArchitectureSubject) -> None:
    """Each other d_model, odd ones included, either works or is refused with a ValueError."""
    for width in (1, 2, 3, 5, 24):
        try:
            net = subject.build({"d_model": width})
        except ValueError:
            continue
        # This check reports any other error, even an exit, because it would not say which widths work.
        except (Exception, SystemExit) as error:
            raise Failure(f"d_model {width} raised {describe_error(error)}; refuse it with a ValueError.") from error
        y = subject.forward(net, subject.random_inputs(2, 4, d_model=width))
        expect_shape(y, (2, 4, width))


def check_long_sequences(subject: ArchitectureSubject) -> None:
    """A sequence of 300 steps gives finite outputs and does not change later outputs for short ones."""
    net, x = subject.build(), subject.random_inputs(2, LONG)
    with torch.no_grad():
        before = subject.forward(net, x[:, :7])
        long = subject.forward(net, x)
        after = subject.forward(net, x[:, :7])
    expect_shape(long, (2, LONG, subject.d_model))
    expect(long.isfinite().all(), f"a sequence of {LONG} steps gave numbers that are not finite.")
    gap = relative_difference(before, after)
    expect(
        gap <= 1e-6,
        f"after a sequence of {LONG} steps, outputs of 7 steps changed by {gap:.2g}; keep nothing between calls.",
    )


def check_parameter_count(subject: ArchitectureSubject) -> None:
    """The number of trainable parameters is the declared one."""
    if subject.parameters is None:
        raise Skip("no number of parameters was declared")
    count = sum(p.numel() for p in subject.build().parameters() if p.requires_grad)
    expect(count == subject.parameters, f"expected {subject.parameters} trainable parameters, got {count}.")


def check_parameter_groups(subject: ArchitectureSubject) -> None:
    """The optimiser groups hold the module's own parameters, each at most once, and known options."""
    net = subject.build()
    if not isinstance(net, GroupsParameters):
        raise Skip("the backbone has no parameter_groups: all parameters get the card's optimiser options")
    try:
        checked_groups(net)
    except SeqbenchError as error:
        raise Failure(str(error)) from error
