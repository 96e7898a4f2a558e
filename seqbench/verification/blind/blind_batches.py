"""Batches without anything that a net must not know: inputs alone, and what a decoder may read under teacher forcing.

The process that holds the targets makes a ``BlindBatch`` of each batch. The process of the net makes a ``Batch`` of it
again, in which constants stand for the targets. The bodies of ``models.bodies`` return the same hidden vectors for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqbench.models.bodies.encoder_decoder import shift_right
from seqbench.protocol.specs import Batch, SequenceSpec, TokenSequence


@dataclass(frozen=True)
class BlindBatch:
    """The part of a batch that the net under test is given.

    Targets, weights, indices of the samples and the lengths of targets are not part of it.

    Args:
        inputs: ``(batch, time)`` token ids, ``(batch, time, dim)`` features, or one context ``(batch, dim)``.
        lengths: ``(batch,)`` number of input steps without padding.
        out_time: number of targets of each row, with padding.
        first: whether a chunk is the first one of its stream; None for whole sequences.
        decoder_inputs: ``(batch, out_time)`` tokens that the decoder reads under teacher forcing: the start token, then
            all targets except the last one. None for other outputs than a ``TokenSequence``, and for decoding.
        asked: ``(batch, out_time)`` whether the target of a step counts, for a body that feeds outputs back: only these
            outputs are fed back. None for other bodies.
    """

    inputs: Tensor
    lengths: Tensor
    out_time: int
    first: bool | None = None
    decoder_inputs: Tensor | None = None
    asked: Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def rows(self, which: Tensor) -> BlindBatch:
        """Return some of the rows, in the order of their numbers."""
        return replace(
            self,
            inputs=self.inputs[which],
            lengths=self.lengths[which],
            decoder_inputs=None if self.decoder_inputs is None else self.decoder_inputs[which],
            asked=None if self.asked is None else self.asked[which],
        )

    def without_targets(self) -> BlindBatch:
        """Return the sources alone, for decoding."""
        return replace(self, decoder_inputs=None, out_time=1)

    def to_batch(self) -> Batch:
        """Return a batch for the bodies of ``models.bodies``, in which constants stand for all that is not known.

        >>> blind = BlindBatch(torch.tensor([[3, 4]]), torch.tensor([2]), out_time=2)
        >>> blind.to_batch().targets.tolist()
        [[0, 0]]
        """
        rows, time = len(self), self.out_time
        targets = torch.zeros(rows, time, dtype=torch.long, device=self.inputs.device)
        full = None
        if self.decoder_inputs is not None:
            # A body shifts the targets to the right again; no body reads the last one.
            targets = torch.cat([self.decoder_inputs[:, 1:], targets[:, :1]], dim=1)
            # The true lengths would tell the net where each target ends.
            full = torch.full_like(self.lengths, time)
        asked = torch.ones_like(targets) if self.asked is None else self.asked
        return Batch(
            inputs=self.inputs,
            targets=targets,
            lengths=self.lengths,
            weights=asked.float(),
            total=1.0,
            index=torch.arange(rows, device=self.inputs.device),
            first=self.first,
            target_lengths=full,
        )


def hide_targets(batch: Batch, spec: SequenceSpec, feeds_back_output: bool = False) -> BlindBatch:
    """Return the part of a batch that the net under test is given.

    Args:
        batch: a batch of an evaluation split.
        spec: inputs and outputs of the task.
        feeds_back_output: whether the net reads its own previous outputs, and so needs to know which of them count.

    >>> from seqbench.protocol.specs import StepClasses, Tokens
    >>> ids, ones = torch.tensor([[3, 4, 0]]), torch.ones(1, 3)
    >>> batch = Batch(ids, ids, torch.tensor([2]), ones, total=3.0, index=torch.tensor([7]))
    >>> hide_targets(batch, SequenceSpec(Tokens(5), StepClasses(5), max_length=3)).out_time
    3
    """
    is_decoded = isinstance(spec.output, TokenSequence)
    start = spec.output.start if isinstance(spec.output, TokenSequence) else 0
    return BlindBatch(
        inputs=batch.inputs,
        lengths=batch.lengths,
        out_time=batch.targets.shape[1],
        first=batch.first,
        decoder_inputs=shift_right(batch.targets, start) if is_decoded else None,
        asked=batch.weights > 0 if feeds_back_output else None,
    )
