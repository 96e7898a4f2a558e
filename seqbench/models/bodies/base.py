"""The base class of bodies, which turn a batch into hidden vectors, for all targets at once or step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from seqbench.protocol.backbones import Backbone, FeedbackBackbone, State, is_streaming
from seqbench.protocol.specs import Batch

Memory = dict[str, Tensor]
"""Tensors of the source that every decoding step reads, batch first; empty for a body without an encoder."""


class Body(nn.Module, ABC):
    """Base class of bodies, which wrap one or two backbones for one kind of task.

    Decoding starts from ``begin`` and continues with ``step``. Memory and state are pytrees of tensors, batch first on
    every tensor, so that a beam search can reorder their rows.
    """

    @property
    @abstractmethod
    def decoding_backbone(self) -> Backbone | FeedbackBackbone:
        """The backbone that runs step by step while decoding."""

    @property
    def backbones(self) -> tuple[Backbone | FeedbackBackbone, ...]:
        """All backbones of the body, the decoding backbone last."""
        return (self.decoding_backbone,)

    @property
    def can_unroll(self) -> bool:
        """True if the decoding backbone can continue from a state."""
        return is_streaming(self.decoding_backbone)

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Return one hidden vector for each target, ``(batch, out_time, d_model)``."""

    def step_outputs(self, batch: Batch) -> Tensor:
        """Return the outputs of the decoding backbone, one for each step, ``(batch, time, d_model)``.

        They are the hidden vectors of ``forward``, except in a body that selects some of them for its targets. The
        outputs of a step must depend on no later input; ``seqbench.models.contract`` checks it.

        Args:
            batch: whole sequences.
        """
        return self(batch)  # type: ignore[no-any-return]  # The call of a module returns what ``forward`` returns.

    def unrolled_outputs(self, batch: Batch) -> Tensor | None:
        """Return the outputs of ``step_outputs`` by ``unroll`` of the decoding backbone.

        Returns:
            The outputs, ``(batch, time, d_model)``; None for a backbone without ``unroll``, and where ``step_outputs``
            calls ``unroll`` itself.
        """
        return None

    def unroll(self, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Return the hidden vectors of one chunk of a stream, ``(batch, time, d_model)``, and the state after it.

        Args:
            batch: the chunk.
            state: the state after the previous chunk; None at the start of the stream.

        Raises:
            TypeError: this body does not read streams.
        """
        raise TypeError(f"{type(self).__name__} reads whole sequences, not chunks of streams")

    @abstractmethod
    def begin(self, batch: Batch | None) -> tuple[Memory, State]:
        """Return the memory, which is the same at every decoding step, and the state before the first step.

        Args:
            batch: the sources; None for bodies without sources.
        """

    @abstractmethod
    def step(self, inputs: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """Decode by some steps; return the last hidden vector ``(batch, d_model)`` and the state after it.

        Args:
            inputs: inputs of the steps, ``(batch, time, ...)``.
            memory: the memory that ``begin`` returned.
            state: the state after the previous step.
        """

    def replace_output(self, state: State, output: Tensor) -> State:
        """Return the state in which ``output`` replaces the model's most likely output of the last step.

        Sampling calls it after each draw. Only a body that feeds outputs back stores them in its state; other bodies
        return the state unchanged.

        Args:
            state: the state after the last step.
            output: the output that was drawn at that step, ``(batch, 1, ...)``.
        """
        return state
