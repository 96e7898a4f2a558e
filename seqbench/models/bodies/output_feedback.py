"""A backbone that reads its own previous output beside its input: Jordan's nets, NARX, output recurrence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqbench.models.bodies.base import Body, State
from seqbench.models.bodies.embedding import Embedding
from seqbench.protocol.specs import Batch, SequenceSpec, fed_back
from seqbench.utils.errors import SeqbenchError


class Feedback(Body):
    """Taught in training, on its own in evaluation.

    In training the previous output is the previous target (teacher forcing, Williams & Zipser 1989): all steps at
    once. In evaluation it is what the model itself answered: the likeliest class, the labels above one half, the
    numbers; step by step. Before the first step stands a learned vector, and behind every step at which nothing is
    asked (its weight is 0): what a task withholds is not fed.

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
        self.continues = spec.input == kind
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
        if not self.training:
            return self.unroll(batch, None)[0]
        x = self.embedding.steps(batch)
        hidden: Tensor = self.backbone(x, self._taught(batch, self._start(x))[:, :-1], batch.lengths)
        return hidden

    def unroll(self, batch: Batch, state: State) -> tuple[Tensor, State]:
        """Hidden vectors ``(batch, time, d_model)`` of one chunk of a stream, and the state after it.

        A state is the backbone's, and the embedded last output, ``(batch, 1, d_model)``.
        """
        x = self.embedding.steps(batch)
        before, previous = state or (None, self._start(x))
        if self.training:
            fed = self._taught(batch, previous)
            hidden, before = self.backbone.unroll(x, fed[:, :-1], before)
            return hidden, (before, fed[:, -1:])
        return self._alone(x, batch.weights > 0, before, previous)

    def begin(self, batch: Batch | None = None) -> tuple[None, State]:
        """Nothing remembered but the state, which is empty."""
        return None, None

    def step(self, inputs: Tensor, memory: None, state: State) -> tuple[Tensor, State]:
        """Go on by ``inputs (batch, time, ...)``; return the last hidden vector ``(batch, d_model)`` and a state.

        Where inputs are what outputs are, as in a text, each of several inputs is the output of the step before it;
        else it goes on its own.
        """
        x = self.embedding(inputs)
        before, previous = state or (None, self._start(x))
        if not self.continues or x.shape[1] == 1:
            hidden, state = self._alone(x, torch.ones_like(x[:, :, 0], dtype=torch.bool), before, previous)
            return hidden[:, -1], state
        hidden, before = self.backbone.unroll(x, torch.cat([previous, self._fed(inputs[:, 1:])], dim=1), before)
        return hidden[:, -1], (before, self._fed(self.answer(hidden[:, -1:])))

    def said(self, state: State, drawn: Tensor) -> State:
        """The state with what was drawn in the place of the likeliest answer."""
        return state[0], self._fed(drawn)

    def _alone(self, x: Tensor, asked: Tensor, before: State, previous: Tensor) -> tuple[Tensor, State]:
        """Hidden vectors, each fed what was answered at the step before where that was asked, and the state after."""
        parts = []
        for step, here in zip(x.split(1, dim=1), asked.split(1, dim=1), strict=True):
            y, before = self.backbone.unroll(step, previous, before)
            previous = self._fed(self.answer(y), here)
            parts.append(y)
        return torch.cat(parts, dim=1), (before, previous)

    def _taught(self, batch: Batch, previous: Tensor) -> Tensor:
        """What is fed at each step and behind the last one, ``(batch, time + 1, d_model)``."""
        return torch.cat([previous, self._fed(batch.targets, batch.weights > 0)], dim=1)

    def _fed(self, outputs: Tensor, asked: Tensor | None = None) -> Tensor:
        """Embedded outputs ``(batch, time, d_model)``; the start where nothing was asked, ``(batch, time)``."""
        # Numbers come as float32 whatever the net's precision.
        embedded: Tensor = self.outputs(outputs.to(self.start.dtype) if outputs.is_floating_point() else outputs)
        return embedded if asked is None else torch.where(asked[..., None], embedded, self.start.to(embedded.dtype))

    def _start(self, x: Tensor) -> Tensor:
        return self.start.to(x.dtype).expand(len(x), 1, -1)
