"""A backbone that reads its own previous output beside its input: Jordan's nets, NARX, output recurrence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqbench.bodies.base import Body, State
from seqbench.bodies.embedding import Embedding
from seqbench.errors import SeqbenchError
from seqbench.specs import Batch, SequenceSpec, fed_back


class Feedback(Body):
    """Taught in training, on its own in evaluation.

    In training the previous output is the previous target (teacher forcing, Williams & Zipser 1989): all steps at
    once. In evaluation it is what the model itself answered: the likeliest class, the labels above one half, the
    numbers; step by step. Before the first step stands a learned vector.

    Args:
        spec: what the task shows and asks: one output for each step.
        backbone: has ``forward(x, y_previous, lengths=None)`` and ``unroll(x, y_previous, state=None)``, with
            ``y_previous (batch, time, d_model)`` the embedded previous outputs.
        d_model: the backbone's width.
        embedding: options of ``Embedding``, for inputs and outputs alike.

    Attributes:
        answer: hidden vectors ``(batch, time, d_model)`` to what is fed back, shaped as targets; the objective's.

    Raises:
        SeqbenchError: the outputs are not one per step, or the backbone lacks ``unroll``.
    """

    answer: Callable[[Tensor], Tensor]

    def __init__(self, spec: SequenceSpec, backbone: nn.Module, d_model: int, **embedding: Any) -> None:
        super().__init__()
        kind = fed_back(spec.output)
        if kind is None:
            raise SeqbenchError(
                "an architecture that feeds its output back needs one output per step, this task asks for "
                f"{type(spec.output).__name__}: of one per sequence there is none before it (teaching it would give "
                "the answer away), and a decoder's input is its previous output already; choose another architecture."
            )
        if not hasattr(backbone, "unroll"):
            raise SeqbenchError("an architecture that feeds its output back must have unroll; it is scored by steps.")
        self.embedding = Embedding(spec.input, d_model, **embedding)
        self.outputs = Embedding(kind, d_model, **embedding)
        self.start = nn.Parameter(torch.zeros(d_model))
        self.backbone: Any = backbone

    @property
    def streaming(self) -> Any:
        """The one backbone."""
        return self.backbone

    def forward(self, batch: Batch) -> Tensor:
        """Hidden vectors ``(batch, time, d_model)`` of whole sequences: taught in training, else on its own."""
        x = self.embedding.steps(batch)
        if not self.training:
            return self._alone(x, None)[0]
        hidden: Tensor = self.backbone(x, self._previous(batch.targets, None), batch.lengths)
        return hidden

    def unroll(self, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Hidden vectors ``(batch, time, d_model)`` of one chunk of a stream, and the state after it.

        A state is the backbone's, and the last output, ``(batch, 1, ...)``.
        """
        x = self.embedding.steps(batch)
        if not self.training:
            return self._alone(x, state)
        before, last = state or (None, None)
        hidden, after = self.backbone.unroll(x, self._previous(batch.targets, last), before)
        return hidden, (after, batch.targets[:, -1:])

    def begin(self, batch: Batch | None = None) -> tuple[None, State]:
        """Nothing remembered but the state, which is empty."""
        return None, None

    def step(self, inputs: Tensor, memory: None, state: State) -> tuple[Tensor, State]:
        """Go on by ``inputs (batch, time, ...)``, on its own; return the last hidden vector and a state."""
        hidden, state = self._alone(self.embedding(inputs), state)
        return hidden[:, -1], state

    def _previous(self, outputs: Tensor, last: Tensor | None) -> Tensor:
        """Embedded outputs ``(batch, time, ...)``, one step late, behind the last of the chunk before."""
        first = self._first(outputs, last)
        return torch.cat([first, self.outputs(outputs[:, :-1])], dim=1) if outputs.shape[1] > 1 else first

    def _first(self, rows: Tensor, last: Tensor | None) -> Tensor:
        """The previous output of a chunk's first step, ``(batch, 1, d_model)``."""
        return self.start.expand(len(rows), 1, -1) if last is None else self.outputs(last)

    def _alone(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        before, last = state or (None, None)
        hidden = []
        for step in x.split(1, dim=1):
            y, before = self.backbone.unroll(step, self._first(x, last), before)
            last = self.answer(y)
            hidden.append(y)
        return torch.cat(hidden, dim=1), (before, last)
