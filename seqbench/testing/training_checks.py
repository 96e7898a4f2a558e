"""Checks of a backbone in training: gradients, random numbers, and copies of its weights."""

from __future__ import annotations

import copy
import io

import torch

from seqbench.testing.architecture_subject import ArchitectureSubject, relative_difference
from seqbench.testing.report import Failure, Skip, expect
from seqbench.utils.errors import one_line

STEPS = 20
"""Number of training steps after which the loss must be lower."""
EQUAL = 1e-6
"""Largest allowed difference of outputs that are computed twice in the same way, relative to the largest number."""


def check_gradients_reach_all(subject: ArchitectureSubject) -> None:
    """A gradient reaches the inputs and every parameter."""
    net, x = subject.build_perturbed().train(), subject.random_inputs(3, 16).requires_grad_()
    y = subject.forward_seeded(net, x)
    expect(y.requires_grad, "the outputs have no gradient; remove what cuts it (detach, no_grad, argmax).")
    torch.autograd.backward((y * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))).sum())
    trainable = {name: p for name, p in net.named_parameters() if p.requires_grad}
    unreached = [name for name, p in {"the inputs": x, **trainable}.items() if p.grad is None or not p.grad.any()]
    expect(
        not unreached,
        f"no gradient reaches {', '.join(unreached)}; remove unused parameters, and detach nothing on the way.",
    )


def check_loss_decreases(subject: ArchitectureSubject) -> None:
    """Twenty steps of Adam on one batch lower its loss."""
    net = subject.build()
    parameters = [p for p in net.parameters() if p.requires_grad]
    if not parameters:
        raise Skip("the backbone has no parameters")
    x = subject.random_inputs(4, 8)
    target = 0.5 * torch.tanh(subject.random_inputs(4, 8, number=1)[..., : subject.d_model])
    # A fixed linear map follows, so that outputs of any fixed scale can come near the target.
    generator = torch.Generator().manual_seed(subject.seed)
    readout = torch.randn(subject.d_model, subject.d_model, generator=generator) / subject.d_model**0.5
    optimizer = torch.optim.Adam(parameters, lr=1e-2)

    def loss() -> torch.Tensor:
        error: torch.Tensor = subject.forward(net, x) @ readout - target
        return error.square().mean()

    with torch.no_grad():
        first = float(loss())
    for step in range(STEPS):
        optimizer.zero_grad()
        with subject.seeded(step):
            torch.autograd.backward(loss())
        optimizer.step()
    with torch.no_grad():
        last = float(loss())
    expect(
        last < first,
        f"the loss on one batch went from {first:.4g} to {last:.4g} in {STEPS} steps of Adam; it must fall.",
    )


def check_initialization_seeded(subject: ArchitectureSubject) -> None:
    """PyTorch's seed decides the initial weights."""
    first, second = subject.build(), subject.build()
    state = second.state_dict()
    different = [name for name, value in first.state_dict().items() if not torch.equal(value, state[name])]
    expect(
        not different,
        f"two instances with one seed of PyTorch differ in {', '.join(different)}; draw from PyTorch's generator only.",
    )


def check_evaluation_repeatable(subject: ArchitectureSubject) -> None:
    """In evaluation mode the same inputs give the same outputs: nothing is drawn at random or kept between calls."""
    net, x = subject.build(_with_dropout(subject)), subject.random_inputs(3, 6)
    with torch.no_grad():
        first, second = (subject.forward_seeded(net, x, seed) for seed in (1, 2))
    gap = relative_difference(first, second)
    expect(gap <= EQUAL, f"two forward passes in evaluation differ by {gap:.2g}; apply dropout if self.training only.")


def check_training_seeded(subject: ArchitectureSubject) -> None:
    """In training mode PyTorch's seed decides all random numbers, so that an interrupted run can be resumed exactly."""
    net, x = subject.build(_with_dropout(subject)).train(), subject.random_inputs(3, 6)
    with torch.no_grad():
        first, second = (subject.forward_seeded(net, x) for _ in range(2))
    gap = relative_difference(first, second)
    expect(
        gap <= EQUAL,
        f"in training two forward passes with one seed differ by {gap:.2g}; draw from PyTorch's generator only.",
    )


def _with_dropout(subject: ArchitectureSubject) -> dict[str, float]:
    return {"dropout": 0.5} if subject.takes_dropout else {}


def check_state_dict_complete(subject: ArchitectureSubject) -> None:
    """The state_dict, saved and loaded into another instance, gives the same outputs."""
    net, other = subject.build_perturbed(), subject.build(seed=subject.seed + 1)
    x = subject.random_inputs(3, 6)
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    file.seek(0)
    try:
        other.load_state_dict(torch.load(file, weights_only=True), strict=True)
    # PyTorch's reader does not catch the errors of pickled classes.
    except Exception as error:
        raise Failure(f"the state_dict cannot be loaded ({one_line(error, 200)}); keep only tensors in it.") from error
    with torch.no_grad():
        gap = relative_difference(subject.forward(net, x), subject.forward(other, x))
    expect(
        gap <= EQUAL,
        f"the outputs of an instance with the same state_dict differ by {gap:.2g}; what decides outputs must be a "
        f"parameter or a buffer that is saved, or follow from the options.",
    )


def check_deepcopy_independent(subject: ArchitectureSubject) -> None:
    """A deep copy gives the same outputs, and changes of the original do not change it."""
    net, x = subject.build(), subject.random_inputs(3, 6)
    twin = copy.deepcopy(net)
    with torch.no_grad():
        before = subject.forward(net, x)
        gap = relative_difference(before, subject.forward(twin, x))
        expect(gap <= EQUAL, f"the outputs of a deep copy differ by {gap:.2g}.")
        for p in net.parameters():
            p.add_(1.0)
        gap = relative_difference(before, subject.forward(twin, x))
    expect(gap <= EQUAL, "a deep copy changed with its original; hold no function bound to the net (lambda, hook).")
