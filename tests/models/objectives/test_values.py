"""Squared and absolute errors, against torchmetrics and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.functional import mean_absolute_error, mean_squared_error

from seqbench.models import objectives
from seqbench.protocol.specs import Batch, Features, SequenceSpec, SequenceValue, StepValues


def build(output: StepValues | SequenceValue) -> objectives.Objective:
    objective = objectives.build_objective(SequenceSpec(Features(2), output, 9), d_model=output.dim)
    objective.head = nn.Identity()
    return objective


def batch_of(targets: torch.Tensor, weights: torch.Tensor) -> Batch:
    rows = len(targets)
    return Batch(
        torch.zeros(rows, 7, 2), targets, torch.full((rows,), 7), weights, float(weights.sum()), torch.arange(rows)
    )


@pytest.mark.parametrize(("output", "steps"), [(StepValues(3), 7), (SequenceValue(3), 1)])
def test_errors_equal_those_of_torchmetrics_over_batches_of_different_sizes(
    output: StepValues | SequenceValue, steps: int
) -> None:
    objective = build(output)
    metrics, predicted, true = objective.build_metrics(), [], []
    for rows in (5, 2, 1):
        hidden, targets = torch.randn(rows, steps, 3), torch.randn(rows, steps, 3)
        weights = (torch.rand(rows, steps) < 0.6).float()
        weights[0, 0] = 1
        objective.update_metrics(metrics, hidden, batch_of(targets, weights))
        predicted.append(hidden[weights.bool()])
        true.append(targets[weights.bool()])
    values = {name: float(value) for name, value in metrics.compute().items()}
    assert values["mse"] == pytest.approx(mean_squared_error(torch.cat(predicted), torch.cat(true)).item(), rel=1e-5)
    assert values["mae"] == pytest.approx(mean_absolute_error(torch.cat(predicted), torch.cat(true)).item(), rel=1e-5)


def test_the_loss_is_the_weighted_sum_of_squares() -> None:
    objective = build(StepValues(2))
    hidden, targets, weights = torch.randn(4, 7, 2), torch.randn(4, 7, 2), torch.rand(4, 7)
    by_hand = (((hidden - targets).numpy() ** 2).mean(-1) * weights.numpy()).sum()
    assert objective.loss_sum(hidden, batch_of(targets, weights)).item() == pytest.approx(by_hand, rel=1e-5)


def test_every_step_may_predict_the_value_of_its_sequence() -> None:
    objective = build(SequenceValue(1, "every"))
    hidden, targets = torch.randn(3, 7, 1), torch.randn(3, 1, 1)
    weights = torch.rand(3, 7)
    by_hand = (((hidden - targets).numpy() ** 2)[..., 0] * weights.numpy()).sum()
    assert objective.loss_sum(hidden, batch_of(targets, weights)).item() == pytest.approx(by_hand, rel=1e-5)
    assert np.shape(objective.predict_distribution(hidden)) == (3, 7, 1)
