"""Several labels at every step, such as the keys of a piano roll: independent logistic outputs."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from seqbench.models.objectives.base import Objective, ScoredBatch, metric_weights, weighted_mean_terms
from seqbench.protocol.specs import Batch, StepLabels


class StepLabelsObjective(Objective):
    """Head, loss and metrics for ``StepLabels``.

    - ``nll_per_frame``: binary cross-entropy summed over the labels, mean over the scored steps, nats
      (Boulanger-Lewandowski et al. 2012; Bai et al. 2018);
    - ``frame_accuracy``: true positives over the sum of true positives, false positives and false negatives, each
      summed over the scored steps (Bay, Ehmann & Downie 2009). A label is predicted where its probability exceeds one
      half.

    If ``output.rates`` are given, the initial bias of the head predicts these rates.

    Args:
        output: the kind of output.
        d_model: width of the hidden vectors.
    """

    output: StepLabels

    def __init__(self, output: StepLabels, d_model: int) -> None:
        super().__init__(output, d_model, output.labels)
        if output.rates and isinstance(self.head, nn.Linear):
            # With a bias of 0, the loss of 88 keys starts at 61 nats a frame, and in the first thousand steps the model
            # only learns that most labels are rare.
            with torch.no_grad():
                self.head.bias.copy_(torch.logit(torch.tensor(output.rates), eps=1e-4))

    @property
    def metric_sizes(self) -> Mapping[str, int]:
        """The metrics ``nll_per_frame`` and ``frame_accuracy``."""
        return {"nll_per_frame": 1, "frame_accuracy": 1}

    def loss_per_target(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the binary cross-entropy of each step, summed over the labels, nats."""
        return summed_binary_cross_entropy(self.head(hidden), batch.targets)

    def score_batch(self, hidden: Tensor, batch: Batch) -> ScoredBatch:
        """Return terms of the scored steps; for accuracy, true positives over all predicted or true labels."""
        logits, weights = self.head(hidden), metric_weights(batch)
        predicted, true = logits > 0, batch.targets > 0.5
        true_positives, predicted_or_true = (predicted & true).sum(-1), (predicted | true).sum(-1)
        terms = {
            "nll_per_frame": weighted_mean_terms(summed_binary_cross_entropy(logits, batch.targets), weights),
            "frame_accuracy": (true_positives * weights, predicted_or_true * weights),
        }
        return ScoredBatch(terms, predicted, weights > 0)

    def predict_distribution(self, hidden: Tensor) -> Tensor:
        """Return the log-odds of each label."""
        log_odds: Tensor = self.head(hidden).float()
        return log_odds

    def predict(self, hidden: Tensor) -> Tensor:
        """Return the labels whose probability exceeds one half, ``(batch, time, labels)`` of 0 and 1."""
        log_odds: Tensor = self.head(hidden)
        return (log_odds > 0).float()

    def sample(
        self, distribution: Tensor, generator: torch.Generator, temperature: float, forbidden: tuple[int, ...]
    ) -> Tensor:
        """Draw each label independently as the next features, ``(batch, 1, labels)`` of 0 and 1.

        Args:
            distribution: log-odds ``(batch, labels)``, on the CPU.
            generator: the random number generator, on the CPU.
            temperature: divisor of the log-odds; 0 selects the labels whose probability exceeds one half.
            forbidden: labels that are never drawn.
        """
        if temperature == 0:
            drawn = (distribution > 0).float()
        else:
            drawn = torch.bernoulli(torch.sigmoid(distribution / temperature), generator=generator)
        drawn[:, list(forbidden)] = 0
        return drawn[:, None]


def summed_binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the binary cross-entropy summed over the labels, nats, float32 ``(batch, time)``.

    Args:
        logits: log-odds ``(batch, time, labels)``.
        targets: labels ``(batch, time, labels)`` of 0 and 1.

    >>> summed_binary_cross_entropy(torch.zeros(1, 1, 2), torch.ones(1, 1, 2))
    tensor([[1.3863]])
    """
    return F.binary_cross_entropy_with_logits(logits.float(), targets.float(), reduction="none").sum(-1)
