"""Checks of a backbone as something to be trained and kept: gradients, seeds, checkpoints."""

from __future__ import annotations

import copy
import io
from typing import Any

import torch

from seqbench.testing.architecture_subject import ArchitectureSubject, difference
from seqbench.testing.report import Failure, Skip, expect
from seqbench.utils.errors import one_line

STEPS = 20


def gradients(subject: ArchitectureSubject) -> None:
    """A gradient reaches every parameter and the inputs."""
    net, x = subject.stirred().train(), subject.inputs(3, 16).requires_grad_()
    y = subject.forward_seeded(net, x)
    expect(y.requires_grad, "the outputs have no gradient at all; something cuts it (detach, no_grad, argmax).")
    (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
    trained = {name: p for name, p in net.named_parameters() if p.requires_grad}
    dead = [name for name, p in {"the inputs": x, **trained}.items() if p.grad is None or not p.grad.any()]
    expect(
        not dead, f"no gradient reaches {', '.join(dead)}; leave out what is not used, and detach nothing on the way."
    )


def learns(subject: ArchitectureSubject) -> None:
    """Some steps of Adam on one batch lower its loss."""
    net = subject.make()
    parameters = [p for p in net.parameters() if p.requires_grad]
    if not parameters:
        raise Skip("it has no parameters")
    x, target = subject.inputs(4, 8), 0.5 * torch.tanh(subject.inputs(4, 8, number=1)[..., : subject.d_model])
    # A fixed map behind it, so that outputs of any fixed scale can come near the target.
    generator = torch.Generator().manual_seed(subject.seed)
    behind = torch.randn(subject.d_model, subject.d_model, generator=generator) / subject.d_model**0.5
    optimizer = torch.optim.Adam(parameters, lr=1e-2)

    def loss() -> torch.Tensor:
        return (subject.forward(net, x) @ behind - target).square().mean()

    with torch.no_grad():
        first = float(loss())
    for step in range(STEPS):
        optimizer.zero_grad()
        with subject.seeded(step):
            loss().backward()
        optimizer.step()
    with torch.no_grad():
        last = float(loss())
    expect(
        last < first,
        f"the loss on one batch went from {first:.4g} to {last:.4g} in {STEPS} steps of Adam; it must fall.",
    )


def seeded_construction(subject: ArchitectureSubject) -> None:
    """The seed of torch decides the initial weights."""
    first, second = subject.make(), subject.make()
    state = second.state_dict()
    other = [name for name, value in first.state_dict().items() if not torch.equal(value, state[name])]
    expect(not other, f"two constructions with one torch seed differ in {', '.join(other)}; draw from torch alone.")


def repeatable(subject: ArchitectureSubject) -> None:
    """In evaluation nothing is drawn at random and nothing is remembered: the same inputs, the same outputs."""
    net, x = subject.make(**_dropout(subject)), subject.inputs(3, 6)
    with torch.no_grad():
        first, second = (subject.forward_seeded(net, x, seed) for seed in (1, 2))
    gap = difference(first, second)
    expect(gap <= 1e-6, f"two forwards in evaluation differ by {gap:.2g}; switch dropout off by self.training.")


def seeded_training(subject: ArchitectureSubject) -> None:
    """In training torch's seed decides all that is drawn: an interrupted run goes on as it would have."""
    net, x = subject.make(**_dropout(subject)).train(), subject.inputs(3, 6)
    with torch.no_grad():
        first, second = (subject.forward_seeded(net, x) for _ in range(2))
    gap = difference(first, second)
    expect(gap <= 1e-6, f"in training two forwards from one torch seed differ by {gap:.2g}; draw from torch alone.")


def _dropout(subject: ArchitectureSubject) -> dict[str, Any]:
    return {"dropout": 0.5} if subject.takes_dropout else {}


def state_dict(subject: ArchitectureSubject) -> None:
    """Its state_dict, saved and read back into another, is all of it."""
    net, other, x = subject.stirred(), subject.make(subject.seed + 1), subject.inputs(3, 6)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    try:
        other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    except Exception as error:  # The unpickler raises whatever it meets.
        text = one_line(error, 200)
        raise Failure(f"its state_dict cannot be read back ({text}); keep tensors alone in it.") from error
    with torch.no_grad():
        gap = difference(subject.forward(net, x), subject.forward(other, x))
    expect(
        gap <= 1e-6,
        f"a net with the same state_dict differs by {gap:.2g}; what decides outputs must be a parameter or a buffer "
        f"that is saved, or follow from the options.",
    )


def copies(subject: ArchitectureSubject) -> None:
    """A deep copy is a net of its own."""
    net, x = subject.make(), subject.inputs(3, 6)
    twin = copy.deepcopy(net)
    with torch.no_grad():
        before = subject.forward(net, x)
        gap = difference(before, subject.forward(twin, x))
        expect(gap <= 1e-6, f"a deep copy's outputs differ by {gap:.2g}.")
        for p in net.parameters():
            p.add_(1.0)
        gap = difference(before, subject.forward(twin, x))
    expect(gap <= 1e-6, "a deep copy changed with its original; hold no function bound to the net (lambda, hook).")
