"""Checks of a task's batches, each on a task that it must refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from seqbench.protocol.specs import Batch
from seqbench.testing import Failure, Skip, batch_checks
from seqbench.testing.task_subject import TaskSubject
from tests.testing import broken_tasks as broken
from tests.testing.tasks import PreviousToken, PreviousTokenStream, card

ALL = (
    batch_checks.check_batch_shapes,
    batch_checks.check_batch_values,
    batch_checks.check_batch_weights,
)


def subject(cls: type = PreviousToken) -> TaskSubject:
    return TaskSubject(card(cls), "smoke", {})


def changed(change: Callable[[Batch], Batch]) -> TaskSubject:
    """Return a task whose batches are changed by a function."""

    class Changed(PreviousToken):
        def stream(self, split: str, step: int) -> Batch:
            return change(super().stream(split, step))

    task = subject()
    data = task.data
    task.data = Changed(data.batch_size, data.keys)
    return task


@pytest.mark.parametrize("check", ALL)
@pytest.mark.parametrize("cls", [PreviousToken, PreviousTokenStream])
def test_a_conforming_task_passes(check: Callable[[TaskSubject], None], cls: type) -> None:
    check(subject(cls))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda b: replace(b, lengths=b.lengths.int()), r"expected lengths \(64,\) torch.int64, got .* torch.int32"),
        (lambda b: replace(b, inputs=b.inputs[..., None]), r"expected inputs \(64, \d+\)"),
        (lambda b: replace(b, targets=b.targets.float()), r"expected targets .* torch.int64, got .* torch.float32"),
        (lambda b: replace(b, weights=b.weights.double()), r"expected weights .* torch.float32, got .* torch.float64"),
        (lambda b: replace(b, lengths=b.lengths + 1), r"expected lengths from 1 to \d+, got"),
        (lambda b: replace(b, lengths=0 * b.lengths), r"expected lengths from 1 to \d+, got 0"),
    ],
)
def test_tensors_of_another_form_are_refused(change: Callable[[Batch], Batch], sentence: str) -> None:
    with pytest.raises(Failure, match=sentence):
        batch_checks.check_batch_shapes(changed(change))


def test_ids_out_of_range_are_refused_at_padding_too() -> None:
    with pytest.raises(Failure, match=r"train batch 0: inputs go from 0 to 8, ids must be in \[0, 8\)"):
        batch_checks.check_batch_values(subject(broken.InvalidPaddingId))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda b: replace(b, total=float(b.weights.numel())), r"the weights sum to \d+; the total must be their sum"),
        (lambda b: replace(b, weights=-b.weights), "weights must be finite and not negative"),
        (lambda b: replace(b, scored=torch.full_like(b.weights, float("nan"))), "scored must be finite"),
        (lambda b: replace(b, scored=torch.ones_like(b.weights)), "scored at padding must be 0"),
    ],
)
def test_weights_out_of_place_are_refused(change: Callable[[Batch], Batch], sentence: str) -> None:
    with pytest.raises(Failure, match=sentence):
        batch_checks.check_batch_weights(changed(change))


def test_a_split_that_scores_nothing_is_refused() -> None:
    with pytest.raises(Failure, match="nothing is scored in length-20"):
        batch_checks.check_batch_weights(subject(broken.UnscoredProbe))


def test_chunks_of_a_stream_must_continue_it_with_the_same_rows() -> None:
    class OtherRows(PreviousTokenStream):
        def stream(self, split: str, step: int) -> Batch:
            batch = super().stream(split, step)
            return replace(batch, index=batch.index + step)

    class NeverStarting(PreviousTokenStream):
        def stream(self, split: str, step: int) -> Batch:
            return replace(super().stream(split, step), first=False)

    batch_checks.check_stream_chunks(subject(PreviousTokenStream))
    for cls, sentence in (
        (broken.RestartingStream, "starts the stream again"),
        (OtherRows, "a carried state needs the same rows"),
        (NeverStarting, "first must be True"),
    ):
        task = TaskSubject(card(PreviousTokenStream), "smoke", {})
        task.data = cls(64, task.data.keys)
        with pytest.raises(Failure, match=sentence):
            batch_checks.check_stream_chunks(task)


def test_whole_sequences_have_no_chunks_to_check() -> None:
    with pytest.raises(Skip, match="whole sequences"):
        batch_checks.check_stream_chunks(subject())
