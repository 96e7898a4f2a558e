"""Checks that no output of a causal backbone depends on later inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.models.contract.causality import CAUSAL_ADVICE
from seqbench.testing.architecture_subject import ROUNDING, ArchitectureSubject, relative_difference
from seqbench.testing.report import Skip, expect

TIME = 9


def check_causality_by_gradient(subject: ArchitectureSubject) -> None:
    """No output has a gradient with respect to a later input."""
    if not subject.causal:
        raise Skip("the backbone declares that it looks ahead (causal = False)")
    x = subject.random_inputs(2, TIME).requires_grad_()
    y = subject.forward(subject.build_perturbed(), x)
    if not y.requires_grad:
        return
    # The direction is random, because a sum over the width may cancel (after layer norm it is always 0).
    weighted = y * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))
    gradients = [_input_gradients(output, x) for output in weighted.sum((0, 2)).unbind()]
    scale = max(float(gradient.max()) for gradient in gradients)
    for t, gradient in enumerate(gradients[:-1]):
        size, offset = gradient[t + 1 :].max(0)
        # A Fourier transform over time has rounding errors, so this gradient of a causal backbone may not be exactly 0.
        expect(
            float(size) <= 1e-6 * scale,
            f"output {t} has a gradient of {float(size):.2g} with respect to input {t + 1 + int(offset)}; "
            f"{CAUSAL_ADVICE}.",
        )


def _input_gradients(output: Tensor, x: Tensor) -> Tensor:
    """Return the largest absolute gradient of a number with respect to each input step, ``(time,)``."""
    if not output.requires_grad:
        return x.new_zeros(x.shape[1])
    (gradient,) = torch.autograd.grad(output, x, retain_graph=True, allow_unused=True)
    return x.new_zeros(x.shape[1]) if gradient is None else gradient.abs().amax((0, 2))


def check_causality_by_change(subject: ArchitectureSubject) -> None:
    """No output changes when later inputs change, even where no gradient shows it."""
    x, other, net = subject.random_inputs(2, TIME), subject.random_inputs(2, TIME, number=1), subject.build_perturbed()
    if not subject.causal:
        raise Skip(_describe_look_ahead(subject, x, other))
    for mode in subject.deterministic_modes(net):
        where = "in training" if mode.training else "in evaluation"
        with torch.no_grad():
            y = subject.forward(mode, x)
            for start in range(1, TIME):
                changed = subject.forward(mode, torch.cat([x[:, :start], other[:, start:]], dim=1))
                for t in range(start):
                    gap = relative_difference(y[:, t], changed[:, t])
                    expect(
                        gap <= ROUNDING,
                        f"output {t} changed by {gap:.2g} {where} when inputs from {start} on changed; "
                        f"{CAUSAL_ADVICE}.",
                    )


def _describe_look_ahead(subject: ArchitectureSubject, x: Tensor, other: Tensor) -> str:
    """Return a sentence that says whether a backbone with ``causal = False`` depends on later inputs."""
    net = subject.build_perturbed()
    with torch.no_grad():
        first = subject.forward(net, x)[:, 0]
        changed = subject.forward(net, torch.cat([x[:, :1], other[:, 1:]], dim=1))[:, 0]
    if relative_difference(first, changed) > ROUNDING:
        return "the backbone declares that it looks ahead (causal = False), and it does"
    return "note: causal = False, yet the first output depends on no later input; causal = True would allow more tasks"
