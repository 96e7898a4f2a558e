"""Numbers, at every step or for the whole sequence: squared error."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from seqbench.models.objectives.base import Objective, Parts, mean_of, scored
from seqbench.protocol.specs import Batch, SequenceValue, StepValues


class ValuesObjective(Objective):
    """Head, loss and metrics for ``StepValues`` and ``SequenceValue``.

    - ``mse``: squared error, mean over the scored targets and their numbers;
    - ``mae``: absolute error, likewise.

    Args:
        output: the kind of target.
        d_model: width of the hidden vectors.
    """

    def __init__(self, output: StepValues | SequenceValue, d_model: int) -> None:
        super().__init__(output, d_model, output.dim)

    @property
    def metrics(self) -> Mapping[str, int]:
        """Both."""
        return {"mse": 1, "mae": 1}

    def losses(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Squared error of each target, mean over its numbers."""
        return self._errors(hidden, batch).square().mean(-1)

    def parts(self, hidden: Tensor, batch: Batch) -> Parts:
        """Means over the scored targets."""
        errors, weights = self._errors(hidden, batch).double(), scored(batch)
        return {"mse": mean_of(errors.square().mean(-1), weights), "mae": mean_of(errors.abs().mean(-1), weights)}

    def emit(self, hidden: Tensor) -> Tensor:
        """The numbers themselves."""
        return self.head(hidden).float()

    def answer(self, hidden: Tensor) -> Tensor:
        """The numbers, ``(batch, time, dim)``."""
        return self.emit(hidden)

    def _errors(self, hidden: Tensor, batch: Batch) -> Tensor:
        return self.head(hidden).float() - batch.targets.expand(*hidden.shape[:2], -1).float()
