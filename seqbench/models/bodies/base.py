"""What every body is: a batch in, one hidden vector per target out, and a way to go step by step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from seqbench.protocol.specs import Batch

State = Any
Memory = Any


class Body(nn.Module, ABC):
    """Wraps backbones for one kind of task.

    ``state`` and ``memory`` are pytrees of tensors, batch first on every leaf, so that a search can reorder them.
    """

    @property
    @abstractmethod
    def streaming(self) -> Any:
        """The backbone that decodes step by step."""

    @property
    def can_unroll(self) -> bool:
        """Whether that backbone can go on from a state."""
        return hasattr(self.streaming, "unroll")

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Hidden vectors ``(batch, out_time, d_model)``, one for each target."""

    @abstractmethod
    def begin(self, batch: Batch | None) -> tuple[Memory, State]:
        """What decoding starts from: what is remembered throughout, and the state before the first step."""

    def said(self, state: State, drawn: Tensor) -> State:
        """The state after ``drawn (batch, 1, ...)`` was chosen to come next; for bodies that are fed their output."""
        return state

    @abstractmethod
    def step(self, inputs: Tensor, memory: Memory, state: State) -> tuple[Tensor, State]:
        """Go on by ``inputs (batch, time, ...)``; return the last hidden vector ``(batch, d_model)`` and a state."""
