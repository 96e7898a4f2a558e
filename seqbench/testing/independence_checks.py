"""Checks of what an output may depend on: no later input, no padding, no other row."""

from __future__ import annotations

import torch
from torch import Tensor

from seqbench.testing.architecture_subject import ROUNDING, ArchitectureSubject, difference
from seqbench.testing.report import Skip, expect

TIME = 9
MEND = "a causal backbone must not look ahead: mask what comes later, or set causal = False"


def causality_by_gradient(subject: ArchitectureSubject) -> None:
    """No output has a gradient with respect to a later input."""
    if not subject.causal:
        raise Skip("it says that it looks ahead (causal = False)")
    x = subject.inputs(2, TIME).requires_grad_()
    y = subject.forward(subject.stirred(), x)
    if not y.requires_grad:
        return
    # Random directions: a sum over the width may cancel (after a layer norm it is always 0).
    pulled = (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(0))).sum((0, 2)).unbind()
    gradients = [_gradient(pull, x) for pull in pulled]
    scale = max(float(gradient.max()) for gradient in gradients)
    for t, gradient in enumerate(gradients[:-1]):
        size, behind = gradient[t + 1 :].max(0)
        # A transform over time rounds, so an honest one is as good as zero but not always zero.
        expect(
            float(size) <= 1e-6 * scale,
            f"output {t} has a gradient of {float(size):.2g} with respect to input {t + 1 + int(behind)}; {MEND}.",
        )


def _gradient(pull: Tensor, x: Tensor) -> Tensor:
    """The largest gradient at each input step, ``(time,)``."""
    if not pull.requires_grad:
        return x.new_zeros(x.shape[1])
    (found,) = torch.autograd.grad(pull, x, retain_graph=True, allow_unused=True)
    return x.new_zeros(x.shape[1]) if found is None else found.abs().amax((0, 2))


def causality_by_change(subject: ArchitectureSubject) -> None:
    """No output changes when later inputs change; finds what no gradient shows."""
    x, other, net = subject.inputs(2, TIME), subject.inputs(2, TIME, number=1), subject.stirred()
    if not subject.causal:
        raise Skip(_claim(subject, x, other))
    for mode in subject.modes(net):
        with torch.no_grad():
            y = subject.forward(mode, x)
            for start in range(1, TIME):
                changed = subject.forward(mode, torch.cat([x[:, :start], other[:, start:]], dim=1))
                for t in range(start):
                    gap = difference(y[:, t], changed[:, t])
                    what = f"output {t} changed by {gap:.2g} {_where(mode)}"
                    expect(gap <= ROUNDING, f"{what} when inputs from {start} on changed; {MEND}.")


def _claim(subject: ArchitectureSubject, x: Tensor, other: Tensor) -> str:
    """Whether one that says so really looks ahead, in a sentence."""
    net = subject.stirred()
    with torch.no_grad():
        first = subject.forward(net, x)[:, 0]
        ahead = difference(first, subject.forward(net, torch.cat([x[:, :1], other[:, 1:]], dim=1))[:, 0]) > ROUNDING
    if ahead:
        return "it says that it looks ahead (causal = False), and it does"
    return "note: causal = False, yet its first output depends on no later input; causal = True opens more tasks to it"


def _where(mode: torch.nn.Module) -> str:
    return "in training" if mode.training else "in evaluation"


def padding(subject: ArchitectureSubject) -> None:
    """Neither the contents of padding nor its amount changes a valid output."""
    net, x, junk = subject.stirred(), subject.inputs(3, 7), 3 * subject.inputs(3, 12, number=1)
    lengths = torch.tensor([7, 4, 1])
    valid = torch.arange(7) < lengths[:, None]
    advice = "lengths say what is valid: mask the steps after them, or start from each row's own end"
    with torch.no_grad():
        y = subject.forward(net, x, lengths)
        filled = subject.forward(net, torch.where(valid[..., None], x, junk[:, :7]), lengths)
        longer = subject.forward(net, torch.cat([x, junk[:, 7:]], dim=1), lengths)[:, :7]
        for what, changed in (("other numbers at padding", filled), ("more padding", longer)):
            gap = difference(y[valid], changed[valid])
            expect(gap <= ROUNDING, f"{what} changed valid outputs by {gap:.2g}; {advice}.")
        for row, length in enumerate(lengths.tolist()):
            alone = subject.forward(net, x[row : row + 1, :length], lengths[row : row + 1])
            gap = difference(y[row, :length], alone[0])
            expect(gap <= ROUNDING, f"without its padding, a row of {length} steps differs by {gap:.2g}; {advice}.")


def padding_finite(subject: ArchitectureSubject) -> None:
    """Outputs at padding are finite, and so are the gradients that pass by it."""
    net, x = subject.make(), subject.inputs(3, 7).requires_grad_()
    lengths = torch.tensor([7, 4, 1])
    y = subject.forward(net, x, lengths)
    expect(y.isfinite().all(), "outputs at padding are not finite, and 0 x nan is nan in any loss; give zeros there.")
    if not y.requires_grad:
        return
    y[torch.arange(7) < lengths[:, None]].square().sum().backward()
    grads = [p.grad for p in (x, *net.parameters()) if p.grad is not None]
    expect(
        all(grad.isfinite().all() for grad in grads),
        "a gradient of valid outputs is not finite where rows are padded; mask before the softmax or division, not "
        "after it.",
    )


def lengths_none(subject: ArchitectureSubject) -> None:
    """Without lengths every step is valid."""
    net, x = subject.stirred(), subject.inputs(3, 6)
    with torch.no_grad():
        gap = difference(subject.forward(net, x), subject.forward(net, x, torch.full((3,), 6)))
    expect(gap <= ROUNDING, f"lengths=None and full lengths differ by {gap:.2g}; None means that all steps are valid.")


def rows(subject: ArchitectureSubject) -> None:
    """A row's output depends on no other row: in another order, alone, or in other company."""
    net, x, other = subject.stirred(), subject.inputs(4, 6), subject.inputs(4, 6, number=1)
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        y = subject.forward(net, x)
        found = {
            "in another order": difference(y[order], subject.forward(net, x[order])),
            "alone": difference(y[1:2], subject.forward(net, x[1:2])),
            "in other company": difference(y[:1], subject.forward(net, torch.cat([x[:1], other[1:]]))[:1]),
        }
    for how, gap in found.items():
        expect(
            gap <= ROUNDING, f"a row's output differs by {gap:.2g} {how}; reduce over time or width, not over batch."
        )


def rows_in_training(subject: ArchitectureSubject) -> None:
    """In training, too, a row's output depends on no other row."""
    net, x, other = subject.stirred().train(), subject.inputs(4, 6), subject.inputs(4, 6, number=1)
    with torch.no_grad():
        y = subject.forward_seeded(net, x)[:1]
        gap = difference(y, subject.forward_seeded(net, torch.cat([x[:1], other[1:]]))[:1])
    expect(
        gap <= ROUNDING,
        f"in training a row's output changed by {gap:.2g} when the other rows changed; statistics over the batch "
        f"(batch norm) let sequences see each other: normalise over the width instead.",
    )
