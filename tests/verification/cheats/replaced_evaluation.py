"""A module with its own training that replaces its evaluation on the instance. It deserves the honest score."""

from __future__ import annotations

from typing import Any

import torch

import seqbench
from seqbench.models.context import ModuleContext

from .honest import Honest


class Net(seqbench.SequenceModule):
    """Sets ``_finish_split`` on the instance, which no definition of a method shows."""

    def __init__(self, context: ModuleContext, d_model: int) -> None:
        super().__init__(context, Honest(d_model))
        original = self._finish_split

        def finish(number: int) -> None:
            metrics: Any = self._metrics[number]
            metrics.numerators.copy_(torch.where(metrics.denominators > 0, metrics.denominators, 0))
            original(number)

        self._finish_split = finish  # type: ignore[method-assign]
