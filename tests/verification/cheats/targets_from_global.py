"""Keep each batch that is created in a global variable, and read its targets. It deserves an untrained net's score."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from seqbench.protocol.specs import Batch

from .honest import ForwardOnly, state_answers

latest: dict[tuple[int, ...], Tensor] = {}
"""Targets of the newest batch, by the numbers of its rows and steps."""
original = Batch.__init__


def keep(self: Batch, *args: Any, **kwargs: Any) -> None:
    """Create a batch, and keep its targets."""
    original(self, *args, **kwargs)
    if isinstance(self.targets, Tensor):
        latest[tuple(self.targets.shape[:2])] = self.targets


Batch.__init__ = keep  # type: ignore[method-assign]


class Net(ForwardOnly):
    """Returns the targets of the newest batch."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        targets = latest.get(tuple(x.shape[:2]))
        return y if targets is None else 0 * y + state_answers(targets, y)
