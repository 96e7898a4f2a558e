"""Read the targets with ``inspect.stack``. It deserves the score of an untrained net."""

from __future__ import annotations

import inspect

from torch import Tensor

from .honest import ForwardOnly, state_answers


class Net(ForwardOnly):
    """Returns the targets of the batch that a caller holds."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        for caller in inspect.stack(context=0):
            targets = getattr(caller.frame.f_locals.get("batch"), "targets", None)
            if isinstance(targets, Tensor) and targets.shape[:2] == x.shape[:2]:
                return 0 * y + state_answers(targets, y)
        return y
