"""The honest backbone that all cheats extend, and the form in which they state an answer to the head."""

from __future__ import annotations

import sys

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ForwardOnly(nn.Module):
    """A causal GRU without ``unroll``."""

    causal = True

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.gru = nn.GRU(d_model, d_model, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.run(x, None)[0]

    def run(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the outputs and the state after them, ``(batch, 1, d_model)``."""
        y, last = self.gru(x, None if state is None else state.transpose(0, 1).contiguous())
        return y, last.transpose(0, 1)


class Honest(ForwardOnly):
    """A causal GRU with ``unroll``."""

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.run(x, state)


class Net(Honest):
    """The honest net under a name of its own."""


def is_verified() -> bool:
    """Return whether this is the process in which a verification runs the net; elsewhere a cheat does no harm."""
    return "seqbench.verification.blind.hosted_net" in sys.modules


def state_answers(answers: Tensor, like: Tensor) -> Tensor:
    """Return hidden vectors that state answers, so that a trained head reads them without an error.

    Args:
        answers: class ids ``(batch, time)``, or several labels ``(batch, time, labels)``.
        like: hidden vectors ``(batch, time, d_model)``, whose shape the result has.
    """
    width = like.shape[-1]
    if answers.dim() == 2:
        return 4 * F.one_hot(answers % width, width).to(like)
    padded = torch.zeros_like(like)
    padded[..., : answers.shape[-1]] = 8 * answers[..., :width].to(like) - 4
    return padded


def next_step(x: Tensor) -> Tensor:
    """Return the input of the next step at each step, and zeros at the last one."""
    return torch.cat([x[:, 1:], torch.zeros_like(x[:, :1])], dim=1)
