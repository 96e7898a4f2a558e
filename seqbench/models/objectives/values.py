"""Real values at every step or for the whole sequence: squared error."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from seqbench.models.objectives.base import Objective, ScoredBatch, metric_weights, weighted_mean_terms
from seqbench.protocol.specs import Batch, SequenceValue, StepValues


class ValuesObjective(Objective):
    """Head, loss and metrics for ``StepValues`` and ``SequenceValue``.

    - ``mse``: squared error, mean over the scored targets and their entries;
    - ``mae``: absolute error, mean over the scored targets and their entries.

    Args:
        output: the kind of output.
        d_model: width of the hidden vectors.
    """

    output: StepValues | SequenceValue

    def __init__(self, output: StepValues | SequenceValue, d_model: int) -> None:
        super().__init__(output, d_model, output.dim)

    @property
    def metric_sizes(self) -> Mapping[str, int]:
        """The metrics ``mse`` and ``mae``."""
        return {"mse": 1, "mae": 1}

    def loss_per_target(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the squared error of each target, mean over its entries."""
        return _errors(self.predict_distribution(hidden), batch).square().mean(-1)

    def score_batch(self, hidden: Tensor, batch: Batch) -> ScoredBatch:
        """Return terms of the scored targets."""
        predictions, weights = self.predict_distribution(hidden), metric_weights(batch)
        errors = _errors(predictions, batch).double()
        terms = {
            "mse": weighted_mean_terms(errors.square().mean(-1), weights),
            "mae": weighted_mean_terms(errors.abs().mean(-1), weights),
        }
        return ScoredBatch(terms, predictions, weights > 0)

    def predict_distribution(self, hidden: Tensor) -> Tensor:
        """Return the predicted values."""
        values: Tensor = self.head(hidden).float()
        return values

    def predict(self, hidden: Tensor) -> Tensor:
        """Return the predicted values of each step, ``(batch, time, dim)``."""
        return self.predict_distribution(hidden)


def _errors(predictions: Tensor, batch: Batch) -> Tensor:
    """Return prediction minus target, float32 ``(batch, out_time, dim)``."""
    return predictions - batch.targets.expand(*predictions.shape[:2], -1).float()
