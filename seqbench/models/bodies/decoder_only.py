"""One causal backbone reads source, separator and target as one stream."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqbench.models.bodies.base import Body, State
from seqbench.models.bodies.embedding import Embedding
from seqbench.models.bodies.encoder_decoder import shift_right
from seqbench.models.bodies.stepping import advance_backbone
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence
from seqbench.utils.errors import SeqbenchError


class DecoderOnly(Body):
    """Source, ``start`` (which separates), target; no padding in between, so any causal backbone will do.

    Args:
        spec: what the task shows and asks; source and target share their tokens.
        backbone: causal.
        d_model: its width.
        embedding: options of ``Embedding``: its width, dropout and start.

    Raises:
        SeqbenchError: the backbone looks ahead, or source and target differ in their tokens.
    """

    def __init__(self, spec: SequenceSpec, backbone: nn.Module, d_model: int, **embedding: Any) -> None:
        super().__init__()
        if getattr(backbone, "causal", True) is False:
            raise SeqbenchError("body.bridge decoder-only needs a causal architecture, this one looks ahead.")
        assert isinstance(spec.output, TokenSequence)
        if Tokens(spec.output.vocab) != spec.input:
            raise SeqbenchError("body.bridge decoder-only needs one vocabulary for source and target.")
        self.start = spec.output.start
        self.embedding = Embedding(spec.input, d_model, **embedding)
        self.backbone: Any = backbone

    @property
    def streaming(self) -> Any:
        """The one backbone."""
        return self.backbone

    def forward(self, batch: Batch) -> Tensor:
        """Hidden vectors ``(batch, out_time, d_model)`` at the separator and at the target's tokens but the last."""
        sources, targets = batch.inputs, shift_right(batch.targets, self.start)
        time, out_time = sources.shape[1], targets.shape[1]
        place = batch.lengths[:, None] + torch.arange(out_time, device=sources.device)
        # The target goes right behind its own source; what it overwrites is the source's padding.
        stream = torch.cat([sources, torch.zeros_like(targets)], dim=1).scatter(1, place, targets)
        assert batch.target_lengths is not None
        hidden = self.backbone(self.embedding(stream), batch.lengths + batch.target_lengths)
        assert hidden.shape[1] == time + out_time
        return hidden.gather(1, place[..., None].expand(-1, -1, hidden.shape[-1]))

    def begin(self, batch: Batch | None) -> tuple[None, State]:
        """Read sources of one length.

        Raises:
            ValueError: there are none, or their lengths differ.
        """
        if batch is None or int(batch.lengths.min()) != int(batch.lengths.max()):
            raise ValueError("decoder-only decoding starts from sources of one length")
        _, state = advance_backbone(self.backbone, self.embedding(batch.inputs[:, : int(batch.lengths[0])]), None)
        return None, state

    def step(self, inputs: Tensor, memory: None, state: State) -> tuple[Tensor, State]:
        """Go on by tokens ``(batch, time)``; return the last hidden vector ``(batch, d_model)`` and a state."""
        hidden, state = advance_backbone(self.backbone, self.embedding(inputs), state)
        return hidden[:, -1], state
