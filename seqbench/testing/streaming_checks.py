"""Checks of ``unroll``: chunks give the outputs of a whole sequence; a state is plain, complete and never modified."""

from __future__ import annotations

import io
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from seqbench.protocol.backbones import State
from seqbench.testing.architecture_subject import ROUNDING, ArchitectureSubject, relative_difference
from seqbench.testing.report import Failure, Skip, expect
from seqbench.utils.errors import one_line

TIME = 11


def check_unroll_equals_forward(subject: ArchitectureSubject) -> None:
    """A whole sequence that is unrolled from the state None gives the outputs of forward."""
    net, x = subject.build_perturbed(), subject.random_inputs(3, TIME)
    with torch.no_grad():
        y, _ = subject.unroll(net, x)
        gap = relative_difference(y, subject.forward(net, x))
    expect(gap <= ROUNDING, f"unroll(x)[0] and forward(x) differ by {gap:.2g}; both must start from the same state.")


def check_chunks_equal_whole(subject: ArchitectureSubject) -> None:
    """Chunks of any sizes, each unrolled from the previous state, give the outputs of the whole sequence."""
    for sizes in ([6, 5], [2, 9], [10, 1], [3, 3, 3, 2]):
        _check_chunks(subject, sizes)


def check_steps_equal_whole(subject: ArchitectureSubject) -> None:
    """Single steps, each unrolled from the previous state, give the outputs of the whole sequence."""
    _check_chunks(subject, [1] * TIME)


def _check_chunks(subject: ArchitectureSubject, sizes: Sequence[int]) -> None:
    net, x = subject.build_perturbed(), subject.random_inputs(3, TIME)
    for mode in subject.deterministic_modes(net):
        with torch.no_grad():
            whole, _ = subject.unroll(mode, x)
            y = _unroll_chunks(subject, mode, x, sizes)
        expect(
            y.shape == whole.shape, f"chunks of {sizes} steps gave {tuple(y.shape)}, the whole {tuple(whole.shape)}."
        )
        gaps = [relative_difference(y[:, t], whole[:, t]) for t in range(TIME)]
        wrong = next((t for t, gap in enumerate(gaps) if not gap <= ROUNDING), None)
        where = "training" if mode.training else "evaluation"
        expect(
            wrong is None,
            f"in {where}, chunks of {list(sizes)} steps differ from the whole from output {wrong} on, by up to "
            f"{max(gaps):.2g}; the state must hold all that later steps need (a window's inputs, a count of steps).",
        )


def _unroll_chunks(subject: ArchitectureSubject, net: nn.Module, x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return the outputs of all chunks, ``(batch, time, d_model)``."""
    state: State = None
    outputs = []
    for chunk in torch.split(x, list(sizes), dim=1):
        y, state = subject.unroll(net, chunk, state)
        outputs.append(y)
    return torch.cat(outputs, dim=1)


def check_state_format(subject: ArchitectureSubject) -> None:
    """A state is a pytree of tensors, batch first on each, that a checkpoint can hold."""
    net = subject.build()
    for batch in (3, 5):
        _, state = subject.unroll(net, subject.random_inputs(batch, 2))
        for leaf in tree_leaves(state):
            if not isinstance(leaf, Tensor):
                raise Failure(f"the state holds {leaf!r:.80}; it may hold tuples, lists and dicts of tensors only.")
            first = leaf.shape[0] if leaf.ndim else None
            expect(
                first == batch,
                f"a tensor of the state has shape {tuple(leaf.shape)} for a batch of {batch}; the batch must come "
                f"first, so that rows can be reordered (keep a count of steps for each row).",
            )
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    try:
        torch.load(file, weights_only=True)
    # PyTorch's reader does not catch the errors of pickled classes.
    except Exception as error:
        raise Failure(
            f"the state cannot be loaded from a checkpoint ({one_line(error, 80)}); use plain tuples, lists and dicts."
        ) from error


def _require_tensors(state: State) -> State:
    """Return the state if it holds tensors only; ``check_state_format`` reports any other.

    Raises:
        Skip: the state holds something else.
    """
    if not all(isinstance(leaf, Tensor) for leaf in tree_leaves(state)):
        raise Skip("the state does not hold tensors only, see state_format")
    return state


def check_state_rows(subject: ArchitectureSubject) -> None:
    """Reordering the rows of a state, as beam search does, reorders the outputs."""
    net, x, after = subject.build_perturbed(), subject.random_inputs(3, 4), subject.random_inputs(3, 2, number=1)
    order = torch.tensor([2, 0, 0, 1])
    with torch.no_grad():
        state = _require_tensors(subject.unroll(net, x)[1])
        reordered: State = tree_map_only(Tensor, lambda leaf: leaf[order], state)
        expected = subject.unroll(net, after, state)[0][order]
        y, _ = subject.unroll(net, after[order], reordered)
    gap = relative_difference(expected, y)
    expect(
        gap <= ROUNDING,
        f"with the rows of the state in the order {order.tolist()} outputs differ by {gap:.2g}; row i of each tensor "
        f"must belong to row i of the batch.",
    )


def check_state_unchanged(subject: ArchitectureSubject) -> None:
    """Unroll does not modify the state that it is given, so that it can continue twice from one state."""
    net, x, after = subject.build_perturbed(), subject.random_inputs(3, 4), subject.random_inputs(3, 2, number=1)
    with torch.no_grad():
        state = _require_tensors(subject.unroll(net, x)[1])
        before = [leaf.clone() for leaf in tree_leaves(state)]
        first, _ = subject.unroll(net, after, state)
        unchanged = all(torch.equal(old, new) for old, new in zip(before, tree_leaves(state), strict=True))
        expect(
            unchanged, "unroll modified the state that it was given; beams and checkpoints keep it: return a new one."
        )
        gap = relative_difference(first, subject.unroll(net, after, state)[0])
    expect(gap <= ROUNDING, f"two calls from one state differ by {gap:.2g}; keep nothing outside of the state.")


def check_state_detached(subject: ArchitectureSubject) -> None:
    """With a detached state, no gradient reaches the chunk before (truncated back-propagation)."""
    net, x = subject.build().train(), subject.random_inputs(3, 6).requires_grad_()
    state: State = None
    for chunk in torch.split(x, 3, dim=1):
        with subject.seeded():
            y, state = subject.unroll(net, chunk, tree_map_only(Tensor, Tensor.detach, state))
        _require_tensors(state)
        if not y.requires_grad:
            return
        try:
            torch.autograd.backward(y.square().sum())
        except RuntimeError as error:
            raise Failure(
                f"the gradient of the second chunk reaches the first, whose graph is freed ({one_line(error, 80)}); "
                f"what one chunk leaves to the next must all be in the state."
            ) from error
