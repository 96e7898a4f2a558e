"""One backbone over embedded inputs: a hidden vector for each step, or one for the sequence."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from seqbench.models.bodies import readout
from seqbench.models.bodies.base import Body, State
from seqbench.models.bodies.embedding import Embedding
from seqbench.models.bodies.stepping import advance_backbone
from seqbench.protocol.specs import Batch, SequenceSpec


class Single(Body):
    """Embeds the inputs, runs one backbone over them, and reads what the task asks for.

    Args:
        spec: what the task shows and asks.
        backbone: ``(batch, time, d_model)`` to the same; see the backbone contract in ``docs/architecture.md``.
        d_model: the backbone's width.
        embedding: options of ``Embedding``: its width, dropout and start.
    """

    def __init__(self, spec: SequenceSpec, backbone: nn.Module, d_model: int, **embedding: Any) -> None:
        super().__init__()
        self.embedding = Embedding(spec.input, d_model, **embedding)
        self.backbone: Any = backbone
        # One per step reads every step.
        self.readout = readout.build_readout(
            getattr(spec.output, "reads", "every"), d_model, getattr(backbone, "causal", True)
        )

    @property
    def streaming(self) -> Any:
        """The one backbone."""
        return self.backbone

    def forward(self, batch: Batch) -> Tensor:
        """Hidden vectors ``(batch, out_time, d_model)`` of whole sequences."""
        hidden: Tensor = self.readout(self.backbone(self.embedding.steps(batch), batch.lengths), batch.lengths)
        return hidden

    def unroll(self, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Hidden vectors ``(batch, time, d_model)`` of one chunk of a stream, and the state after it."""
        hidden, state = self.backbone.unroll(self.embedding.steps(batch), state)
        return hidden, state

    def begin(self, batch: Batch | None = None) -> tuple[None, State]:
        """Nothing remembered but the state, which is empty."""
        return None, None

    def step(self, inputs: Tensor, memory: None, state: State) -> tuple[Tensor, State]:
        """Go on by ``inputs (batch, time, ...)``; return the last hidden vector ``(batch, d_model)`` and a state."""
        hidden, state = advance_backbone(self.backbone, self.embedding(inputs), state)
        return hidden[:, -1], state
