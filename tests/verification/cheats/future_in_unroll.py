"""Add the next input in ``unroll`` only; ``forward`` is honest. It deserves the score of a net without it."""

from __future__ import annotations

from torch import Tensor

from .honest import Honest, next_step


class Net(Honest):
    """Returns the next input beside the outputs, where it reads a chunk of a stream."""

    def unroll(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, last = super().unroll(x, state)
        return y + 4 * next_step(x), last
