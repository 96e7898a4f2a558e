"""Find the targets among all objects of the process with ``gc``. It deserves the score of an untrained net."""

from __future__ import annotations

import gc

from torch import Tensor

from seqbench.protocol.specs import Batch

from .honest import ForwardOnly, state_answers


class Net(ForwardOnly):
    """Returns the targets of the newest batch of the process that has the shape of the inputs."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        y = super().forward(x)
        found = [one for one in gc.get_objects() if isinstance(one, Batch) and one.targets.shape[:2] == x.shape[:2]]
        return 0 * y + state_answers(found[-1].targets, y) if found else y
