"""Two backbones and a bridge: one reads the source, the other writes the target (Sutskever et al. 2014)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqbench.models.bodies.base import Body, State
from seqbench.models.bodies.bridges import BRIDGES, Memory
from seqbench.models.bodies.embedding import Embedding
from seqbench.models.bodies.stepping import advance_backbone
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence
from seqbench.utils.errors import SeqbenchError


class EncoderDecoder(Body):
    """Sequence to sequence; trained with teacher forcing, the whole target at once.

    Source and target share one embedding where they share their tokens.

    Args:
        spec: what the task shows and asks; its output is a ``TokenSequence``.
        encoder: reads the source; may look ahead.
        decoder: writes the target; causal.
        d_model: width of both.
        bridge: a name in ``bridges.BRIDGES``.
        heads: of multi-head attention.
        embedding: options of ``Embedding``: its width, dropout and start.

    Raises:
        SeqbenchError: the decoder looks ahead, or there is no such bridge.
    """

    def __init__(
        self,
        spec: SequenceSpec,
        encoder: nn.Module,
        decoder: nn.Module,
        d_model: int,
        bridge: str,
        heads: int = 4,
        **embedding: Any,
    ) -> None:
        super().__init__()
        if getattr(decoder, "causal", True) is False:
            raise SeqbenchError("a decoder must be causal; give the one that looks ahead as --encoder.")
        assert isinstance(spec.output, TokenSequence)
        self.start = spec.output.start
        self.source = Embedding(spec.input, d_model, **embedding)
        tokens = Tokens(spec.output.vocab)
        self.target = self.source if tokens == spec.input else Embedding(tokens, d_model, **embedding)
        self.encoder: Any = encoder
        self.decoder: Any = decoder
        self.bridge = BRIDGES[bridge](d_model, heads, getattr(encoder, "causal", True))

    @property
    def streaming(self) -> Any:
        """The decoder."""
        return self.decoder

    def encode(self, batch: Batch) -> Memory:
        """What the bridge keeps of what the encoder read."""
        return self.bridge.remember(self.encoder(self.source(batch.inputs), batch.lengths), batch.lengths)

    def forward(self, batch: Batch) -> Tensor:
        """Hidden vectors ``(batch, out_time, d_model)``, each after the true tokens before it."""
        memory = self.encode(batch)
        return self.bridge.leave(self._decode(batch, memory), memory)

    def attention(self, batch: Batch) -> Tensor | None:
        """Weights of each target token over the source, ``(batch, out_time, time)``; None without attention."""
        memory = self.encode(batch)
        return self.bridge.weights(self._decode(batch, memory), memory)

    def _decode(self, batch: Batch, memory: Memory) -> Tensor:
        x = self.bridge.enter(self.target(shift_right(batch.targets, self.start)), memory)
        hidden: Tensor = self.decoder(x, batch.target_lengths)
        return hidden

    def begin(self, batch: Batch | None) -> tuple[Memory, State]:
        """Read the source.

        Raises:
            ValueError: there is none.
        """
        if batch is None:
            raise ValueError("a decoder starts from a source; give the batch")
        return self.encode(batch), None

    def step(self, inputs: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """Go on by tokens ``(batch, time)``; return the last hidden vector ``(batch, d_model)`` and a state."""
        hidden, state = advance_backbone(self.decoder, self.bridge.enter(self.target(inputs), memory), state)
        return self.bridge.leave(hidden[:, -1:], memory)[:, 0], state


def shift_right(targets: Tensor, start: int) -> Tensor:
    """What a decoder reads: ``start``, then the targets ``(batch, out_time)`` but the last."""
    return torch.cat([torch.full_like(targets[:, :1], start), targets[:, :-1]], dim=1)
