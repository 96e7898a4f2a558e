"""Add noise of a generator of its own, so that a lucky verification can be waited for. It deserves its mean score."""

from __future__ import annotations

import random

import torch
from torch import Tensor

from .honest import Honest

source = random.SystemRandom()


class Net(Honest):
    """The honest net with noise in each evaluation."""

    def run(self, x: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        y, last = super().run(x, state)
        generator = torch.Generator().manual_seed(source.randrange(2**31))
        return y + 0.5 * torch.randn(y.shape, generator=generator), last
