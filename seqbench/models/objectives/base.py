"""What every objective is, and the one torchmetrics metric that all of them fill."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics import Metric

from seqbench.protocol.specs import Batch

Parts = Mapping[str, tuple[Tensor, Tensor]]


class Ratios(Metric):
    """Named ratios of two sums over a split, summed in float64 so that the order hardly matters.

    A mean is the sum of weighted values over the sum of weights. A ratio may be a vector (one entry for each
    class): then ``compute`` gives the mean of the entries whose denominator is not 0.

    Args:
        sizes: entries of each ratio, by name; 1 for a plain one.
    """

    full_state_update = False
    higher_is_better = None
    over: Tensor
    under: Tensor

    def __init__(self, sizes: Mapping[str, int]) -> None:
        super().__init__()
        self.sizes = dict(sizes)
        zeros = torch.zeros(sum(self.sizes.values()), dtype=torch.float64)
        self.add_state("over", zeros, dist_reduce_fx="sum")
        self.add_state("under", zeros.clone(), dist_reduce_fx="sum")

    def update(self, parts: Parts) -> None:
        """Add a batch: by name, what is added to the numerator and to the denominator."""
        for place, state in enumerate((self.over, self.under)):
            state += torch.cat([parts[name][place].double().reshape(-1) for name in self.sizes])

    def compute(self) -> dict[str, Tensor]:
        """Each ratio of all that was added; NaN where nothing was."""
        found: dict[str, Tensor] = {}
        splits = list(self.sizes.values())
        for name, over, under in zip(self.sizes, self.over.split(splits), self.under.split(splits), strict=True):
            found[name] = (over[under != 0] / under[under != 0]).mean()
        return found


class Objective(nn.Module, ABC):
    """Head, loss, metrics, and what is emitted, for one kind of target.

    Args:
        output: the kind of target.
        d_model: width of the hidden vectors.
        width: numbers that the head gives for each target.
    """

    def __init__(self, output: Any, d_model: int, width: int) -> None:
        super().__init__()
        self.output = output
        self.head = nn.Linear(d_model, width)

    @property
    @abstractmethod
    def metrics(self) -> Mapping[str, int]:
        """What is reported, by name, and of how many entries each is the mean (see ``Ratios``)."""

    @abstractmethod
    def losses(self, hidden: Tensor, batch: Batch) -> Tensor:
        """The training loss of each target, ``(batch, out_time)``, nats or squared units, in float32."""

    @abstractmethod
    def parts(self, hidden: Tensor, batch: Batch) -> Parts:
        """What a batch adds to each metric."""

    @abstractmethod
    def emit(self, hidden: Tensor) -> Tensor:
        """What the model says, ``(..., width)`` for ``hidden (..., d_model)``, in float32."""

    def answer(self, hidden: Tensor) -> Tensor:
        """What the model settles on, ``(batch, time, ...)`` as targets are, to be fed back to it.

        Args:
            hidden: ``(batch, time, d_model)``.

        Raises:
            TypeError: this kind of output is not one per step.
        """
        raise TypeError(f"{type(self.output).__name__} is not fed back")

    def loss_sum(self, hidden: Tensor, batch: Batch) -> Tensor:
        """Weighted sum of the targets' losses; divide by ``batch.total`` for the mean.

        Args:
            hidden: ``(batch, out_time, d_model)``.
            batch: its targets and weights.
        """
        return (self.losses(hidden, batch) * batch.weights).sum()

    def scores(self) -> Ratios:
        """A fresh metric to add a split's batches to."""
        return Ratios(self.metrics)

    def update(self, scores: Ratios, hidden: Tensor, batch: Batch) -> None:
        """Add a batch to a metric: ``hidden (batch, out_time, d_model)`` against the batch."""
        scores.update(self.parts(hidden, batch))

    def draw(
        self, emitted: Tensor, generator: torch.Generator, temperature: float, forbidden: tuple[int, ...]
    ) -> Tensor:
        """Draw what comes next from what was emitted, to be fed back as an input ``(batch, 1, ...)``.

        Args:
            emitted: ``(batch, width)``, on the CPU.
            generator: the source of randomness, on the CPU.
            temperature: divides the log-odds; 0 takes the likeliest.
            forbidden: classes that are never drawn.

        Raises:
            TypeError: this kind of output is no input of its own.
        """
        raise TypeError(f"{type(self.output).__name__} cannot be drawn and fed back")


def scored(batch: Batch) -> Tensor:
    """The weight of each target in the metrics, float64 ``(batch, out_time)``."""
    return (batch.weights if batch.scored is None else batch.scored).double()


def mean_of(values: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The two sums of a weighted mean of ``values``, both ``(batch, out_time)``."""
    return (values.double() * weights).sum(), weights.sum()
