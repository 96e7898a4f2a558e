from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import nn

from seqbench.models import objectives
from seqbench.protocol.specs import Batch, SequenceSpec, Tokens, TokenSequence

VOCAB = 5


def make(smoothing: float = 0.0) -> objectives.Objective:
    output = TokenSequence(VOCAB, 1, 2, 9, smoothing)
    objective = objectives.build_objective(SequenceSpec(Tokens(VOCAB), output, 9), d_model=VOCAB)
    objective.head = nn.Identity()  # type: ignore[assignment]
    return objective


def random_batch(rows: int = 4, out_time: int = 6) -> Batch:
    lengths = torch.randint(1, out_time + 1, (rows,))
    targets = torch.randint(0, VOCAB, (rows, out_time))
    weights = (torch.arange(out_time) < lengths[:, None]).float()
    sources = torch.randint(0, VOCAB, (rows, 3))
    return Batch(
        sources, targets, torch.full((rows,), 3), weights, float(weights.sum()), torch.arange(rows), None, None, lengths
    )


def test_metrics_are_unsmoothed_means_over_the_tokens() -> None:
    objective, scores = make(0.3), make(0.3).build_metrics()
    losses, right = [], []
    for _ in range(3):
        batch = random_batch()
        logits = torch.randn(4, 6, VOCAB)
        objective.update_metrics(scores, logits, batch)
        logs = log_softmax(logits.double().numpy(), axis=-1)
        for r in range(4):
            for t in range(int(batch.target_lengths[r])):  # type: ignore[index]
                losses.append(-logs[r, t, batch.targets[r, t]])
                right.append(logits[r, t].argmax() == batch.targets[r, t])
    found = {name: float(value) for name, value in scores.compute().items()}
    assert found["token_loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    assert found["token_accuracy"] == pytest.approx(np.mean(right))


def test_smoothing_spreads_a_share_of_the_target_over_all_tokens() -> None:
    batch, logits = random_batch(), torch.randn(4, 6, VOCAB)
    logs = log_softmax(logits.double().numpy(), axis=-1)
    true = np.take_along_axis(logs, batch.targets.numpy()[..., None], -1)[..., 0]
    each = -(0.9 * true + 0.1 * logs.mean(-1))
    assert make(0.1).loss_sum(logits, batch).item() == pytest.approx((each * batch.weights.numpy()).sum(), rel=1e-5)
