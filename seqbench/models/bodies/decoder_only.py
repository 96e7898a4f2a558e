"""One causal backbone that reads source, separator and target as one stream."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from seqbench.models.bodies.base import Body, Memory
from seqbench.models.bodies.embedding import Embedding, EmbeddingOptions
from seqbench.models.bodies.encoder_decoder import require_token_sequence, shift_right
from seqbench.models.bodies.stepping import advance_backbone
from seqbench.protocol.backbones import Backbone, State, call_forward, is_causal, is_streaming
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens
from seqbench.utils.errors import SeqbenchError


class DecoderOnly(Body):
    """Read the source, the start token as a separator, and the target as one sequence without padding in between.

    Args:
        spec: input and output of the task; source and target share one vocabulary.
        backbone: a causal backbone.
        d_model: width of the backbone.
        embedding: options of ``Embedding``.

    Raises:
        TypeError: the output is not a ``TokenSequence``.
        SeqbenchError: the backbone looks ahead, or source and target have different vocabularies.
    """

    def __init__(
        self, spec: SequenceSpec, backbone: Backbone, d_model: int, **embedding: Unpack[EmbeddingOptions]
    ) -> None:
        super().__init__()
        if not is_causal(backbone):
            raise SeqbenchError("body.bridge decoder-only needs a causal architecture, this one looks ahead.")
        output = require_token_sequence(spec)
        if Tokens(output.vocab) != spec.input:
            raise SeqbenchError("body.bridge decoder-only needs one vocabulary for source and target.")
        self.start = output.start
        self.embedding = Embedding(spec.input, d_model, **embedding)
        self.backbone: Backbone = backbone

    @property
    def decoding_backbone(self) -> Backbone:
        """The backbone that decoding runs step by step."""
        return self.backbone

    def forward(self, batch: Batch) -> Tensor:
        """Return the hidden vectors at the separator and at all target tokens except the last one.

        Args:
            batch: sources and targets, with ``target_lengths``.

        Returns:
            ``(batch, out_time, d_model)``.

        Raises:
            ValueError: the batch has no ``target_lengths``.
        """
        if batch.target_lengths is None:
            raise ValueError("expected a batch with target_lengths, got None")
        stream, positions = self._join(batch)
        hidden = call_forward(self.backbone, self.embedding(stream), lengths=batch.lengths + batch.target_lengths)
        return _select_steps(hidden, positions)

    def unrolled_outputs(self, batch: Batch) -> Tensor | None:
        """Return the hidden vectors of ``forward`` by the backbone's ``unroll``; None if it has none."""
        if not is_streaming(self.backbone):
            return None
        stream, positions = self._join(batch)
        return _select_steps(self.backbone.unroll(self.embedding(stream), None)[0], positions)

    def _join(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return sources and targets as one stream, ``(batch, time)``, and its steps that predict the targets.

        The steps are ``(batch, out_time)``.
        """
        sources, targets = batch.inputs, shift_right(batch.targets, self.start)
        out_time = targets.shape[1]
        positions = batch.lengths[:, None] + torch.arange(out_time, device=sources.device)
        # Each target follows its source directly, so that it overwrites only the padding of that source.
        return torch.cat([sources, torch.zeros_like(targets)], dim=1).scatter(1, positions, targets), positions

    def begin(self, batch: Batch | None) -> tuple[Memory, State]:
        """Return an empty memory and the state after the sources, which must all have the same length.

        Raises:
            ValueError: there is no batch, or its sources differ in length.
        """
        if batch is None or int(batch.lengths.min()) != int(batch.lengths.max()):
            raise ValueError("decoder-only decoding starts from sources of one length; group the batch by length")
        _, state = advance_backbone(self.backbone, self.embedding(batch.inputs[:, : int(batch.lengths[0])]), None)
        return {}, state

    def step(self, inputs: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """Decode by some tokens; return the last hidden vector ``(batch, d_model)`` and the state after it.

        Args:
            inputs: tokens of the target, ``(batch, time)``.
            memory: not used.
            state: the state after the previous step.
        """
        hidden, state = advance_backbone(self.backbone, self.embedding(inputs), state)
        return hidden[:, -1], state


def _select_steps(hidden: Tensor, positions: Tensor) -> Tensor:
    """Return the hidden vectors at some steps, ``(batch, out_time, d_model)``.

    Args:
        hidden: hidden vectors ``(batch, time, d_model)``.
        positions: the steps, ``(batch, out_time)``.
    """
    return hidden.gather(1, positions[..., None].expand(-1, -1, hidden.shape[-1]))
