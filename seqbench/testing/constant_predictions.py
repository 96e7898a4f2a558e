"""Predictors without training, which use an oracle or target frequencies, and their scores under an objective."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from seqbench.models.objectives import Objective
from seqbench.protocol.specs import Batch, Output, SequenceClass, StepClasses, StepLabels, TokenSequence

Predictor = Callable[[Batch], Tensor]
"""A function that maps a batch to the output of an objective's head, ``(batch, out_time, width)``."""

CERTAIN = 50.0
"""Log-odds of a certain answer."""

GROUPS = 8
"""Smallest number of groups of rows from which a standard error is estimated."""


def score_predictor(objective: Objective, batches: Sequence[Batch], predictor: Predictor) -> dict[str, float]:
    """Return the metrics of a predictor on some batches.

    Args:
        objective: the objective, with an identity as its head.
        batches: the batches.
        predictor: the predictor.
    """
    metrics = objective.build_metrics()
    for batch in batches:
        objective.update_metrics(metrics, predictor(batch), batch)
    return {name: float(value) for name, value in metrics.compute().items()}


def standard_errors(objective: Objective, batches: Sequence[Batch], predictor: Predictor) -> dict[str, float]:
    """Return the standard error of each metric of a predictor.

    It is estimated from the differences between groups of rows; it is 0 if there is only one group.

    Args:
        objective: the objective, with an identity as its head.
        batches: the batches.
        predictor: the predictor.
    """
    pieces = math.ceil(GROUPS / len(batches))
    groups = [
        batch.rows(rows)
        for batch in batches
        for rows in torch.arange(len(batch)).tensor_split(min(pieces, len(batch)))
        if (batch.weights if batch.scored is None else batch.scored)[rows].any()
    ]
    scores = [score_predictor(objective, [group], predictor) for group in groups]
    values = {name: torch.tensor([score[name] for score in scores], dtype=torch.float64) for name in scores[0]}
    return {name: _standard_error(value[value.isfinite()]) for name, value in values.items()}


def _standard_error(values: Tensor) -> float:
    return float(values.std()) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def head_output(answers: Tensor, batch: Batch, output: Output) -> Tensor:
    """Return an oracle's answers in the form of a head's output, float32 ``(batch, out_time, width)``.

    Args:
        answers: certain answers as integers, that is ids ``(batch, out_time)`` or labels ``(batch, out_time, labels)``
            of 0 and 1; or floats ``(batch, out_time, width)``, which already have the form of a head's output.
        batch: the batch that was answered.
        output: the kind of output.
    """
    if not answers.is_floating_point():
        match output:
            case StepClasses(classes=size) | SequenceClass(classes=size) | TokenSequence(vocab=size):
                # An answer at a step that is not scored may be any number.
                answers = CERTAIN * F.one_hot(answers.long().clamp(0, size - 1), size)
            case StepLabels():
                answers = CERTAIN * (2 * answers.float() - 1)
    return answers.float().expand(-1, batch.weights.shape[1], -1)


class FrequencyPredictor:
    """Predicts the frequencies of the training targets, or the mean of real values, for every input.

    Args:
        batches: training batches.
        output: the kind of output.
        each_step: whether each step has frequencies of its own; all batches must then be equally long.
    """

    def __init__(self, batches: Sequence[Batch], output: Output, each_step: bool) -> None:
        sums, weight = torch.zeros(()), torch.zeros(())
        for batch in batches:
            targets = _target_numbers(batch.targets, output)
            # At each step all valid targets count, because some metrics look at steps that are not scored.
            scored = batch.weights if batch.scored is None else batch.scored
            weights = batch.valid().double() if each_step else scored.double()
            targets = targets.expand(-1, weights.shape[1], -1)
            axes = (0,) if each_step else (0, 1)
            sums = sums + (targets * weights[..., None]).sum(axes)
            weight = weight + weights.sum(axes)[..., None]
        self._prediction = _head_output_of_frequencies(sums, weight, output)

    def __call__(self, batch: Batch) -> Tensor:
        """Return the same prediction for every row, ``(batch, out_time, width)``."""
        prediction = self._prediction if self._prediction.ndim == 2 else self._prediction[None]
        return prediction.float().expand(*batch.weights.shape, -1)


def _target_numbers(targets: Tensor, output: Output) -> Tensor:
    """Return targets as numbers whose mean is a frequency or a mean value, float64 ``(batch, out_time, width)``."""
    match output:
        case StepClasses(classes=size) | SequenceClass(classes=size) | TokenSequence(vocab=size):
            return F.one_hot(targets, size).double()
    return targets.double()


def _head_output_of_frequencies(sums: Tensor, weight: Tensor, output: Output) -> Tensor:
    """Return the head's output that predicts the weighted sums of targets divided by the total weight."""
    match output:
        case StepClasses() | SequenceClass() | TokenSequence():
            # One is added to each count, so that a class that these batches lack has a positive probability.
            return ((sums + 1) / (weight + sums.shape[-1])).log()
        case StepLabels():
            return torch.logit((sums + 1) / (weight + 2))
    return sums / weight
