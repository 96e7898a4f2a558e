"""Read the targets from the local variables of the callers. It deserves the score of an untrained net."""

from __future__ import annotations

import sys

from torch import Tensor

from .honest import ForwardOnly, state_answers


class Net(ForwardOnly):
    """Returns the targets of the batch that a caller holds."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y, frame = super().forward(x), sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            for value in list(frame.f_locals.values()):
                targets = getattr(value, "targets", None)
                if isinstance(targets, Tensor) and targets.shape[:2] == x.shape[:2]:
                    return 0 * y + state_answers(targets, y)
        return y
