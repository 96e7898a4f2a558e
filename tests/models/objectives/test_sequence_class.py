"""Losses and metrics of one class for a sequence, against numpy and torchmetrics, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import Tensor, nn
from torchmetrics.functional.classification import multiclass_f1_score

from seqbench.models import objectives
from seqbench.protocol.specs import Batch, SequenceClass, SequenceSpec, Tokens

CLASSES = 4


def build(reads: str = "last") -> objectives.Objective:
    objective = objectives.build_objective(SequenceSpec(Tokens(3), SequenceClass(CLASSES, reads), 9), d_model=CLASSES)
    objective.head = nn.Identity()
    return objective


def batch_of(targets: Tensor, weights: Tensor, scored: Tensor | None = None) -> Batch:
    rows = len(targets)
    lengths = torch.full((rows,), weights.shape[1])
    return Batch(
        targets.expand(-1, 5), targets, lengths, weights, float(weights.sum()), torch.arange(rows), scored=scored
    )


def test_metrics_equal_those_of_numpy_and_torchmetrics_over_batches_of_different_sizes() -> None:
    generator = torch.Generator().manual_seed(0)
    objective, metrics = build(), build().build_metrics()
    all_logits, all_targets = [], []
    for rows in (7, 3, 1):
        logits = torch.randn(rows, 1, CLASSES, generator=generator)
        # Class 3 neither occurs nor is predicted: it has no F1.
        logits[..., 3] = -9
        targets = torch.randint(0, 3, (rows, 1), generator=generator)
        objective.update_metrics(metrics, logits, batch_of(targets, torch.ones(rows, 1)))
        all_logits.append(logits[:, 0])
        all_targets.append(targets[:, 0])
    logits, targets = torch.cat(all_logits), torch.cat(all_targets)
    values = {name: float(value) for name, value in metrics.compute().items()}
    losses = -log_softmax(logits.double().numpy(), axis=1)[np.arange(len(targets)), targets.numpy()]
    assert values["loss"] == pytest.approx(losses.mean(), rel=1e-6)
    assert values["accuracy"] == pytest.approx((logits.argmax(1) == targets).double().mean().item())
    expected = multiclass_f1_score(logits, targets, CLASSES, average="macro")
    assert values["macro_f1"] == pytest.approx(expected.item(), rel=1e-6)


def test_the_divergence_weighs_the_loss_of_every_step() -> None:
    objective = build("every")
    logits, targets = torch.randn(2, 5, CLASSES), torch.tensor([[1], [3]])
    weights = torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.0], [0.0, 0.0, 0.0, 0.5, 0.5]])
    last = torch.tensor([[0, 0, 0, 1.0, 0], [0, 0, 0, 0, 1.0]])
    batch = batch_of(targets, weights, last)
    logs = log_softmax(logits.double().numpy(), axis=-1)
    by_hand = -sum(weights[r, t].item() * logs[r, t, targets[r, 0]] for r in range(2) for t in range(5))
    assert objective.loss_sum(logits, batch).item() == pytest.approx(by_hand, rel=1e-5)
    metrics = objective.build_metrics()
    objective.update_metrics(metrics, logits, batch)
    right = [int(logits[0, 3].argmax() == 1), int(logits[1, 4].argmax() == 3)]
    assert float(metrics.compute()["accuracy"]) == sum(right) / 2
    scored_logits = torch.stack([logits[0, 3], logits[1, 4]])
    f1 = multiclass_f1_score(scored_logits, targets[:, 0], CLASSES, average="macro")
    assert float(metrics.compute()["macro_f1"]) == pytest.approx(f1.item(), rel=1e-6)
    expected = -(logs[0, 3, 1] + logs[1, 4, 3]) / 2
    assert float(metrics.compute()["loss"]) == pytest.approx(expected, rel=1e-6)


def test_a_class_of_a_sequence_is_neither_drawn_nor_fed_back() -> None:
    with pytest.raises(TypeError, match="SequenceClass cannot be drawn"):
        build().sample(torch.zeros(1, CLASSES), torch.Generator(), 1.0, ())
    with pytest.raises(TypeError, match="SequenceClass is not one per step"):
        build().predict(torch.zeros(1, 1, CLASSES))
