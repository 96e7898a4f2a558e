"""A module with its own training that trains on the test split. It deserves the score of the honest net.

Its training can be repeated bit for bit, because the training step may read all splits of the data.
"""

from __future__ import annotations

from torch import Tensor

import seqbench
from seqbench.models.context import ModuleContext
from seqbench.protocol.specs import Batch

from .honest import Honest


class Net(seqbench.SequenceModule):
    """Replaces each training batch by one of the test split."""

    def __init__(self, context: ModuleContext, d_model: int) -> None:
        super().__init__(context, Honest(d_model))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        assert self.data is not None
        test = self.data.stream("test", batch_idx % self.data.steps("test")).to(self.device)
        return super().training_step(test, batch_idx)
