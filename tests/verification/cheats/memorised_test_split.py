"""Generate the test split again by importing seqbench, and answer from it. It deserves the score of an untrained net.

It finds the true inputs of the batch on the stack, which its process may see.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

import seqbench

from .honest import ForwardOnly, state_answers

TASK = Path(__file__).with_name("task.json")
"""Task and optimisation, which fix the batches; the author of the cheat writes the file beside the module."""


@cache
def answers() -> dict[tuple[int, ...], Tensor]:
    """Return the targets of all evaluation splits of the task, by the inputs."""
    data = seqbench.build("gru", tier="smoke", **json.loads(TASK.read_text())).data
    assert data is not None
    found = {}
    for stage in ("validation", "test"):
        for split in data.splits(stage):
            for step in range(data.steps(split)):
                batch = data.stream(split, step)
                for row in range(len(batch)):
                    found[tuple(batch.inputs[row].tolist())] = batch.targets[row]
    return found


def known_answers(like: Tensor) -> Tensor | None:
    """Return the answers to the batch on the stack; None if a row is unknown."""
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        inputs = getattr(frame.f_locals.get("batch"), "inputs", None)
        if isinstance(inputs, Tensor) and inputs.shape[:2] == like.shape[:2]:
            rows = [answers().get(tuple(row)) for row in inputs.tolist()]
            return None if any(row is None for row in rows) else torch.stack([row for row in rows if row is not None])
    return None


class Net(ForwardOnly):
    """Answers what it has memorised; in training it learns to state the parity of the inputs so far."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        if self.training:
            batch = sys._getframe(1).f_locals.get("batch")
            frame = sys._getframe()
            while batch is None and frame.f_back is not None:
                frame = frame.f_back
                batch = frame.f_locals.get("batch")
            return y if batch is None else 0 * y + state_answers(batch.targets, y)
        known = known_answers(y)
        return y if known is None else 0 * y + state_answers(known, y)
