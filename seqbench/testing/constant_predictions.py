"""Predictors that need no training, scored by a task's own objective: certain answers, and mere frequencies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from seqbench.models.objectives import Objective
from seqbench.protocol.specs import Batch, Output, SequenceClass, StepClasses, StepLabels, TokenSequence

Predictor = Callable[[Batch], Tensor]
"""From a batch to what an objective's head would give, ``(batch, out_time, width)``."""

SURE = 50.0
"""Log-odds of a certain answer."""
GROUPS = 8


def score(objective: Objective, batches: Sequence[Batch], predict: Predictor) -> dict[str, float]:
    """The metrics of a predictor on some batches."""
    scores = objective.build_metrics()
    for batch in batches:
        objective.update_metrics(scores, predict(batch), batch)
    return {name: float(value) for name, value in scores.compute().items()}


def spread(objective: Objective, batches: Sequence[Batch], predict: Predictor) -> dict[str, float]:
    """The standard error of each metric, from how much it differs between groups of rows; 0 where it cannot be told."""
    pieces = math.ceil(GROUPS / len(batches))
    groups = [
        batch.rows(rows)
        for batch in batches
        for rows in torch.arange(len(batch)).tensor_split(min(pieces, len(batch)))
        if (batch.weights if batch.scored is None else batch.scored)[rows].any()
    ]
    found = [score(objective, [group], predict) for group in groups]
    values = {name: torch.tensor([s[name] for s in found], dtype=torch.float64) for name in found[0]}
    return {
        name: float(known.std()) / math.sqrt(len(known)) if len(known := some[some.isfinite()]) > 1 else 0.0
        for name, some in values.items()
    }


def as_emitted(said: Tensor, batch: Batch, output: Output) -> Tensor:
    """What a head would give for an oracle's answer: floats are that already, integers are certain.

    Args:
        said: ids ``(batch, out_time)``, labels ``(batch, out_time, labels)`` of 0 and 1, or floats
            ``(batch, out_time, width)``.
        batch: what was answered.
        output: the kind of target.
    """
    if not said.is_floating_point():
        match output:
            case StepClasses(classes=size) | SequenceClass(classes=size) | TokenSequence(vocab=size):
                # Where nothing is scored it may say anything.
                said = SURE * F.one_hot(said.long().clamp(0, size - 1), size)
            case StepLabels():
                said = SURE * (2 * said.float() - 1)
    return said.float().expand(-1, batch.weights.shape[1], -1)


class Ignorant:
    """Says what targets are like in training, whatever the input: their frequencies, or their mean.

    Args:
        batches: of training.
        output: the kind of target.
        each_step: whether each step has frequencies of its own; all batches must then be equally long.
    """

    def __init__(self, batches: Sequence[Batch], output: Output, each_step: bool) -> None:
        over, under = 0.0 * torch.zeros(()), 0.0 * torch.zeros(())
        for batch in batches:
            targets = _numbers(batch.targets, output)
            # At each step all that is valid counts, for metrics that look at steps which are not scored.
            scored = batch.weights if batch.scored is None else batch.scored
            weights = batch.valid().double() if each_step else scored.double()
            targets = targets.expand(-1, weights.shape[1], -1)
            axes = (0,) if each_step else (0, 1)
            over = over + (targets * weights[..., None]).sum(axes)
            under = under + weights.sum(axes)[..., None]
        self.said = _emitted(over, under, output)

    def __call__(self, batch: Batch) -> Tensor:
        """The same for every row."""
        said = self.said if self.said.ndim == 2 else self.said[None]
        return said.float().expand(*batch.weights.shape, -1)


def _numbers(targets: Tensor, output: Output) -> Tensor:
    match output:
        case StepClasses(classes=size) | SequenceClass(classes=size) | TokenSequence(vocab=size):
            return F.one_hot(targets, size).double()
    return targets.double()


def _emitted(over: Tensor, under: Tensor, output: Output) -> Tensor:
    match output:
        case StepClasses() | SequenceClass() | TokenSequence():
            # One more of each: what did not come in these batches is not impossible.
            return ((over + 1) / (under + over.shape[-1])).log()
        case StepLabels():
            return torch.logit((over + 1) / (under + 2))
    return over / under
