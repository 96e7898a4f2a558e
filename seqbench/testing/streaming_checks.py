"""Checks of ``unroll``: chunks make the whole, and a state is plain, whole and left alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from seqbench.testing.architecture_subject import ROUNDING, ArchitectureSubject, difference
from seqbench.testing.report import Failure, Skip, expect

TIME = 11


def start(subject: ArchitectureSubject) -> None:
    """The whole unrolled from None equals forward."""
    net, x = subject.stirred(), subject.inputs(3, TIME)
    with torch.no_grad():
        y, _ = subject.unroll(net, x)
        gap = difference(y, subject.forward(net, x))
    expect(gap <= ROUNDING, f"unroll(x)[0] and forward(x) differ by {gap:.2g}; state None must be forward's start.")


def chunks(subject: ArchitectureSubject) -> None:
    """Chunks of any sizes, each from the state before, make the whole."""
    for sizes in ([6, 5], [2, 9], [10, 1], [3, 3, 3, 2]):
        _in_parts(subject, sizes)


def single_steps(subject: ArchitectureSubject) -> None:
    """Single steps make the whole."""
    _in_parts(subject, [1] * TIME)


def _in_parts(subject: ArchitectureSubject, sizes: Sequence[int]) -> None:
    net, x = subject.stirred(), subject.inputs(3, TIME)
    for mode in subject.modes(net):
        with torch.no_grad():
            whole, _ = subject.unroll(mode, x)
            y = _unrolled(subject, mode, x, sizes)
        expect(
            y.shape == whole.shape, f"chunks of {sizes} steps gave {tuple(y.shape)}, the whole {tuple(whole.shape)}."
        )
        gaps = [difference(y[:, t], whole[:, t]) for t in range(TIME)]
        wrong = next((t for t, gap in enumerate(gaps) if not gap <= ROUNDING), None)
        where = "training" if mode.training else "evaluation"
        expect(
            wrong is None,
            f"in {where}, chunks of {list(sizes)} steps differ from the whole from output {wrong} on, by up to "
            f"{max(gaps):.2g}; the state must hold all that later steps need (a window's inputs, a count of steps).",
        )


def _unrolled(subject: ArchitectureSubject, net: nn.Module, x: Tensor, sizes: Sequence[int]) -> Tensor:
    state: Any = None
    parts = []
    for chunk in x.split(list(sizes), dim=1):
        y, state = subject.unroll(net, chunk, state)
        parts.append(y)
    return torch.cat(parts, dim=1)


def state_form(subject: ArchitectureSubject) -> None:
    """A state is a pytree of tensors, batch first on each, that a checkpoint can hold."""
    net = subject.make()
    for batch in (3, 5):
        _, state = subject.unroll(net, subject.inputs(batch, 2))
        for leaf in tree_leaves(state):
            tensor = isinstance(leaf, Tensor)
            expect(tensor, f"the state holds {leaf!r:.80}; tuples, lists and dicts of tensors alone can be kept.")
            first = leaf.shape[0] if leaf.ndim else None
            expect(
                first == batch,
                f"a state's tensor has shape {tuple(leaf.shape)} for a batch of {batch}; the batch must come first, "
                f"so that rows can be reordered (a count of steps: one for each row).",
            )
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    except Exception as error:  # The unpickler raises whatever it meets.
        raise Failure("the state cannot be read back from a checkpoint; use plain tuples, lists and dicts.") from error


def _of_tensors(state: Any) -> Any:
    """The state, if all of it can be reordered, copied and detached; what else it holds is for ``state_form`` to tell.

    Raises:
        Skip: something in it is no tensor.
    """
    if not all(isinstance(leaf, Tensor) for leaf in tree_leaves(state)):
        raise Skip("its state is not of tensors alone, see state_form")
    return state


def state_rows(subject: ArchitectureSubject) -> None:
    """Reordering a state's rows, as a beam search does, reorders the outputs."""
    net, x, after = subject.stirred(), subject.inputs(3, 4), subject.inputs(3, 2, number=1)
    order = torch.tensor([2, 0, 0, 1])
    with torch.no_grad():
        state = _of_tensors(subject.unroll(net, x)[1])
        reordered = tree_map(lambda leaf: leaf[order], state)
        wanted = subject.unroll(net, after, state)[0][order]
        y, _ = subject.unroll(net, after[order], reordered)
    gap = difference(wanted, y)
    expect(
        gap <= ROUNDING, f"with rows {order.tolist()} outputs are wrong by {gap:.2g}; row i of each leaf is row i's."
    )


def state_kept(subject: ArchitectureSubject) -> None:
    """A state is not changed by going on from it: it can be gone on from twice."""
    net, x, after = subject.stirred(), subject.inputs(3, 4), subject.inputs(3, 2, number=1)
    with torch.no_grad():
        state = _of_tensors(subject.unroll(net, x)[1])
        before = [leaf.clone() for leaf in tree_leaves(state)]
        first, _ = subject.unroll(net, after, state)
        kept = all(torch.equal(old, new) for old, new in zip(before, tree_leaves(state), strict=True))
        expect(kept, "unroll changed the state that it was given; beams and checkpoints keep it: write into a new one.")
        gap = difference(first, subject.unroll(net, after, state)[0])
    expect(gap <= ROUNDING, f"going on twice from one state gave two answers, {gap:.2g} apart; keep nothing elsewhere.")


def state_detached(subject: ArchitectureSubject) -> None:
    """With the state detached, no gradient reaches the chunk before (truncated back-propagation)."""
    net, x = subject.make().train(), subject.inputs(3, 6).requires_grad_()
    state: Any = None
    for chunk in x.split(3, dim=1):
        with subject.seeded():
            y, state = subject.unroll(
                net, chunk, tree_map(lambda leaf: leaf.detach(), state) if state is not None else None
            )
        _of_tensors(state)
        if not y.requires_grad:
            return
        try:
            y.square().sum().backward()
        except RuntimeError as error:
            raise Failure(
                f"the second chunk's gradient runs into the first, whose graph is gone ({str(error)[:80]}); what goes "
                f"from chunk to chunk must all be in the state."
            ) from error
