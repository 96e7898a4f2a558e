"""One backbone over embedded inputs: as many hidden vectors as there are steps."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from seqbench.errors import SeqbenchError
from seqbench.specs import Batch, SequenceSpec

State = Any


class Single(nn.Module):
    """Embeds tokens and runs one backbone over them.

    Args:
        spec: what the task shows.
        backbone: ``(batch, time, d_model)`` to the same; see the backbone contract in ``docs/architecture.md``.
        d_model: the backbone's width.
        d_embed: width of the embedding, projected to ``d_model`` where they differ; None means ``d_model``.
    """

    def __init__(self, spec: SequenceSpec, backbone: nn.Module, d_model: int, d_embed: int | None = None) -> None:
        super().__init__()
        width = d_model if d_embed is None else d_embed
        if width < 1:
            raise SeqbenchError(f"the embedding must be at least 1 wide, got {width}; see --body.d_embed.")
        self.embedding = nn.Embedding(spec.input.vocab, width)
        self.projection = nn.Linear(width, d_model) if width != d_model else nn.Identity()
        self.backbone: Any = backbone

    @property
    def can_unroll(self) -> bool:
        """Whether the backbone can go on from a state."""
        return hasattr(self.backbone, "unroll")

    def forward(self, batch: Batch) -> Tensor:
        """Hidden vectors ``(batch, time, d_model)`` of whole sequences."""
        return self.backbone(self._embed(batch.inputs), batch.lengths)

    def unroll(self, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Hidden vectors ``(batch, time, d_model)`` of one chunk of a stream, and the state after it."""
        return self.backbone.unroll(self._embed(batch.inputs), state)

    def begin(self, prompt: Tensor) -> tuple[Tensor, State]:
        """Read a prompt ``(batch, time)``; return its last hidden vector ``(batch, d_model)`` and a state."""
        return self.step(prompt, None)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Go on by tokens ``(batch, time)``; return the last hidden vector ``(batch, d_model)`` and a state.

        A backbone without ``unroll`` computes anew from all tokens so far, which then are the state.
        """
        if self.can_unroll:
            hidden, state = self.backbone.unroll(self._embed(tokens), state)
        else:
            state = tokens if state is None else torch.cat([state, tokens], dim=1)
            lengths = torch.full((len(state),), state.shape[1], device=state.device)
            hidden = self.backbone(self._embed(state), lengths)
        return hidden[:, -1], state

    def _embed(self, tokens: Tensor) -> Tensor:
        return self.projection(self.embedding(tokens))
