"""The body of backbones that also read their own previous output: Jordan networks, NARX, output recurrence."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Unpack

import torch
from torch import Tensor, nn

from seqbench.models.bodies.base import Body, Memory
from seqbench.models.bodies.embedding import Embedding, EmbeddingOptions
from seqbench.protocol.backbones import FeedbackBackbone, State, call_forward
from seqbench.protocol.specs import Batch, SequenceSpec, feedback_input
from seqbench.utils.errors import SeqbenchError


class FeedbackEmbeddings(NamedTuple):
    """The embeddings of the input and of the previous output."""

    inputs: Embedding
    outputs: Embedding


def build_feedback_embeddings(
    spec: SequenceSpec, d_model: int, **options: Unpack[EmbeddingOptions]
) -> FeedbackEmbeddings:
    """Return the embeddings that an ``OutputFeedback`` body needs.

    Args:
        spec: input and output of the task, with one output for each step.
        d_model: width of the backbone.
        options: options of ``Embedding``, the same for inputs and outputs.

    Raises:
        SeqbenchError: the task does not have one output per step.
    """
    kind = feedback_input(spec.output)
    if kind is None:
        raise SeqbenchError(
            "an architecture that feeds its output back needs one output per step, but this task has "
            f"{type(spec.output).__name__}. A single output per sequence has no previous output, and a decoder reads "
            "its previous output already. Choose another architecture."
        )
    return FeedbackEmbeddings(Embedding(spec.input, d_model, **options), Embedding(kind, d_model, **options))


class OutputFeedback(Body):
    """Feed back the previous target in training, and the model's own previous output in evaluation.

    In training all steps run at once on the true previous targets (teacher forcing, Williams & Zipser 1989). In
    evaluation the model runs step by step on its own outputs: the most likely class, the labels above one half, or the
    predicted values. A learned vector replaces the previous output before the first step and after every step whose
    target has weight 0.

    Args:
        backbone: the backbone; it has ``unroll``.
        embeddings: the embeddings of the input and of the previous output.
        predict: function from hidden vectors ``(batch, time, d_model)`` to the outputs that are fed back, shaped as
            targets: ``Objective.predict``.

    Raises:
        SeqbenchError: the backbone lacks ``unroll``.
    """

    def __init__(
        self, backbone: FeedbackBackbone, embeddings: FeedbackEmbeddings, predict: Callable[[Tensor], Tensor]
    ) -> None:
        super().__init__()
        if not hasattr(backbone, "unroll"):
            raise SeqbenchError("an architecture that feeds its output back must have unroll; it is scored by steps.")
        self.embedding, self.outputs = embeddings
        self.start = nn.Parameter(torch.zeros(self.outputs.d_model))
        self.backbone: FeedbackBackbone = backbone
        self.predict = predict
        self._inputs_are_outputs = self.embedding.kind == self.outputs.kind

    @property
    def decoding_backbone(self) -> FeedbackBackbone:
        """The backbone that decoding runs step by step."""
        return self.backbone

    def forward(self, batch: Batch) -> Tensor:
        """Return the hidden vectors of whole sequences, ``(batch, time, d_model)``."""
        if not self.training:
            return self.unroll(batch, None)[0]
        x = self.embedding.embed_steps(batch)
        previous = self._embed_targets(batch, self._start_vectors(x))[:, :-1]
        return call_forward(self.backbone, x, previous, lengths=batch.lengths)

    def unrolled_outputs(self, batch: Batch) -> Tensor | None:
        """Return the outputs of the backbone's ``unroll`` in training; in evaluation ``forward`` calls it already."""
        return self.unroll(batch, None)[0] if self.training else None

    def unroll(self, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Return the hidden vectors of one chunk of a stream, ``(batch, time, d_model)``, and the state after it.

        Args:
            batch: the chunk.
            state: the backbone's state and the embedded last output, ``(batch, 1, d_model)``; None where the stream
                starts.
        """
        x = self.embedding.embed_steps(batch)
        backbone_state, previous = self._split_state(state, x)
        if self.training:
            outputs = self._embed_targets(batch, previous)
            hidden, backbone_state = self.backbone.unroll(x, outputs[:, :-1], backbone_state)
            return hidden, (backbone_state, outputs[:, -1:])
        return self._run_on_own_outputs(x, batch.weights > 0, backbone_state, previous)

    def begin(self, batch: Batch | None = None) -> tuple[Memory, State]:
        """Return an empty memory and the empty state."""
        return {}, None

    def step(self, inputs: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """Decode by some steps; return the last hidden vector ``(batch, d_model)`` and the state after it.

        If inputs and outputs are of one kind, as in a text, each input is fed back as the output of the previous step.
        Otherwise the model's own outputs are fed back.

        Args:
            inputs: inputs of the steps, ``(batch, time, ...)``.
            memory: not used.
            state: the state after the previous step.
        """
        x = self.embedding(inputs)
        backbone_state, previous = self._split_state(state, x)
        if not self._inputs_are_outputs or x.shape[1] == 1:
            every_step = torch.ones_like(x[:, :, 0], dtype=torch.bool)
            hidden, state = self._run_on_own_outputs(x, every_step, backbone_state, previous)
            return hidden[:, -1], state
        outputs = torch.cat([previous, self._embed_outputs(inputs[:, 1:])], dim=1)
        hidden, backbone_state = self.backbone.unroll(x, outputs, backbone_state)
        return hidden[:, -1], (backbone_state, self._embed_outputs(self.predict(hidden[:, -1:])))

    def replace_output(self, state: State, output: Tensor) -> State:
        """Return the state in which ``output`` replaces the model's most likely output of the last step.

        Args:
            state: the state after the last step.
            output: the output that was drawn at that step, ``(batch, 1, ...)``.

        Raises:
            TypeError: the state does not come from this body.
        """
        if not isinstance(state, tuple):
            raise TypeError(f"expected a state that step returned, got {type(state).__name__}")
        return state[0], self._embed_outputs(output)

    def _split_state(self, state: State, x: Tensor) -> tuple[State, Tensor]:
        """Return the backbone's state and the embedded previous output, ``(batch, 1, d_model)``."""
        if not isinstance(state, tuple):
            return None, self._start_vectors(x)
        backbone_state, previous = state
        assert isinstance(previous, Tensor)
        return backbone_state, previous

    def _run_on_own_outputs(
        self, x: Tensor, is_asked: Tensor, backbone_state: State, previous: Tensor
    ) -> tuple[Tensor, State]:
        """Run step by step; return all hidden vectors, ``(batch, time, d_model)``, and the state after them.

        Args:
            x: embedded inputs, ``(batch, time, d_model)``.
            is_asked: True at the steps whose output is fed to the next step, ``(batch, time)``.
            backbone_state: the backbone's state before the first step.
            previous: the embedded output before the first step, ``(batch, 1, d_model)``.
        """
        hidden = []
        for step, asked in zip(torch.split(x, 1, dim=1), torch.split(is_asked, 1, dim=1), strict=True):
            y, backbone_state = self.backbone.unroll(step, previous, backbone_state)
            previous = self._embed_outputs(self.predict(y), asked)
            hidden.append(y)
        return torch.cat(hidden, dim=1), (backbone_state, previous)

    def _embed_targets(self, batch: Batch, previous: Tensor) -> Tensor:
        """Return the previous output of each step and of the one after the last, ``(batch, time + 1, d_model)``."""
        return torch.cat([previous, self._embed_outputs(batch.targets, batch.weights > 0)], dim=1)

    def _embed_outputs(self, outputs: Tensor, is_asked: Tensor | None = None) -> Tensor:
        """Return embedded outputs, ``(batch, time, d_model)``, with the start vector where ``is_asked`` is False."""
        # Numbers come as float32, whatever the precision of the weights.
        embedded: Tensor = self.outputs(outputs.to(self.start.dtype) if outputs.is_floating_point() else outputs)
        if is_asked is None:
            return embedded
        return torch.where(is_asked[..., None], embedded, self.start.to(embedded.dtype))

    def _start_vectors(self, x: Tensor) -> Tensor:
        return self.start.to(x.dtype).expand(len(x), 1, -1)
