"""Checks of a backbone's outside: how it is called, and the shapes, numbers and machines that it works with."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqbench.testing.architecture_subject import ArchitectureSubject, difference
from seqbench.testing.report import Failure, Skip, expect
from seqbench.utils.errors import one_line

LONG = 300
"""Steps of a sequence that is longer than any a task's training shows at first."""


def signature(subject: ArchitectureSubject) -> None:
    """It is made from d_model and options with defaults, and called as contracted."""
    options = inspect.signature(subject.backbone).parameters
    expect("d_model" in options, "__init__ must name d_model among its options: every card sets it; add d_model.")
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for option in options.values():
        given = option.name == "d_model" or option.name in subject.options
        expect(
            given or option.kind in kinds or option.default is not option.empty,
            f"the option {option.name} has no default, so that nobody can run the class by its name; give it one.",
        )
    net: Any = subject.make()
    expect(hasattr(net, "causal"), "it does not say whether it looks ahead; say causal = True or False.")
    expect(isinstance(net.causal, bool), f"its attribute causal must be True or False, got {net.causal!r}.")
    _called(subject, "forward", "lengths")
    if hasattr(subject.backbone, "unroll"):
        _called(subject, "unroll", "state")


def _called(subject: ArchitectureSubject, method: str, last: str) -> None:
    wanted = f"{method}({', '.join(subject.streams)}, {last}=None)"
    found = list(inspect.signature(getattr(subject.backbone, method)).parameters.values())
    # A wrapped method may take (*args), self among them.
    found = found if found and found[0].kind is inspect.Parameter.VAR_POSITIONAL else found[1:]
    place = len(subject.streams)
    starred = any(p.kind is p.VAR_POSITIONAL for p in found[: place + 1])
    fits = starred or (len(found) > place and found[place].name == last and found[place].default is None)
    rest = [
        p.name
        for p in found[place + 1 :]
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    came = f"{method}({', '.join(map(str, found))})"
    expect(fits and not rest, f"expected {wanted}, got {came}; name and order its arguments so.")


def shapes(subject: ArchitectureSubject) -> None:
    """Outputs are shaped as inputs, (batch, time, d_model), with and without lengths."""
    net = subject.make()
    for batch, time in ((1, 5), (2, 8), (5, 2)):
        x = subject.inputs(batch, time)
        for lengths in (None, torch.arange(batch) % time + 1):
            _shaped(subject.forward(net, x, lengths), (batch, time, subject.d_model))


def _shaped(y: object, wanted: tuple[int, ...]) -> None:
    came = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
    expect(came == wanted, f"expected an output of shape {wanted} (batch, time, d_model), got {came}.")


def one_step(subject: ArchitectureSubject) -> None:
    """Sequences of one step work."""
    net = subject.make()
    for batch in (1, 3):
        _shaped(subject.forward(net, subject.inputs(batch, 1)), (batch, 1, subject.d_model))


def widths(subject: ArchitectureSubject) -> None:
    """Every other d_model, odd ones too, works or is refused by a ValueError."""
    for width in (1, 2, 3, 5, 24):
        try:
            net = subject.make(d_model=width)
        except ValueError:
            continue
        # Whatever else comes, a user of this width would have to read its source.
        except (Exception, SystemExit) as error:
            raise Failure(
                f"d_model {width} raised {type(error).__name__}: {error}; refuse it by a ValueError."
            ) from error
        y = subject.forward(net, subject.inputs(2, 4, d_model=width))
        _shaped(y, (2, 4, width))


def dtypes(subject: ArchitectureSubject) -> None:
    """Numbers keep their type: float32 in and out, float64 in and out."""
    for dtype in (torch.float32, torch.float64):
        y = subject.forward(subject.make().to(dtype), subject.inputs(2, 5).to(dtype))
        expect(y.dtype == dtype, f"inputs and weights of {dtype} gave outputs of {y.dtype}; keep the type of x.")


def long_sequences(subject: ArchitectureSubject) -> None:
    """Lengths far beyond the first ones work, are finite, and leave nothing behind."""
    net, x = subject.make(), subject.inputs(2, LONG)
    with torch.no_grad():
        before = subject.forward(net, x[:, :7])
        far = subject.forward(net, x)
        after = subject.forward(net, x[:, :7])
    _shaped(far, (2, LONG, subject.d_model))
    expect(far.isfinite().all(), f"a sequence of {LONG} steps gave numbers that are not finite.")
    gap = difference(before, after)
    expect(gap <= 1e-6, f"after {LONG} steps the first 7 gave other outputs, by {gap:.2g}; keep nothing between calls.")


def bfloat16(subject: ArchitectureSubject) -> None:
    """Converted to bfloat16 it gives finite outputs of that type."""
    net = subject.make()
    if any(p.is_complex() for p in (*net.parameters(), *net.buffers())):
        raise Skip("complex numbers have no bfloat16")
    y = _if_torch_can(lambda: subject.forward(net.to(torch.bfloat16), subject.inputs(3, 9).to(torch.bfloat16)))
    _shaped(y, (3, 9, subject.d_model))
    expect(y.dtype == torch.bfloat16, f"a net of bfloat16 gave {y.dtype}; what follows it expects bfloat16: cast back.")
    expect(y.isfinite().all(), "in bfloat16 outputs are not finite; compute what overflows or cancels in float32.")


def autocast(subject: ArchitectureSubject) -> None:
    """Under autocast to bfloat16 outputs and gradients are finite."""
    net, x = subject.make().train(), subject.inputs(3, 9).requires_grad_()
    with subject.seeded(), torch.autocast("cpu", torch.bfloat16):
        y = _if_torch_can(lambda: subject.forward(net, x))
    _shaped(y, (3, 9, subject.d_model))
    y.float().square().sum().backward()
    finite = y.isfinite().all() and all(p.grad.isfinite().all() for p in (x, *net.parameters()) if p.grad is not None)
    expect(finite, "under bfloat16 autocast an output or a gradient is not finite; do the delicate part in float32.")


def _if_torch_can(run: Callable[[], Tensor]) -> Tensor:
    """What ``run`` gives; a skip where PyTorch has no such kernel on this machine."""
    try:
        return run()
    except (RuntimeError, NotImplementedError) as error:
        if "not implemented for 'BFloat16'" in str(error):
            raise Skip(f"PyTorch has no kernel for it here: {error}") from error
        raise


def meta_device(subject: ArchitectureSubject) -> None:
    """It is made and run on the meta device, where sizes are matched without memory."""
    with torch.device("meta"):
        net = subject.make()
    # Outside of the context, so that a tensor made on the wrong device is found without a GPU.
    x, lengths = subject.inputs(2, 6).to("meta"), torch.tensor([6, 3]).to("meta")
    for given in (None, lengths):
        try:
            y = subject.forward(net, x, given)
        except Exception as error:
            raise Failure(
                f"on the meta device it raised {type(error).__name__}: {one_line(error, 200)}; make "
                f"tensors on x's device, and let no shape or branch depend on their values (.item(), numpy, if tensor)."
            ) from error
        expect(y.device.type == "meta", f"meta inputs gave outputs on {y.device}; make tensors on x's device.")
        _shaped(y, (2, 6, subject.d_model))


def cuda(subject: ArchitectureSubject) -> None:
    """On a GPU outputs stay there and equal the CPU's."""
    if not torch.cuda.is_available():
        raise Skip("there is no CUDA device here")
    net, x = subject.make(), subject.inputs(2, 9)
    with torch.no_grad():
        wanted = subject.forward(net, x)
        y = subject.forward(net.cuda(), x.cuda())
    expect(y.is_cuda, f"inputs on the GPU gave outputs on {y.device}; make tensors on x's device.")
    gap = difference(wanted, y.cpu())
    expect(gap <= 1e-3, f"GPU and CPU differ by {gap:.2g}.")


def compiled(subject: ArchitectureSubject) -> None:
    """Compiled by torch.compile it gives the same outputs."""
    if not torch.cuda.is_available():
        raise Skip("torch.compile is tried on CUDA only: on a CPU it can corrupt memory in training with two threads")
    net, x = subject.make().cuda(), subject.inputs(2, 9).cuda()
    compile_: Any = torch.compile
    with torch.no_grad():
        gap = difference(subject.forward(net, x), subject.forward(compile_(net), x))
    expect(gap <= 1e-3, f"compiled outputs differ by {gap:.2g}.")


def parameter_count(subject: ArchitectureSubject) -> None:
    """It has as many trainable parameters as declared."""
    if subject.parameters is None:
        raise Skip("no count was declared")
    count = sum(p.numel() for p in subject.make().parameters() if p.requires_grad)
    expect(count == subject.parameters, f"expected {subject.parameters} trainable numbers, as declared, got {count}.")


def parameter_groups(subject: ArchitectureSubject) -> None:
    """Its optimiser groups hold parameters of its own, none of them twice."""
    net: Any = subject.make()
    if not hasattr(net, "parameter_groups"):
        raise Skip("it has no parameter_groups: all parameters are optimised alike")
    groups, own = net.parameter_groups(), {id(p) for p in net.parameters()}
    fits = isinstance(groups, list) and all(isinstance(g, dict) and isinstance(g.get("params"), list) for g in groups)
    expect(fits, 'parameter_groups must return a list of {"params": [...], option: value}.')
    chosen = [p for group in groups for p in group["params"]]
    expect(all(isinstance(p, nn.Parameter) for p in chosen), "a group holds something that is no parameter.")
    expect(len({id(p) for p in chosen}) == len(chosen), "a parameter is in two groups, or twice in one; name it once.")
    expect({id(p) for p in chosen} <= own, "a group holds a parameter that is not the module's own.")
