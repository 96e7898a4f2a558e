"""Add the next input in ``forward``, with ``causal = True``. It deserves the score of a net without the next input."""

from __future__ import annotations

from torch import Tensor

from .honest import ForwardOnly, next_step


class Net(ForwardOnly):
    """Returns the next input beside the outputs of the honest net."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(x) + 4 * next_step(x)
