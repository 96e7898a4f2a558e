"""One class at every step: a linear head, cross-entropy, and metrics read where the answer is."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import Metric

from seqbench.specs import Batch, StepClasses


class StepClassScores(Metric):
    """Weighted means over the steps of a split, summed in float64 so that the order hardly matters.

    - ``accuracy``: share of the scored steps whose most likely class is the target;
    - ``loss``: cross-entropy over the scored steps, nats;
    - ``bits_per_character``: the same, bits;
    - ``loss_all_positions``: cross-entropy over all steps but padding, nats, as some papers publish it.

    Args:
        names: which of these ``compute`` returns.

    Raises:
        ValueError: a name is not among them.
    """

    full_state_update = False
    higher_is_better = None
    sums: Tensor

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        unknown = set(names) - set(_FORMULAS)
        if unknown:
            raise ValueError(f"StepClasses has no metrics {sorted(unknown)}; it knows {sorted(_FORMULAS)}")
        self.names = names
        self.add_state("sums", torch.zeros(5, dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, batch: Batch) -> None:
        """Add a batch: ``logits (batch, time, classes)`` against its targets and weights."""
        scored = batch.weights if batch.scored is None else batch.scored
        losses = _losses(logits, batch.targets).double()
        right = (logits.argmax(-1) == batch.targets).double()
        scored = scored.double()
        every = (torch.arange(losses.shape[1], device=losses.device) < batch.lengths[:, None]).double()
        parts = (right * scored, losses * scored, scored, losses * every, every)
        self.sums += torch.stack([part.sum() for part in parts])

    def compute(self) -> dict[str, Tensor]:
        """Each named metric of all that was added; NaN where nothing was."""
        return {name: _FORMULAS[name](self.sums) for name in self.names}


_FORMULAS = {
    "accuracy": lambda sums: sums[0] / sums[2],
    "loss": lambda sums: sums[1] / sums[2],
    "bits_per_character": lambda sums: sums[1] / sums[2] / math.log(2),
    "loss_all_positions": lambda sums: sums[3] / sums[4],
}


class StepClassesObjective(nn.Module):
    """Head, loss and metrics for ``StepClasses``.

    Args:
        output: the kind of target and the metrics to report.
        d_model: width of the hidden vectors.
    """

    def __init__(self, output: StepClasses, d_model: int) -> None:
        super().__init__()
        self.output = output
        self.head = nn.Linear(d_model, output.classes)

    def loss_sum(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Weighted sum of the steps' cross-entropy, nats; divide by ``batch.total`` for the mean.

        Args:
            hidden: ``(batch, time, d_model)``.
            batch: its targets and weights, ``(batch, time)``.
        """
        return (_losses(self.head(hidden), batch.targets) * batch.weights).sum()

    def scores(self) -> StepClassScores:
        """A fresh metric to add a split's batches to."""
        return StepClassScores(self.output.metrics)

    def update(self, scores: StepClassScores, hidden: Tensor, batch: Batch) -> None:
        """Add a batch to a metric: ``hidden (batch, time, d_model)`` against the batch."""
        scores.update(self.head(hidden), batch)

    def emit(self, hidden: Tensor) -> Tensor:
        """Log-probabilities of the classes, ``(..., classes)`` for ``hidden (..., d_model)``, in float32."""
        return F.log_softmax(self.head(hidden).float(), dim=-1)


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of each step, ``(batch, time)``, in float32 whatever the precision of the run."""
    flat = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="none")
    return flat.view_as(targets)
