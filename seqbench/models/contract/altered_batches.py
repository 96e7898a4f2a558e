"""Batches whose future or padding is altered, and batches of other lengths, made from a batch of the task."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from seqbench.protocol.specs import (
    Batch,
    Context,
    Features,
    Input,
    SequenceClass,
    SequenceSpec,
    SequenceValue,
    StepClasses,
    StepLabels,
    Tokens,
    TokenSequence,
)

BLOCKS = (16, 32, 64, 128, 256)
"""Sizes of blocks (steps) in which backbones process long sequences; some cuts are at their borders."""


def is_decoded(spec: SequenceSpec) -> bool:
    """Return whether the steps that may leak are those of the target, which a decoder reads."""
    return isinstance(spec.output, TokenSequence)


def count_steps(batch: Batch, spec: SequenceSpec) -> int:
    """Return the number of steps that the decoding backbone predicts at."""
    return batch.targets.shape[1] if is_decoded(spec) or isinstance(spec.input, Context) else batch.inputs.shape[1]


def step_lengths(batch: Batch, spec: SequenceSpec) -> Tensor:
    """Return the number of valid steps of each sequence, ``(batch,)``: of the target if it is decoded."""
    return batch.target_lengths if is_decoded(spec) and batch.target_lengths is not None else batch.lengths


def select_rows(batch: Batch, count: int) -> Batch:
    """Return ``count`` rows of different lengths, the longest included; rows are repeated if the batch has fewer."""
    by_length = torch.argsort(batch.lengths, descending=True, stable=True)
    places = torch.arange(count) % len(batch) if count >= len(batch) else torch.arange(count) * len(batch) // count
    return batch.rows(by_length[places])


def draw_cuts(lengths: Tensor, generator: torch.Generator) -> Tensor:
    """Return for each sequence the first step that is altered, ``(batch,)``, from 1 to its length.

    The cuts are spread over the sequences: the first and the last steps, borders of blocks, and random steps.

    Args:
        lengths: number of valid steps of each sequence, ``(batch,)``.
        generator: generator of the random steps.
    """
    count, longest = len(lengths), int(lengths.max())
    shares = (torch.arange(count) + torch.rand(count, generator=generator)) / count
    cuts = (1 + shares * (lengths - 1)).long()
    cuts[0], cuts[-1] = 1, lengths[-1] - 1
    for row, size in enumerate((size for size in BLOCKS if size < longest), start=1):
        if row < count - 1:
            cuts[row] = max(size, int(cuts[row]) // size * size)
    return cuts.clamp(min=1).minimum(lengths)


def alter_future(
    batch: Batch, spec: SequenceSpec, cuts: Tensor, generator: torch.Generator, every_target: bool = False
) -> Batch:
    """Return the batch with other values in all steps from the cut of each sequence on.

    Inputs and targets are altered; of a task with a source and a target sequence only the target, because its outputs
    may depend on the whole source.

    Args:
        batch: a batch of the task.
        spec: inputs and outputs of the task.
        cuts: first altered step of each sequence, ``(batch,)``.
        generator: generator of the other values.
        every_target: whether to alter the targets before the cut too, on which no output depends in evaluation.
    """
    targets = _redraw(batch.targets, _target_kind(spec), _from_step(batch.targets, cuts), generator)
    if is_decoded(spec):
        return replace(batch, targets=targets)
    if every_target or targets.shape[1] == 1:
        whole = torch.ones(batch.targets.shape[:2], dtype=torch.bool)
        targets = _redraw(batch.targets, _target_kind(spec), whole, generator)
    if isinstance(spec.input, Context):
        return replace(batch, targets=targets)
    inputs = _redraw(batch.inputs, spec.input, _from_step(batch.inputs, cuts), generator)
    return replace(batch, inputs=inputs, targets=targets)


def alter_padding(batch: Batch, spec: SequenceSpec, generator: torch.Generator) -> Batch:
    """Return the batch with other inputs at the padding.

    Args:
        batch: a batch of the task; its inputs are not one context.
        spec: inputs and outputs of the task.
        generator: generator of the other values.
    """
    return replace(batch, inputs=_redraw(batch.inputs, spec.input, _from_step(batch.inputs, batch.lengths), generator))


def shorten(batch: Batch, spec: SequenceSpec, steps: int) -> Batch:
    """Return the batch with its first ``steps`` steps only; of a source and a target sequence, the target's."""
    time = count_steps(batch, spec)

    def cut(values: Tensor) -> Tensor:
        return values[:, :steps] if values.ndim > 1 and values.shape[1] == time else values

    return replace(
        batch,
        inputs=batch.inputs if is_decoded(spec) or isinstance(spec.input, Context) else batch.inputs[:, :steps],
        targets=cut(batch.targets),
        weights=cut(batch.weights),
        scored=None if batch.scored is None else cut(batch.scored),
        lengths=batch.lengths if is_decoded(spec) else batch.lengths.clamp(max=steps),
        target_lengths=None if batch.target_lengths is None else batch.target_lengths.clamp(max=steps),
    )


def lengthen(batch: Batch, spec: SequenceSpec) -> Batch:
    """Return the batch with all sequences repeated up to the longest length of the task, without padding."""
    time, output = count_steps(batch, spec), spec.output
    steps = max(output.longest if isinstance(output, TokenSequence) else spec.max_length, time)

    def tile(values: Tensor, size: int) -> Tensor:
        repeats = -(-size // values.shape[1])
        return values.repeat(1, repeats, *[1] * (values.ndim - 2))[:, :size]

    def tile_steps(values: Tensor) -> Tensor:
        return tile(values, steps) if values.shape[1] == time else values

    inputs = batch.inputs
    if not isinstance(spec.input, Context):
        inputs = tile(inputs, max(spec.max_length, inputs.shape[1]) if is_decoded(spec) else steps)
    full = torch.full_like(batch.lengths, steps)
    return replace(
        batch,
        inputs=inputs,
        targets=tile_steps(batch.targets),
        weights=tile_steps(batch.weights),
        scored=None if batch.scored is None else tile_steps(batch.scored),
        lengths=torch.full_like(full, inputs.shape[1]) if is_decoded(spec) else full,
        target_lengths=None if batch.target_lengths is None else full,
    )


def _from_step(values: Tensor, first: Tensor) -> Tensor:
    """Return which steps are at or after the first one of each row, ``(batch, time)``."""
    return torch.arange(values.shape[1]) >= first[:, None]


def _target_kind(spec: SequenceSpec) -> Input | None:
    """Return the kind of the targets; None for labels of 0 and 1."""
    match spec.output:
        case StepClasses(classes=classes) | SequenceClass(classes=classes):
            return Tokens(classes)
        case TokenSequence(vocab=vocab):
            return Tokens(vocab)
        case StepLabels():
            return None
        case SequenceValue(dim=dim):
            return Features(dim)
        case output:
            return Features(output.dim)


def _redraw(values: Tensor, kind: Input | None, where: Tensor, generator: torch.Generator) -> Tensor:
    """Return values that differ from the given ones where ``where`` is True.

    Args:
        values: ids ``(batch, time)`` or numbers ``(batch, time, dim)``.
        kind: their kind; None for labels of 0 and 1.
        where: the values to replace, ``(batch, time)``.
        generator: generator of the new values.
    """
    if isinstance(kind, Tokens):
        shifts = torch.randint(1, max(2, kind.vocab), values.shape, generator=generator)
        return torch.where(where, (values + shifts) % kind.vocab, values)
    new = 1 - values if kind is None else torch.randn(values.shape, generator=generator).to(values)
    return torch.where(where[..., None], new, values)
