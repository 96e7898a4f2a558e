"""Checks of a task's batches: the shapes, types, values and weights that the spec asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from seqbench.protocol.specs import (
    Batch,
    Context,
    Features,
    SequenceClass,
    SequenceSpec,
    SequenceValue,
    StepClasses,
    StepLabels,
    StepValues,
    Tokens,
    TokenSequence,
)
from seqbench.testing.report import Skip, expect
from seqbench.testing.task_subject import TaskSubject
from seqbench.utils.number_format import counted

Form = tuple[tuple[int, ...], tuple[torch.dtype, ...]]
"""The shape of a tensor, and the types that it may have."""

IDS = (torch.int64,)
REALS = (torch.float32,)


def _all_batches(task: TaskSubject) -> Iterator[tuple[str, Batch]]:
    """Yield each batch of each split with a name for messages."""
    for split in ("train", *task.evaluation_splits):
        for step, batch in enumerate(task.batches(split)):
            yield f"{split} batch {step}", batch


def check_batch_shapes(task: TaskSubject) -> None:
    """Every tensor of a batch has the shape and the type that the spec asks for."""
    spec = task.data.spec
    for where, batch in _all_batches(task):
        time = batch.targets.shape[1] if isinstance(spec.input, Context) else batch.inputs.shape[1]
        for name, (shape, dtypes) in _expected_forms(spec, batch, time).items():
            tensor: Tensor | None = getattr(batch, name)
            if tensor is None:
                needed = name == "target_lengths" and isinstance(spec.output, TokenSequence)
                expect(not needed, f"{where} has no target_lengths; outputs of their own length need it.")
                continue
            fits = tuple(tensor.shape) == shape and tensor.dtype in dtypes
            received = f"{tuple(tensor.shape)} {tensor.dtype}"
            expect(fits, f"{where}: expected {name} {shape} {' or '.join(map(str, dtypes))}, got {received}.")
        low, high = int(batch.lengths.min()), int(batch.lengths.max())
        expect(1 <= low <= high <= time, f"{where}: expected lengths from 1 to {time}, got {low} to {high}.")
        steps = counted(time, "step")
        expect(time <= spec.max_length, f"{where} has {steps}, the spec's max_length is {spec.max_length}.")


def _expected_forms(spec: SequenceSpec, batch: Batch, time: int) -> dict[str, Form]:
    """Return the form of each tensor of a batch of ``time`` input steps."""
    rows, out_time = len(batch.inputs), batch.targets.shape[1]
    answers = time if getattr(spec.output, "reads", "") == "every" else out_time
    return {
        "inputs": _input_form(spec, rows, time),
        "targets": _target_form(spec, rows, out_time if isinstance(spec.output, TokenSequence) else time),
        "lengths": ((rows,), IDS),
        "index": ((rows,), IDS),
        "weights": ((rows, answers), REALS),
        "scored": ((rows, answers), REALS),
        "target_lengths": ((rows,), IDS),
    }


def _input_form(spec: SequenceSpec, rows: int, time: int) -> Form:
    match spec.input:
        case Tokens():
            return (rows, time), IDS
        case Features(dim=dim):
            return (rows, time, dim), REALS
        case Context(dim=dim):
            return (rows, dim), REALS


def _target_form(spec: SequenceSpec, rows: int, time: int) -> Form:
    match spec.output:
        case StepClasses() | TokenSequence():
            return (rows, time), IDS
        case SequenceClass():
            return (rows, 1), IDS
        case StepLabels(labels=labels):
            return (rows, time, labels), (torch.float32, torch.int64, torch.bool)
        case StepValues(dim=dim):
            return (rows, time, dim), REALS
        case SequenceValue(dim=dim):
            return (rows, 1, dim), REALS


def check_batch_values(task: TaskSubject) -> None:
    """Ids are in their range, labels are 0 or 1, and numbers are finite, also at padding and where the weight is 0."""
    spec = task.data.spec
    sizes = {
        "inputs": getattr(spec.input, "vocab", None),
        "targets": getattr(spec.output, "classes", getattr(spec.output, "vocab", None)),
    }
    for where, batch in _all_batches(task):
        for name, size in sizes.items():
            tensor: Tensor = getattr(batch, name)
            if size is None:
                expect(tensor.isfinite().all(), f"{where}: {name} are not finite.")
                continue
            low, high = int(tensor.min()), int(tensor.max())
            expect(0 <= low <= high < size, f"{where}: {name} go from {low} to {high}, ids must be in [0, {size}).")
        if isinstance(spec.output, StepLabels):
            expect(((batch.targets == 0) | (batch.targets == 1)).all(), f"{where}: labels must be 0 or 1.")
        if isinstance(spec.input, Features):
            padding = torch.arange(batch.inputs.shape[1]) >= batch.lengths[:, None]
            expect(not batch.inputs[padding].any(), f"{where}: padding of features must be zeros.")
        if isinstance(spec.output, TokenSequence) and batch.target_lengths is not None:
            last = batch.targets.gather(1, batch.target_lengths[:, None] - 1)
            end = spec.output.end
            expect((last == end).all(), f"{where}: the last token of each target must be the end token {end}.")


def check_batch_weights(task: TaskSubject) -> None:
    """Weights are 0 at padding and sum to the total, and every evaluation split scores something."""
    for where, batch in _all_batches(task):
        for name, weights in (("weights", batch.weights), ("scored", batch.scored)):
            if weights is None:
                continue
            valid = weights.isfinite().all() and (weights >= 0).all()
            expect(valid, f"{where}: {name} must be finite and not negative.")
            if weights.shape[1] > 1:
                lengths = batch.lengths if batch.target_lengths is None else batch.target_lengths
                padding = torch.arange(weights.shape[1]) >= lengths[:, None]
                expect(not weights[padding].any(), f"{where}: {name} at padding must be 0.")
        total = float(batch.weights.double().sum())
        fits = math.isclose(batch.total, total, rel_tol=1e-5, abs_tol=1e-9)
        expect(fits, f"{where}: total is {batch.total:g}, the weights sum to {total:g}; the total must be their sum.")
    for split in task.evaluation_splits:
        scored = any(bool((b.weights if b.scored is None else b.scored).any()) for b in task.batches(split))
        expect(scored, f"nothing is scored in {split}, so its metrics would be nan.")


def check_stream_chunks(task: TaskSubject) -> None:
    """The first chunk of a stream starts it, and the chunks after it continue with the same rows."""
    if not task.data.streaming or task.batches("train")[0].first is None:
        raise Skip("its batches are whole sequences")
    for split in ("train", *task.evaluation_splits):
        batches = task.batches(split)
        for step, batch in enumerate(batches):
            where = f"{split} chunk {step}"
            expect(isinstance(batch.first, bool), f"{where}: first must be True or False, got {batch.first}.")
            expect(batch.first or step > 0, f"{where}: first must be True, because the stream starts here.")
            # A training stream may start again, at the next epoch.
            expect(
                not batch.first or step == 0 or split == "train",
                f"{where} starts the stream again, so no state is carried into it; first must be False.",
            )
            same_rows = torch.equal(batch.index, batches[0].index)
            expect(same_rows, f"{where} has rows {batch.index[:4].tolist()}...; a carried state needs the same rows.")
        carries = len(batches) == 1 or not all(batch.first for batch in batches)
        expect(carries, f"every chunk of {split} starts the stream again, so no state is ever carried.")
