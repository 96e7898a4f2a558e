"""Losses and metrics of labels, against numpy and torchmetrics, and draws of labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.functional.classification import binary_jaccard_index

from seqbench.models import objectives
from seqbench.protocol.specs import Batch, Features, SequenceSpec, StepLabels

LABELS = 6


def build() -> objectives.Objective:
    objective = objectives.build_objective(SequenceSpec(Features(LABELS), StepLabels(LABELS), 9), d_model=LABELS)
    objective.head = nn.Identity()
    return objective


def random_batch(seed: int, rows: int, time: int = 7) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.rand(rows, time, LABELS, generator=generator) < 0.3).float()
    lengths = torch.randint(1, time + 1, (rows,), generator=generator)
    weights = (torch.arange(time) < lengths[:, None]).float()
    return Batch(targets, targets, lengths, weights, float(weights.sum()), torch.arange(rows))


def test_metrics_equal_those_of_numpy_and_torchmetrics_over_batches_of_different_sizes() -> None:
    objective, metrics = build(), build().build_metrics()
    logits, batches = [torch.randn(rows, 7, LABELS) for rows in (5, 2, 1)], [random_batch(r, r) for r in (5, 2, 1)]
    for batch_logits, batch in zip(logits, batches, strict=True):
        objective.update_metrics(metrics, batch_logits, batch)
    inside = np.concatenate([batch.weights.bool().numpy().ravel() for batch in batches])
    x = np.concatenate([batch_logits.double().numpy().reshape(-1, LABELS) for batch_logits in logits])[inside]
    y = np.concatenate([batch.targets.double().numpy().reshape(-1, LABELS) for batch in batches])[inside]
    p = 1 / (1 + np.exp(-x))
    nll = -(y * np.log(p) + (1 - y) * np.log1p(-p)).sum(1).mean()
    values = {name: float(value) for name, value in metrics.compute().items()}
    assert values["nll_per_frame"] == pytest.approx(nll, rel=1e-6)
    # True positives over all but true negatives is the Jaccard index.
    expected = binary_jaccard_index(torch.from_numpy(p), torch.from_numpy(y).long())
    assert values["frame_accuracy"] == pytest.approx(expected.item(), rel=1e-6)


def test_the_loss_is_the_sum_over_labels_and_valid_steps() -> None:
    objective, batch = build(), random_batch(3, 4)
    logits = torch.randn(4, 7, LABELS)
    each = torch.nn.functional.softplus(logits) - logits * batch.targets
    assert objective.loss_sum(logits, batch).item() == pytest.approx(
        sum(each[r, : batch.lengths[r]].sum().item() for r in range(4)), rel=1e-5
    )


def test_padding_changes_no_number() -> None:
    objective, batch = build(), random_batch(1, 3)
    logits = torch.randn(3, 7, LABELS)
    changed = logits + 50 * (batch.weights == 0)[..., None]
    one, other = objective.build_metrics(), objective.build_metrics()
    objective.update_metrics(one, logits, batch)
    objective.update_metrics(other, changed, batch)
    assert one.compute() == other.compute()
    assert objective.loss_sum(logits, batch) == objective.loss_sum(changed, batch)


def test_each_label_is_drawn_with_its_probability() -> None:
    probabilities = torch.tensor([0.05, 0.2, 0.4, 0.6, 0.8, 0.95])
    log_odds = torch.logit(probabilities).expand(20_000, LABELS)
    drawn = build().sample(log_odds, torch.Generator().manual_seed(0), 1.0, (5,))
    assert drawn.shape == (20_000, 1, LABELS)
    torch.testing.assert_close(drawn.mean((0, 1))[:5], probabilities[:5], atol=0.015, rtol=0)
    assert not drawn[..., 5].any()
    most_likely = build().sample(log_odds[:1], torch.Generator(), 0, ())
    assert most_likely[0, 0].tolist() == [0, 0, 0, 1, 1, 1]


def test_a_temperature_divides_the_log_odds() -> None:
    log_odds = torch.tensor([-2.0, 0.0, 2.0] * 2).expand(20_000, LABELS)
    drawn = build().sample(log_odds, torch.Generator().manual_seed(0), 2.0, ())
    torch.testing.assert_close(drawn.mean((0, 1)), torch.sigmoid(log_odds[0] / 2), atol=0.015, rtol=0)


def test_the_bias_starts_at_the_rates_of_the_labels() -> None:
    rates = (0.0, 0.01, 0.1, 0.2, 0.5, 0.9)
    objective = objectives.build_objective(SequenceSpec(Features(LABELS), StepLabels(LABELS, rates), 9), d_model=3)
    predicted = torch.sigmoid(objective.head(torch.zeros(1, 3)))[0]
    torch.testing.assert_close(predicted, torch.tensor(rates).clamp(1e-4), atol=1e-6, rtol=1e-4)


def test_labels_above_one_half_are_predicted() -> None:
    assert build().predict(torch.tensor([[[-1.0, 1.0, 0.0, 2.0, -2.0, 0.1]]])).tolist() == [[[0, 1, 0, 1, 0, 1]]]
