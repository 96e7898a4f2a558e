"""The base class of objectives, and the torchmetrics metric that they all use."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from seqbench.protocol.specs import Batch, Output

MetricSums = Mapping[str, tuple[Tensor, Tensor]]
"""Sums for the numerator and for the denominator of each metric, over the targets of a batch."""

MetricTerms = Mapping[str, tuple[Tensor, Tensor]]
"""Terms of the numerator and of the denominator of each metric: one for each target ``(batch, out_time)``, or one for
each target and each entry of the ratio ``(batch, out_time, entries)``."""


@dataclass(frozen=True)
class ScoredBatch:
    """The scores of the targets of one batch, before they are summed.

    Args:
        terms: terms of each metric.
        decisions: predictions that the metrics compare with the targets, ``(batch, out_time, ...)``: classes (int64),
            labels (bool) or values (float32).
        counted: ``(batch, out_time)``, True where a target counts in the metrics.
    """

    terms: MetricTerms
    decisions: Tensor
    counted: Tensor

    def sums(self) -> MetricSums:
        """Return the sums over all targets of the batch, as ``RatioMetrics.update`` takes them."""
        return {name: (_sum(above), _sum(below)) for name, (above, below) in self.terms.items()}

    def sample_sums(self) -> MetricSums:
        """Return the sums over the targets of each sample, float64 ``(batch, entries)``."""
        return {name: (_sum_rows(above), _sum_rows(below)) for name, (above, below) in self.terms.items()}


class RatioMetrics(Metric):
    """Several metrics, each the ratio of two sums over a split.

    A weighted mean is the sum of the weighted values over the sum of the weights. A ratio may be a vector with one
    entry for each class; its metric is the mean of the entries whose denominator is not 0. Sums have the type float64,
    so that the order of the batches changes the result very little.

    Args:
        sizes: number of entries of the ratio of each metric; 1 for a plain ratio.

    >>> metrics = RatioMetrics({"accuracy": 1})
    >>> metrics.update({"accuracy": (torch.tensor(3.0), torch.tensor(4.0))})
    >>> metrics.update({"accuracy": (torch.tensor(0.0), torch.tensor(2.0))})
    >>> metrics.compute()["accuracy"].item()
    0.5
    """

    full_state_update = False
    higher_is_better = None
    numerators: Tensor
    denominators: Tensor

    def __init__(self, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.sizes = dict(sizes)
        zeros = torch.zeros(sum(self.sizes.values()), dtype=torch.float64)
        self.add_state("numerators", zeros, dist_reduce_fx="sum")
        self.add_state("denominators", zeros.clone(), dist_reduce_fx="sum")
        self.undefined: set[str] = set()

    def update(self, sums: MetricSums) -> None:
        """Add the sums of one batch."""
        for position, state in enumerate((self.numerators, self.denominators)):
            state += torch.cat([sums[name][position].double().reshape(-1) for name in self.sizes])

    def compute(self) -> dict[str, Tensor]:
        """Return each metric over all added batches; NaN, and a name in ``undefined``, if its denominator is 0."""
        sizes = list(self.sizes.values())
        numerators, denominators = torch.split(self.numerators, sizes), torch.split(self.denominators, sizes)
        self.undefined = {name for name, below in zip(self.sizes, denominators, strict=True) if not (below != 0).any()}
        ratios = zip(self.sizes, numerators, denominators, strict=True)
        return {name: (above[below != 0] / below[below != 0]).mean() for name, above, below in ratios}

    def values(self) -> dict[str, float | None]:
        """Return each metric over all added batches as a number; None if it is undefined."""
        computed = self.compute()
        return {name: None if name in self.undefined else float(value) for name, value in computed.items()}


class Objective(nn.Module, ABC):
    """Base class of the head, the loss, the metrics and the predictions for one kind of output.

    Hidden vectors have the shape ``(batch, out_time, d_model)``, one for each target.

    Args:
        output: the kind of output.
        d_model: width of the hidden vectors.
        width: number of outputs of the head for each target.
    """

    def __init__(self, output: Output, d_model: int, width: int) -> None:
        super().__init__()
        self.output = output
        self.head: nn.Module = nn.Linear(d_model, width)

    @property
    @abstractmethod
    def metric_sizes(self) -> Mapping[str, int]:
        """The metrics by name, with the number of entries of each ratio; see ``RatioMetrics``."""

    @abstractmethod
    def loss_per_target(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the training loss of each target, float32 ``(batch, out_time)``, in nats or squared units."""

    @abstractmethod
    def score_batch(self, hidden: Tensor, batch: Batch) -> ScoredBatch:
        """Return the terms of each metric for each target of a batch, and the predictions that they compare.

        Args:
            hidden: ``(batch, out_time, d_model)``.
            batch: targets and weights.
        """

    @abstractmethod
    def predict_distribution(self, hidden: Tensor) -> Tensor:
        """Return the predicted distribution of each target, float32.

        Args:
            hidden: ``(..., d_model)``.

        Returns:
            ``(..., width)``: log-probabilities of classes, log-odds of labels, or the predicted values.
        """

    def predict(self, hidden: Tensor) -> Tensor:
        """Return the predicted targets, ``(batch, time, ...)``, for a model that reads its own outputs.

        Args:
            hidden: ``(batch, time, d_model)``.

        Raises:
            TypeError: this kind of output does not have one output per step.
        """
        raise TypeError(f"an output of kind {type(self.output).__name__} is not one per step, so it is not fed back")

    def sample(
        self, distribution: Tensor, generator: torch.Generator, temperature: float, forbidden: tuple[int, ...]
    ) -> Tensor:
        """Draw an output from its predicted distribution and return it as the next input, ``(batch, 1, ...)``.

        Args:
            distribution: the result of ``predict_distribution``, ``(batch, width)``, on the CPU.
            generator: the random number generator, on the CPU.
            temperature: divisor of the log-probabilities or log-odds; 0 selects the most likely output.
            forbidden: classes or labels that are never drawn.

        Raises:
            TypeError: an output of this kind cannot be an input.
        """
        raise TypeError(f"an output of kind {type(self.output).__name__} cannot be drawn and fed back")

    def loss_sum(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Return the weighted sum of the losses of all targets; divided by ``batch.total``, it is the mean.

        Args:
            hidden: ``(batch, out_time, d_model)``.
            batch: targets and weights.
        """
        return (self.loss_per_target(hidden, batch) * batch.weights).sum()

    def build_metrics(self) -> RatioMetrics:
        """Return new metrics for ``update_metrics``."""
        return RatioMetrics(self.metric_sizes)

    def metric_sums(self, hidden: Tensor, batch: Batch) -> MetricSums:
        """Return the sums that a batch adds to the numerator and the denominator of each metric."""
        return self.score_batch(hidden, batch).sums()

    def update_metrics(self, metrics: RatioMetrics, hidden: Tensor, batch: Batch) -> ScoredBatch:
        """Add a batch to the metrics, and return the scores of its targets.

        Args:
            metrics: the metrics of a split, from ``build_metrics``.
            hidden: ``(batch, out_time, d_model)``.
            batch: targets and weights.
        """
        scored = self.score_batch(hidden, batch)
        metrics.update(scored.sums())
        return scored


def metric_weights(batch: Batch) -> Tensor:
    """Return the weight of each target in the metrics, float64 ``(batch, out_time)``."""
    return (batch.weights if batch.scored is None else batch.scored).double()


def weighted_mean_terms(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Return the terms of the numerator and of the denominator of a weighted mean.

    Args:
        values: ``(batch, out_time)``.
        weights: ``(batch, out_time)``.

    >>> weighted_mean_terms(torch.tensor([[1.0, 5.0]]), torch.tensor([[1.0, 0.5]]))
    (tensor([[1.0000, 2.5000]], dtype=torch.float64), tensor([[1.0000, 0.5000]]))
    """
    return values.double() * weights, weights


def _sum(terms: Tensor) -> Tensor:
    """Return the sum over all targets: a number, or ``(entries,)``."""
    return terms.sum() if terms.ndim == 2 else terms.sum((0, 1))


def _sum_rows(terms: Tensor) -> Tensor:
    """Return the sum over the targets of each sample, ``(batch, entries)``."""
    sums = terms.double().sum(1)
    return sums[:, None] if terms.ndim == 2 else sums
