"""Checks that no output depends on later inputs, on padding or on other rows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.testing.architecture_subject import ROUNDING, ArchitectureSubject, relative_difference
from seqbench.testing.report import Skip, expect

TIME = 9
CAUSAL_ADVICE = "a causal backbone must not look ahead: mask what comes later, or set causal = False"
PADDING_ADVICE = "lengths give the valid steps: mask the steps after them, or start from the end of each row"


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


def check_padding_ignored(subject: ArchitectureSubject) -> None:
    """Neither the numbers at padding nor the amount of padding change a valid output."""
    net, x, noise = subject.build_perturbed(), subject.random_inputs(3, 7), 3 * subject.random_inputs(3, 12, number=1)
    lengths = torch.tensor([7, 4, 1])
    valid = torch.arange(7) < lengths[:, None]
    with torch.no_grad():
        y = subject.forward(net, x, lengths)
        filled = subject.forward(net, torch.where(valid[..., None], x, noise[:, :7]), lengths)
        longer = subject.forward(net, torch.cat([x, noise[:, 7:]], dim=1), lengths)[:, :7]
        for what, changed in (("other numbers at padding", filled), ("more padding", longer)):
            gap = relative_difference(y[valid], changed[valid])
            expect(gap <= ROUNDING, f"{what} changed valid outputs by {gap:.2g}; {PADDING_ADVICE}.")
        for row, length in enumerate(lengths.tolist()):
            alone = subject.forward(net, x[row : row + 1, :length], lengths[row : row + 1])
            gap = relative_difference(y[row, :length], alone[0])
            expect(
                gap <= ROUNDING, f"without its padding, a row of {length} steps differs by {gap:.2g}; {PADDING_ADVICE}."
            )


def check_padding_finite(subject: ArchitectureSubject) -> None:
    """Outputs at padding are finite, and so are the gradients of a loss that leaves them out."""
    net, x = subject.build(), subject.random_inputs(3, 7).requires_grad_()
    lengths = torch.tensor([7, 4, 1])
    y = subject.forward(net, x, lengths)
    expect(y.isfinite().all(), "outputs at padding are not finite, and 0 x nan is nan in any loss; return zeros there.")
    if not y.requires_grad:
        return
    torch.autograd.backward(y[torch.arange(7) < lengths[:, None]].square().sum())
    gradients = [p.grad for p in (x, *net.parameters()) if p.grad is not None]
    expect(
        all(gradient.isfinite().all() for gradient in gradients),
        "a gradient of valid outputs is not finite where rows are padded; mask before the softmax or division, not "
        "after it.",
    )


def check_lengths_optional(subject: ArchitectureSubject) -> None:
    """Without lengths, every step is valid."""
    net, x = subject.build_perturbed(), subject.random_inputs(3, 6)
    with torch.no_grad():
        gap = relative_difference(subject.forward(net, x), subject.forward(net, x, torch.full((3,), 6)))
    expect(gap <= ROUNDING, f"lengths=None and full lengths differ by {gap:.2g}; None means that all steps are valid.")


def check_rows_independent(subject: ArchitectureSubject) -> None:
    """The output of a row depends on no other row of the batch."""
    net, x, other = subject.build_perturbed(), subject.random_inputs(4, 6), subject.random_inputs(4, 6, number=1)
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        y = subject.forward(net, x)
        gaps = {
            "in another order of rows": relative_difference(y[order], subject.forward(net, x[order])),
            "in a batch of one": relative_difference(y[1:2], subject.forward(net, x[1:2])),
            "beside other rows": _first_row_difference(subject, net, x, other),
        }
    for where, gap in gaps.items():
        expect(
            gap <= ROUNDING, f"the output of a row differs by {gap:.2g} {where}; reduce over time or width, not batch."
        )


def check_rows_independent_in_training(subject: ArchitectureSubject) -> None:
    """In training mode, the output of a row depends on no other row of the batch."""
    net, x, other = subject.build_perturbed(), subject.random_inputs(4, 6), subject.random_inputs(4, 6, number=1)
    with torch.no_grad():
        gap = _first_row_difference(subject, net.train(), x, other)
    expect(
        gap <= ROUNDING,
        f"in training the output of a row changed by {gap:.2g} when the other rows changed; statistics over the batch "
        f"(batch norm) let sequences see each other: normalise over the width instead.",
    )


def _first_row_difference(subject: ArchitectureSubject, net: nn.Module, x: Tensor, other: Tensor) -> float:
    """Return how much the output of the first row changes when the other rows change."""
    first = subject.forward_seeded(net, x)[:1]
    return relative_difference(first, subject.forward_seeded(net, torch.cat([x[:1], other[1:]]))[:1])
