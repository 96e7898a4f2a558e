"""Rows of evaluation batches, grouped anew, with other inputs and lengths after a cut that the net cannot know."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqbench.protocol.specs import Batch, Context, SequenceClass, SequenceSpec, SequenceValue, TokenSequence
from seqbench.verification.blind.blind_batches import BlindBatch

TRIES = 8
"""Number of places that are tried for other inputs whose first step differs from that of the row."""


@dataclass(frozen=True)
class KeptRow:
    """One row of a batch that was scored, and the answer of the net.

    Args:
        split: name of the split.
        step: number of the batch.
        sample: number of the sample in its split, or of the row of the streams.
        row: the row, a blind batch with one row and without padding.
        hidden: hidden vectors of the targets that are not padding, ``(time, d_model)``.
        scored: the row with its targets, which no net is given; None if its scores are not compared.
    """

    split: str
    step: int
    sample: int
    row: BlindBatch
    hidden: Tensor
    scored: Batch | None = None


def can_be_cut(spec: SequenceSpec) -> bool:
    """Return whether outputs at a step must not depend on later steps, so that these may be altered.

    The steps of a task with pairs of sequences are those of the decoder, which never looks ahead.

    >>> from seqbench.protocol.specs import StepClasses, Tokens
    >>> can_be_cut(SequenceSpec(Tokens(4), StepClasses(4), max_length=9))
    True
    """
    if isinstance(spec.output, TokenSequence):
        return True
    one_output = isinstance(spec.output, SequenceClass | SequenceValue) and spec.output.reads != "every"
    return not (spec.look_ahead or one_output or isinstance(spec.input, Context))


def alter_row(
    kept: KeptRow, donors: Sequence[KeptRow], spec: SequenceSpec, rng: random.Random
) -> tuple[BlindBatch, int]:
    """Return a row with other inputs and another length after a random cut, and the number of steps before the cut.

    Args:
        kept: the row.
        donors: rows whose inputs may replace those after the cut.
        spec: inputs and outputs of the task.
        rng: source of the cut and of the choice; the net must not know it.
    """
    donor, row = rng.choice(donors).row, kept.row
    if row.decoder_inputs is not None:
        assert donor.decoder_inputs is not None
        time = row.out_time
        cut = rng.randint(1, time)
        # The first input of a decoder is always the start token.
        longer = _splice(
            row.decoder_inputs[0], donor.decoder_inputs[0, 1:], cut, _new_length(cut, time, time, rng), rng
        )
        return replace(row, decoder_inputs=longer[None], out_time=len(longer)), cut
    time = row.inputs.shape[1]
    cut = rng.randint(1, time)
    length = _new_length(cut, donor.inputs.shape[1], spec.max_length, rng)
    inputs = _splice(row.inputs[0], donor.inputs[0], cut, length, rng)
    asked = None
    if row.asked is not None:
        asked = torch.cat([row.asked[:, :cut], torch.ones(1, length - cut, dtype=torch.bool)], dim=1)
    return BlindBatch(inputs[None], torch.tensor([length]), length, row.first, None, asked), cut


def join_rows(rows: Sequence[BlindBatch]) -> BlindBatch:
    """Return one batch of rows, padded to the longest of them.

    Args:
        rows: blind batches with one row each.
    """
    first = rows[0]

    def pad(tensors: Sequence[Tensor]) -> Tensor:
        longest = max(tensor.shape[1] for tensor in tensors)
        return torch.cat([_pad(tensor, longest) for tensor in tensors])

    is_context = first.inputs.dim() == 2 and first.inputs.is_floating_point()
    return BlindBatch(
        inputs=torch.cat([row.inputs for row in rows]) if is_context else pad([row.inputs for row in rows]),
        lengths=torch.cat([row.lengths for row in rows]),
        out_time=max(row.out_time for row in rows),
        first=first.first,
        decoder_inputs=pad([row.decoder_inputs for row in rows if row.decoder_inputs is not None])
        if first.decoder_inputs is not None
        else None,
        asked=pad([row.asked for row in rows if row.asked is not None]) if first.asked is not None else None,
    )


def draw_groups(count: int, largest: int, rng: random.Random) -> list[list[int]]:
    """Return all numbers below ``count`` in random order, in groups of random sizes from 1 to ``largest``.

    >>> groups = draw_groups(10, 4, random.Random(0))
    >>> sorted(number for group in groups for number in group) == list(range(10))
    True
    """
    order = rng.sample(range(count), count)
    groups = []
    while order:
        size = rng.randint(1, largest)
        groups.append(order[:size])
        order = order[size:]
    return groups


def _new_length(cut: int, wanted: int, longest: int, rng: random.Random) -> int:
    """Return the length of an altered row: about as long as the donor, or any length from the cut to the longest."""
    length = wanted if rng.random() < 0.5 else rng.randint(cut, max(cut, longest))
    return max(cut, min(length, longest))


def _splice(own: Tensor, other: Tensor, cut: int, length: int, rng: random.Random) -> Tensor:
    """Return the first ``cut`` steps of a row, followed by steps of another one, ``(length, ...)``.

    Args:
        own: the row, ``(time, ...)``.
        other: the other row, ``(other_time, ...)``; it is repeated if it is too short.
        cut: number of steps that stay.
        length: number of steps of the result.
        rng: source of the place in the other row.
    """
    needed = length - cut
    if needed == 0 or not len(other):
        return own[:cut]
    start = rng.randrange(len(other))
    if cut < len(own):
        starts = (rng.randrange(len(other)) for _ in range(TRIES))
        start = next((place for place in starts if not torch.equal(other[place], own[cut])), start)
    places = (torch.arange(needed) + start) % len(other)
    return torch.cat([own[:cut], other[places]])


def _pad(tensor: Tensor, time: int) -> Tensor:
    """Return ``(1, time, ...)`` with zeros after the steps of the tensor."""
    missing = time - tensor.shape[1]
    if not missing:
        return tensor
    return torch.cat([tensor, tensor.new_zeros(1, missing, *tensor.shape[2:])], dim=1)
