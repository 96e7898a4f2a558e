"""The body with one backbone, which returns one hidden vector for each step or one for the sequence."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from seqbench.models.bodies.base import Body, Memory
from seqbench.models.bodies.embedding import Embedding, EmbeddingOptions
from seqbench.models.bodies.readout import build_readout
from seqbench.models.bodies.stepping import advance_backbone
from seqbench.protocol.backbones import Backbone, State, call_forward, is_causal, is_streaming
from seqbench.protocol.specs import Batch, SequenceClass, SequenceSpec, SequenceValue


class SingleBackbone(Body):
    """Embed the inputs, run one backbone over them, and select the hidden vectors that the output needs.

    Args:
        spec: input and output of the task.
        backbone: the backbone; its contract is in ``docs/architecture.md``.
        d_model: width of the backbone.
        embedding: options of ``Embedding``.
    """

    def __init__(
        self, spec: SequenceSpec, backbone: Backbone, d_model: int, **embedding: Unpack[EmbeddingOptions]
    ) -> None:
        super().__init__()
        self.embedding = Embedding(spec.input, d_model, **embedding)
        self.backbone: Backbone = backbone
        reads = spec.output.reads if isinstance(spec.output, SequenceClass | SequenceValue) else "every"
        self.readout = build_readout(reads, d_model, is_causal(backbone))

    @property
    def decoding_backbone(self) -> Backbone:
        """The backbone that decoding runs step by step."""
        return self.backbone

    def forward(self, batch: Batch) -> Tensor:
        """Return the hidden vectors of whole sequences, ``(batch, out_time, d_model)``."""
        read: Tensor = self.readout(self.step_outputs(batch), batch.lengths)
        return read

    def step_outputs(self, batch: Batch) -> Tensor:
        """Return the outputs of the backbone, ``(batch, time, d_model)``, from which the readout selects."""
        return call_forward(self.backbone, self.embedding.embed_steps(batch), lengths=batch.lengths)

    def unrolled_outputs(self, batch: Batch) -> Tensor | None:
        """Return the outputs of the backbone's ``unroll``, ``(batch, time, d_model)``; None if it has none."""
        return self.unroll(batch, None)[0] if is_streaming(self.backbone) else None

    def unroll(self, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Return the hidden vectors of one chunk of a stream, ``(batch, time, d_model)``, and the state after it.

        Args:
            batch: the chunk.
            state: the state after the previous chunk; None at the start of the stream.

        Raises:
            TypeError: the backbone has no ``unroll``.
        """
        if not is_streaming(self.backbone):
            raise TypeError(f"{type(self.backbone).__name__} has no unroll, so it cannot read chunks of a stream")
        return self.backbone.unroll(self.embedding.embed_steps(batch), state)

    def begin(self, batch: Batch | None = None) -> tuple[Memory, State]:
        """Return an empty memory and the empty state."""
        return {}, None

    def step(self, inputs: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """Decode by some steps; return the last hidden vector ``(batch, d_model)`` and the state after it.

        Args:
            inputs: inputs of the steps, ``(batch, time, ...)``.
            memory: not used.
            state: the state after the previous step.
        """
        hidden, state = advance_backbone(self.backbone, self.embedding(inputs), state)
        return hidden[:, -1], state
