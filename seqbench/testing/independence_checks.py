"""Checks that no output depends on padding or on other rows of the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqbench.models.contract.causality import PADDING_ADVICE
from seqbench.testing.architecture_subject import ROUNDING, ArchitectureSubject, relative_difference
from seqbench.testing.report import expect


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
