"""Encoder, bridge and decoder for tasks with a source and a target sequence (Sutskever et al. 2014)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor

from seqbench.models.bodies.base import Body, Memory
from seqbench.models.bodies.bridges import Bridge, build_bridge
from seqbench.models.bodies.embedding import Embedding, EmbeddingOptions
from seqbench.models.bodies.stepping import advance_backbone, recompute_prefix
from seqbench.protocol.backbones import (
    AddsCrossAttention,
    Backbone,
    State,
    call_forward,
    is_causal,
    is_cross_attending,
    streams_memory,
)
from seqbench.protocol.choices import CROSS_ATTENTION
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence
from seqbench.utils.errors import SeqbenchError


class EncoderDecoder(Body):
    """A sequence-to-sequence body, trained with teacher forcing on the whole target at once.

    Source and target share one embedding if they have the same vocabulary. With the bridge ``cross-attention`` the
    decoder gets the encoder's outputs in its ``forward`` and its ``unroll``, and attends to them in its own layers. A
    decoder whose ``unroll`` takes no memory then recomputes the prefix at each step of decoding.

    Args:
        spec: input and output of the task; the output is a ``TokenSequence``.
        encoder: the backbone that reads the source; it may look ahead.
        decoder: the backbone that writes the target; causal.
        d_model: width of encoder and decoder.
        bridge: name of the bridge: ``vector``, ``additive``, ``multihead``, or ``cross-attention`` for a decoder that
            offers it.
        heads: number of heads of ``multihead``.
        embedding: options of ``Embedding``.

    Raises:
        TypeError: the output is not a ``TokenSequence``.
        SeqbenchError: the decoder looks ahead, it does not offer the chosen cross-attention, the bridge is unknown, or
            its heads do not divide ``d_model``.
    """

    def __init__(
        self,
        spec: SequenceSpec,
        encoder: Backbone,
        decoder: Backbone,
        d_model: int,
        bridge: str,
        heads: int = 4,
        **embedding: Unpack[EmbeddingOptions],
    ) -> None:
        super().__init__()
        if not is_causal(decoder):
            raise SeqbenchError("a decoder must be causal; give the one that looks ahead as --encoder.")
        output = require_token_sequence(spec)
        self.start = output.start
        self.source = Embedding(spec.input, d_model, **embedding)
        tokens = Tokens(output.vocab)
        self.target = self.source if tokens == spec.input else Embedding(tokens, d_model, **embedding)
        self.encoder: Backbone = encoder
        self.decoder: Backbone = decoder
        self.attends = bridge == CROSS_ATTENTION
        if self.attends:
            _prepare_cross_attention(decoder)
        self.bridge: Bridge = build_bridge(bridge, d_model, heads, is_causal(encoder))

    @property
    def decoding_backbone(self) -> Backbone:
        """The decoder, which decoding runs step by step."""
        return self.decoder

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """The encoder and the decoder."""
        return self.encoder, self.decoder

    @property
    def can_unroll(self) -> bool:
        """True if the decoder can continue from a state, with a memory where it gets one."""
        return streams_memory(self.decoder) if self.attends else super().can_unroll

    def encode(self, batch: Batch) -> Memory:
        """Return the tensors that the bridge or a cross-attending decoder reads from the encoder's outputs."""
        outputs = call_forward(self.encoder, self.source(batch.inputs), lengths=batch.lengths)
        return self.bridge.remember(outputs, batch.lengths)

    def forward(self, batch: Batch) -> Tensor:
        """Return the hidden vectors under teacher forcing, ``(batch, out_time, d_model)``."""
        memory = self.encode(batch)
        return self.bridge.leave(self._decode(batch, memory), memory)

    def unrolled_outputs(self, batch: Batch) -> Tensor | None:
        """Return the hidden vectors under teacher forcing, by ``unroll`` of the decoder; None if it has none."""
        if not self.can_unroll:
            return None
        memory = self.encode(batch)
        x = self.bridge.enter(self.target(shift_right(batch.targets, self.start)), memory)
        return self.bridge.leave(self._advance(x, memory, None)[0], memory)

    def attention(self, batch: Batch) -> Tensor | None:
        """Return the weight of each source step in each target token, ``(batch, out_time, time)``.

        Returns:
            The weights under teacher forcing; None for a bridge without attention and for a cross-attending decoder.
        """
        memory = self.encode(batch)
        return self.bridge.weights(self._decode(batch, memory), memory)

    def _decode(self, batch: Batch, memory: Memory) -> Tensor:
        x = self.bridge.enter(self.target(shift_right(batch.targets, self.start)), memory)
        return self._decoder_forward(memory)(x, batch.target_lengths)

    def _decoder_forward(self, memory: Memory) -> Callable[[Tensor, Tensor | None], Tensor]:
        """Return the decoder as a function of its inputs and their lengths."""
        attended = _memory_arguments(memory) if self.attends else {}
        return lambda x, lengths: call_forward(self.decoder, x, lengths=lengths, **attended)

    def _advance(self, x: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """Return the decoder's outputs for the next inputs, ``(batch, time, d_model)``, and the state after them."""
        if not self.attends:
            return advance_backbone(self.decoder, x, state)
        if streams_memory(self.decoder):
            return self.decoder.unroll(x, state, **_memory_arguments(memory))
        return recompute_prefix(self._decoder_forward(memory), x, state)

    def begin(self, batch: Batch | None) -> tuple[Memory, State]:
        """Return the memory of the sources and the empty state.

        Raises:
            ValueError: there is no batch.
        """
        if batch is None:
            raise ValueError("decoding starts from a source; expected a batch, got None")
        return self.encode(batch), None

    def step(self, inputs: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """Decode by some tokens; return the last hidden vector ``(batch, d_model)`` and the state after it.

        Args:
            inputs: tokens of the target, ``(batch, time)``.
            memory: the memory that ``begin`` returned.
            state: the state after the previous step.
        """
        x = self.bridge.enter(self.target(inputs), memory)
        hidden, state = self._advance(x, memory, state)
        return self.bridge.leave(hidden[:, -1:], memory)[:, 0], state


def _prepare_cross_attention(decoder: object) -> None:
    """Let a decoder create the parameters of its cross-attention.

    Raises:
        SeqbenchError: its ``forward`` takes no memory.
    """
    if not is_cross_attending(decoder):
        raise SeqbenchError(
            f"body.bridge {CROSS_ATTENTION} needs a decoder whose forward takes memory and memory_lengths, and that of "
            f"{type(decoder).__name__} does not; choose another --body.bridge."
        )
    if isinstance(decoder, AddsCrossAttention):
        decoder.add_cross_attention()


def _memory_arguments(memory: Memory) -> dict[str, Tensor]:
    return {"memory": memory["outputs"], "memory_lengths": memory["lengths"]}


def require_token_sequence(spec: SequenceSpec) -> TokenSequence:
    """Return the output of a spec, which must be a ``TokenSequence``.

    Raises:
        TypeError: the output is of another kind.
    """
    if not isinstance(spec.output, TokenSequence):
        raise TypeError(f"expected an output of kind TokenSequence, got {type(spec.output).__name__}")
    return spec.output


def shift_right(targets: Tensor, start: int) -> Tensor:
    """Return the decoder's inputs under teacher forcing: ``start``, then all targets except the last one.

    Args:
        targets: token ids ``(batch, out_time)``.
        start: id of the start token.

    >>> shift_right(torch.tensor([[5, 6, 2]]), start=1).tolist()
    [[1, 5, 6]]
    """
    return torch.cat([torch.full_like(targets[:, :1], start), targets[:, :-1]], dim=1)
