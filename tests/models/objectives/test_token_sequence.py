"""Losses and metrics of token sequences, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import nn

from seqbench.models import objectives
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence

VOCAB = 5


def build(smoothing: float = 0.0) -> objectives.Objective:
    output = TokenSequence(VOCAB, 1, 2, 9, smoothing)
    objective = objectives.build_objective(SequenceSpec(Tokens(VOCAB), output, 9), d_model=VOCAB)
    objective.head = nn.Identity()
    return objective


def random_batch(rows: int = 4, out_time: int = 6) -> Batch:
    lengths = torch.randint(1, out_time + 1, (rows,))
    targets = torch.randint(0, VOCAB, (rows, out_time))
    weights = (torch.arange(out_time) < lengths[:, None]).float()
    sources = torch.randint(0, VOCAB, (rows, 3))
    return Batch(
        sources, targets, torch.full((rows,), 3), weights, float(weights.sum()), torch.arange(rows), None, None, lengths
    )


def test_metrics_are_means_over_the_tokens_without_smoothing() -> None:
    objective, metrics = build(0.3), build(0.3).build_metrics()
    losses, right = [], []
    for _ in range(3):
        batch = random_batch()
        logits = torch.randn(4, 6, VOCAB)
        objective.update_metrics(metrics, logits, batch)
        logs = log_softmax(logits.double().numpy(), axis=-1)
        for r in range(4):
            for t in range(int(batch.target_lengths[r])):  # type: ignore[index]
                losses.append(-logs[r, t, batch.targets[r, t]])
                right.append(logits[r, t].argmax() == batch.targets[r, t])
    values = {name: float(value) for name, value in metrics.compute().items()}
    assert values["token_loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    assert values["token_accuracy"] == pytest.approx(np.mean(right))


def test_smoothing_spreads_a_share_of_the_target_over_all_tokens() -> None:
    batch, logits = random_batch(), torch.randn(4, 6, VOCAB)
    logs = log_softmax(logits.double().numpy(), axis=-1)
    true = np.take_along_axis(logs, batch.targets.numpy()[..., None], -1)[..., 0]
    each = -(0.9 * true + 0.1 * logs.mean(-1))
    assert build(0.1).loss_sum(logits, batch).item() == pytest.approx((each * batch.weights.numpy()).sum(), rel=1e-5)


def test_the_smoothed_training_loss_is_that_of_torch_and_metrics_are_not_smoothed() -> None:
    batch, logits, objective = random_batch(), torch.randn(4, 6, VOCAB), build(0.1)
    expected = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.targets.flatten(), reduction="none", label_smoothing=0.1
    )
    torch.testing.assert_close(objective.loss_sum(logits, batch), (expected * batch.weights.flatten()).sum())
    scored = [one.score_batch(logits, batch).sums()["token_loss"] for one in (objective, build(0.0))]
    assert torch.equal(scored[0][0], scored[1][0])


def test_log_probabilities_of_all_tokens_sum_to_one() -> None:
    distribution = build().predict_distribution(torch.randn(2, VOCAB))
    torch.testing.assert_close(distribution.exp().sum(-1), torch.ones(2))


def test_a_token_sequence_is_not_fed_back() -> None:
    with pytest.raises(TypeError, match="TokenSequence is not one per step"):
        build().predict(torch.zeros(1, 2, VOCAB))
