"""One class at every step: a linear head, cross-entropy, and metrics over the scored steps."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from seqbench.models.objectives.base import Objective, ScoredBatch, metric_weights, weighted_mean_terms
from seqbench.protocol.specs import Batch, StepClasses

METRICS = ("accuracy", "loss", "bits_per_character", "loss_all_positions")
"""Metrics that a task can select."""


class StepClassesObjective(Objective):
    """Head, loss and metrics for ``StepClasses``.

    - ``accuracy``: share of the scored steps whose most likely class is the target;
    - ``loss``: cross-entropy over the scored steps, nats;
    - ``bits_per_character``: the same cross-entropy, bits;
    - ``loss_all_positions``: cross-entropy over all steps except padding, nats, as in some papers.

    Args:
        output: the kind of output and the metrics to report.
        d_model: width of the hidden vectors.

    Raises:
        ValueError: the task selects an unknown metric.
    """

    output: StepClasses

    def __init__(self, output: StepClasses, d_model: int) -> None:
        super().__init__(output, d_model, output.classes)
        unknown = set(output.metrics) - set(METRICS)
        if unknown:
            raise ValueError(f"unknown metrics of StepClasses: {sorted(unknown)}; expected some of {sorted(METRICS)}")

    @property
    def metric_sizes(self) -> Mapping[str, int]:
        """The metrics that the task selects."""
        return dict.fromkeys(self.output.metrics, 1)

    def loss_per_target(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the cross-entropy of each step, nats."""
        return cross_entropy(self.head(hidden), batch.targets)

    def score_batch(self, hidden: Tensor, batch: Batch) -> ScoredBatch:
        """Return terms of the scored steps; for ``loss_all_positions`` of all valid steps."""
        logits, weights, valid = self.head(hidden), metric_weights(batch), batch.valid().double()
        losses, predictions = cross_entropy(logits, batch.targets), logits.argmax(-1)
        terms = {
            "accuracy": weighted_mean_terms(predictions == batch.targets, weights),
            "loss": weighted_mean_terms(losses, weights),
            "bits_per_character": weighted_mean_terms(losses.double() / math.log(2), weights),
            "loss_all_positions": weighted_mean_terms(losses, valid),
        }
        return ScoredBatch({name: terms[name] for name in self.output.metrics}, predictions, weights > 0)

    def predict_distribution(self, hidden: Tensor) -> Tensor:
        """Return the log-probabilities of the classes."""
        return log_probabilities(self.head(hidden))

    def predict(self, hidden: Tensor) -> Tensor:
        """Return the most likely class of each step, ``(batch, time)``."""
        predictions: Tensor = self.head(hidden).argmax(-1)
        return predictions

    def sample(
        self, distribution: Tensor, generator: torch.Generator, temperature: float, forbidden: tuple[int, ...]
    ) -> Tensor:
        """Draw a class as the next token, ``(batch, 1)``.

        Args:
            distribution: log-probabilities ``(batch, classes)``, on the CPU.
            generator: the random number generator, on the CPU.
            temperature: divisor of the log-probabilities; 0 selects the most likely class.
            forbidden: classes that are never drawn.
        """
        scores = distribution.clone()
        scores[:, list(forbidden)] = -torch.inf
        if temperature == 0:
            return scores.argmax(-1, keepdim=True)
        return torch.multinomial(torch.softmax(scores / temperature, dim=-1), 1, generator=generator)


def cross_entropy(logits: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of each target, nats, ``(batch, out_time)``, in float32 at any precision of the logits.

    Args:
        logits: ``(batch, out_time, classes)``.
        targets: class ids ``(batch, out_time)``.
        smoothing: share of the target's probability that is spread over all classes.

    >>> cross_entropy(torch.zeros(1, 2, 4), torch.tensor([[0, 3]]))
    tensor([[1.3863, 1.3863]])
    """
    flat = logits.flatten(0, 1).float()
    return F.cross_entropy(flat, targets.flatten(), reduction="none", label_smoothing=smoothing).view_as(targets)


def log_probabilities(logits: Tensor) -> Tensor:
    """Return the log-probabilities of classes, nats, in float32 at any precision of the logits.

    Args:
        logits: ``(..., classes)``.

    >>> log_probabilities(torch.zeros(2))
    tensor([-0.6931, -0.6931])
    """
    return F.log_softmax(logits.float(), dim=-1)
