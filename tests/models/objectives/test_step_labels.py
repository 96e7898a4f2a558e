from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torchmetrics.functional.classification import binary_jaccard_index

from seqbench.models import objectives
from seqbench.protocol.specs import Batch, Features, SequenceSpec, StepLabels

LABELS = 6


def make() -> objectives.Objective:
    objective = objectives.build_objective(SequenceSpec(Features(LABELS), StepLabels(LABELS), 9), d_model=LABELS)
    objective.head = nn.Identity()  # type: ignore[assignment]
    return objective


def random_batch(seed: int, rows: int, time: int = 7) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.rand(rows, time, LABELS, generator=generator) < 0.3).float()
    lengths = torch.randint(1, time + 1, (rows,), generator=generator)
    weights = (torch.arange(time) < lengths[:, None]).float()
    return Batch(targets, targets, lengths, weights, float(weights.sum()), torch.arange(rows))


def test_metrics_agree_with_numpy_and_torchmetrics_over_uneven_batches() -> None:
    objective, scores = make(), make().build_metrics()
    logits, batches = [torch.randn(rows, 7, LABELS) for rows in (5, 2, 1)], [random_batch(r, r) for r in (5, 2, 1)]
    for some, batch in zip(logits, batches, strict=True):
        objective.update_metrics(scores, some, batch)
    inside = np.concatenate([batch.weights.bool().numpy().ravel() for batch in batches])
    x = np.concatenate([some.double().numpy().reshape(-1, LABELS) for some in logits])[inside]
    y = np.concatenate([batch.targets.double().numpy().reshape(-1, LABELS) for batch in batches])[inside]
    p = 1 / (1 + np.exp(-x))
    nll = -(y * np.log(p) + (1 - y) * np.log1p(-p)).sum(1).mean()
    found = {name: float(value) for name, value in scores.compute().items()}
    assert found["nll_per_frame"] == pytest.approx(nll, rel=1e-6)
    # True positives over all but true negatives is what others call the Jaccard index.
    expected = binary_jaccard_index(torch.from_numpy(p), torch.from_numpy(y).long())
    assert found["frame_accuracy"] == pytest.approx(expected.item(), rel=1e-6)


def test_the_loss_is_the_sum_over_labels_and_real_steps() -> None:
    objective, batch = make(), random_batch(3, 4)
    logits = torch.randn(4, 7, LABELS)
    each = torch.nn.functional.softplus(logits) - logits * batch.targets
    assert objective.loss_sum(logits, batch).item() == pytest.approx(
        sum(each[r, : batch.lengths[r]].sum().item() for r in range(4)), rel=1e-5
    )


def test_padding_changes_no_number() -> None:
    objective, batch = make(), random_batch(1, 3)
    logits = torch.randn(3, 7, LABELS)
    wild = logits + 50 * (batch.weights == 0)[..., None]
    one, other = objective.build_metrics(), objective.build_metrics()
    objective.update_metrics(one, logits, batch)
    objective.update_metrics(other, wild, batch)
    assert one.compute() == other.compute()
    assert objective.loss_sum(logits, batch) == objective.loss_sum(wild, batch)


def test_draws_follow_the_probabilities_label_by_label() -> None:
    chances = torch.tensor([0.05, 0.2, 0.4, 0.6, 0.8, 0.95])
    emitted = torch.logit(chances).expand(20_000, LABELS)
    drawn = make().sample(emitted, torch.Generator().manual_seed(0), 1.0, (5,))
    assert drawn.shape == (20_000, 1, LABELS)
    torch.testing.assert_close(drawn.mean((0, 1))[:5], chances[:5], atol=0.015, rtol=0)
    assert not drawn[..., 5].any()
    likeliest = make().sample(emitted[:1], torch.Generator(), 0, ())
    assert likeliest[0, 0].tolist() == [0, 0, 0, 1, 1, 1]
