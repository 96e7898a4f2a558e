"""Checks of a task's batches: their shapes, numbers and weights, and that they are a function of their counter."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields

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

SEEDS = (1, 2, 3)


def _every(task: TaskSubject) -> Iterator[tuple[str, Batch]]:
    for split in ("train", *task.evaluation):
        for step, batch in enumerate(task.batches(split)):
            yield f"{split} batch {step}", batch


def batch_shapes(task: TaskSubject) -> None:
    """Every tensor of a batch has the shape and the type that the spec asks for."""
    spec = task.data.spec
    for where, batch in _every(task):
        rows, out = len(batch.inputs), batch.targets.shape[1]
        time = out if isinstance(spec.input, Context) else batch.inputs.shape[1]
        answers = time if getattr(spec.output, "reads", "") == "every" else out
        ids, real = (torch.int64,), (torch.float32,)
        wanted: dict[str, tuple[tuple[int, ...], tuple[torch.dtype, ...]]] = {
            "inputs": _inputs(spec, rows, time),
            "targets": _targets(spec, rows, out if isinstance(spec.output, TokenSequence) else time),
            "lengths": ((rows,), ids),
            "index": ((rows,), ids),
            "weights": ((rows, answers), real),
            "scored": ((rows, answers), real),
            "target_lengths": ((rows,), ids),
        }
        for name, (shape, dtypes) in wanted.items():
            tensor: Tensor | None = getattr(batch, name)
            if tensor is None:
                needed = name == "target_lengths" and isinstance(spec.output, TokenSequence)
                expect(not needed, f"{where} has no target_lengths, which outputs of their own length need.")
                continue
            came = f"{tuple(tensor.shape)} {tensor.dtype}"
            fits = tuple(tensor.shape) == shape and tensor.dtype in dtypes
            expect(fits, f"{where}: expected {name} {shape} {' or '.join(map(str, dtypes))}, got {came}.")
        ends = int(batch.lengths.min()), int(batch.lengths.max())
        expect(1 <= ends[0] <= ends[1] <= time, f"{where}: lengths go from {ends[0]} to {ends[1]}, of {time} steps.")
        expect(time <= spec.max_length, f"{where} has {time} steps, the spec's max_length says {spec.max_length}.")


def _inputs(spec: SequenceSpec, rows: int, time: int) -> tuple[tuple[int, ...], tuple[torch.dtype, ...]]:
    match spec.input:
        case Tokens():
            return (rows, time), (torch.int64,)
        case Features(dim=dim):
            return (rows, time, dim), (torch.float32,)
        case Context(dim=dim):
            return (rows, dim), (torch.float32,)


def _targets(spec: SequenceSpec, rows: int, time: int) -> tuple[tuple[int, ...], tuple[torch.dtype, ...]]:
    match spec.output:
        case StepClasses() | TokenSequence():
            return (rows, time), (torch.int64,)
        case SequenceClass():
            return (rows, 1), (torch.int64,)
        case StepLabels(labels=labels):
            return (rows, time, labels), (torch.float32, torch.int64, torch.bool)
        case StepValues(dim=dim):
            return (rows, time, dim), (torch.float32,)
        case SequenceValue(dim=dim):
            return (rows, 1, dim), (torch.float32,)


def batch_values(task: TaskSubject) -> None:
    """Ids lie below their number, labels are 0 or 1, numbers are finite: at padding and where the weight is 0, too."""
    spec = task.data.spec
    sizes = {
        "inputs": getattr(spec.input, "vocab", None),
        "targets": getattr(spec.output, "classes", getattr(spec.output, "vocab", None)),
    }
    for where, batch in _every(task):
        for name, size in sizes.items():
            tensor: Tensor = getattr(batch, name)
            if size is not None:
                low, high = int(tensor.min()), int(tensor.max())
                expect(0 <= low <= high < size, f"{where}: {name} go from {low} to {high}, ids must be in [0, {size}).")
            else:
                expect(tensor.isfinite().all(), f"{where}: {name} are not finite.")
        if isinstance(spec.output, StepLabels):
            expect(((batch.targets == 0) | (batch.targets == 1)).all(), f"{where}: labels must be 0 or 1.")
        if isinstance(spec.input, Features):
            past = torch.arange(batch.inputs.shape[1]) >= batch.lengths[:, None]
            expect(not batch.inputs[past].any(), f"{where}: padding of features must be zeros.")
        if isinstance(spec.output, TokenSequence) and batch.target_lengths is not None:
            last = batch.targets.gather(1, batch.target_lengths[:, None] - 1)
            expect((last == spec.output.end).all(), f"{where}: each target must end with {spec.output.end} (its end).")


def batch_weights(task: TaskSubject) -> None:
    """Weights lie within the lengths and add up to the total; something is scored in every evaluation split."""
    for where, batch in _every(task):
        for name, weights in (("weights", batch.weights), ("scored", batch.scored)):
            if weights is None:
                continue
            sane = weights.isfinite().all() and (weights >= 0).all()
            expect(sane, f"{where}: {name} must be finite and not negative.")
            if weights.shape[1] > 1:
                lengths = batch.lengths if batch.target_lengths is None else batch.target_lengths
                past = torch.arange(weights.shape[1]) >= lengths[:, None]
                expect(not weights[past].any(), f"{where}: {name} at padding must be 0.")
        total = float(batch.weights.double().sum())
        fits = math.isclose(batch.total, total, rel_tol=1e-5, abs_tol=1e-9)
        expect(fits, f"{where}: total is {batch.total:g}, its weights add up to {total:g}; ranks divide by the total.")
    for split in task.evaluation:
        some = any(bool((b.weights if b.scored is None else b.scored).any()) for b in task.batches(split))
        expect(some, f"nothing is scored in {split}; its metrics would be nan.")


def repeats(task: TaskSubject) -> None:
    """The same split and step give the same batch: asked again, in any order, of another instance."""
    again = task.make()
    for split in ("train", *task.evaluation):
        batches = task.batches(split)
        for step in reversed(range(min(len(batches), 8))):
            for who in (task.data, again):
                differs = _differing(batches[step], who.stream(split, step))
                expect(
                    differs is None,
                    f"{split} batch {step} has other {differs} when asked for again; draw from "
                    f"keys.generator(split, step) alone, and keep nothing between calls.",
                )


def _differing(a: Batch, b: Batch) -> str | None:
    """The first field in which two batches differ."""
    for field in fields(Batch):
        x, y = getattr(a, field.name), getattr(b, field.name)
        same = torch.equal(x, y) if isinstance(x, Tensor) and isinstance(y, Tensor) else x is y or x == y
        if not same:
            return field.name
    return None


def steps_differ(task: TaskSubject) -> None:
    """Training steps show different batches."""
    first, *others = task.batches("train")
    for step, batch in enumerate(others, start=1):
        same = torch.equal(first.inputs, batch.inputs) and torch.equal(first.targets, batch.targets)
        expect(not same, f"training batches 0 and {step} are the same; draw from keys.generator('train', step).")


def seed_draws_training(task: TaskSubject) -> None:
    """Another seed of the run draws other training batches."""
    # One seed may draw the same by chance: where an epoch starts, the order of few samples.
    for seed in SEEDS:
        other = task.other if seed == 1 else task.make(seed)
        for step, batch in enumerate(task.batches("train")[:4]):
            if _differing(batch, other.stream("train", step)) is not None:
                return
    expect(False, f"seeds 0 and {SEEDS} train on the same batches; key training by keys.generator('train', ...).")


def seed_leaves_evaluation(task: TaskSubject) -> None:
    """Validation and test are the same for every seed of the run."""
    other = task.other
    for split in task.evaluation:
        expect(
            other.steps(split) == len(task.batches(split)), f"{split} has another number of batches with another seed."
        )
        for step, batch in enumerate(task.batches(split)[:8]):
            differs = _differing(batch, other.stream(split, step))
            expect(
                differs is None,
                f"{split} batch {step} has other {differs} with another seed; key it by "
                f"keys.generator('{split}', ...), else no two runs are scored on the same.",
            )


def stream_chunks(task: TaskSubject) -> None:
    """Chunks of a stream: the first one starts it, those after it go on with the same rows."""
    if not task.data.streaming or task.batches("train")[0].first is None:
        raise Skip("its batches are whole sequences")
    for split in ("train", *task.evaluation):
        batches = task.batches(split)
        for step, batch in enumerate(batches):
            where = f"{split} chunk {step}"
            expect(isinstance(batch.first, bool), f"{where}: first is {batch.first}; it must be True or False.")
            expect(batch.first or step > 0, f"{where} does not start its stream; first must be True there.")
            # Training may start anew, at the next epoch.
            expect(
                not batch.first or step == 0 or split == "train", f"{where} starts anew: no state is carried into it."
            )
            same = torch.equal(batch.index, batches[0].index)
            expect(same, f"{where} has rows {batch.index[:4].tolist()}...; carried states need the same rows.")
        goes_on = len(batches) == 1 or not all(batch.first for batch in batches)
        expect(goes_on, f"every chunk of {split} starts a stream anew: no state is ever carried.")
