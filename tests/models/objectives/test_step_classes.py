"""Losses and metrics of classes, against numpy and scipy, and draws of classes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from torch import Tensor, nn

from seqbench.models import objectives
from seqbench.models.objectives.step_classes import StepClassesObjective, cross_entropy, log_probabilities
from seqbench.protocol.specs import Batch, SequenceSpec, StepClasses, Tokens

ALL = ("accuracy", "loss", "bits_per_character", "loss_all_positions")


def score(pairs: list[tuple[Tensor, Batch]], metrics: tuple[str, ...] = ALL) -> dict[str, float]:
    """Return the metrics of logits, through an objective whose head is the identity."""
    objective = StepClassesObjective(StepClasses(4, metrics), d_model=4)
    objective.head = nn.Identity()
    values = objective.build_metrics()
    for logits, batch in pairs:
        objective.update_metrics(values, logits, batch)
    return {name: float(value) for name, value in values.compute().items()}


def random_batch(seed: int, rows: int = 5, time: int = 7, classes: int = 4) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, classes, (rows, time), generator=generator)
    weights = torch.rand(rows, time, generator=generator)
    scored = (torch.rand(rows, time, generator=generator) < 0.4).float()
    lengths = torch.randint(1, time + 1, (rows,), generator=generator)
    return Batch(targets, targets, lengths, weights, float(weights.sum()), torch.arange(rows), scored=scored)


def reference(pairs: list[tuple[torch.Tensor, Batch]]) -> dict[str, float]:
    """Return the four metrics, computed by numpy and scipy over all steps at once."""
    logits = np.concatenate([logit.double().numpy().reshape(-1, 4) for logit, _ in pairs])
    targets = np.concatenate([batch.targets.numpy().ravel() for _, batch in pairs])
    inside = np.concatenate([(np.arange(7) < batch.lengths.numpy()[:, None]).ravel() for _, batch in pairs])
    scored = np.concatenate([batch.scored.double().numpy().ravel() for _, batch in pairs])  # type: ignore[union-attr]
    losses = -log_softmax(logits, axis=1)[np.arange(len(targets)), targets]
    loss = np.average(losses, weights=scored)
    return {
        "accuracy": np.average(logits.argmax(1) == targets, weights=scored),
        "loss": loss,
        "bits_per_character": loss / math.log(2),
        "loss_all_positions": losses[inside].mean(),
    }


def test_metrics_equal_the_reference_over_batches_of_different_sizes() -> None:
    pairs = [(torch.randn(rows, 7, 4), random_batch(rows, rows)) for rows in (5, 2, 1)]
    assert score(pairs) == pytest.approx(reference(pairs), rel=1e-6)


def test_without_scored_the_weights_of_the_loss_are_those_of_the_metrics() -> None:
    batch = random_batch(0)
    logits = torch.randn(5, 7, 4)
    batch.scored = batch.weights
    explicit = score([(logits, batch)])
    batch.scored = None
    assert score([(logits, batch)]) == explicit


def test_padding_changes_no_number() -> None:
    objective = StepClassesObjective(StepClasses(4), d_model=3)
    batch, hidden = random_batch(1), torch.randn(5, 7, 3)
    longer = random_batch(1, time=9)
    longer.lengths = batch.lengths
    for name in ("targets", "weights", "scored"):
        value = getattr(batch, name)
        setattr(longer, name, torch.cat([value, value.new_zeros(5, 2)], 1))
    padded = torch.cat([hidden, torch.full((5, 2, 3), 7.0)], 1)
    torch.testing.assert_close(objective.loss_sum(padded, longer), objective.loss_sum(hidden, batch))
    one, other = objective.build_metrics(), objective.build_metrics()
    objective.update_metrics(one, hidden, batch)
    objective.update_metrics(other, padded, longer)
    torch.testing.assert_close(one.compute(), other.compute())


def test_the_loss_is_the_weighted_sum_over_steps() -> None:
    objective = StepClassesObjective(StepClasses(4), d_model=3)
    batch, hidden = random_batch(2), torch.randn(5, 7, 3)
    logits = objective.head(hidden).detach().numpy()
    losses = -np.take_along_axis(log_softmax(logits, axis=-1), batch.targets.numpy()[..., None], -1)[..., 0]
    assert objective.loss_sum(hidden, batch).item() == pytest.approx((losses * batch.weights.numpy()).sum(), rel=1e-5)


def test_the_predicted_distribution_has_log_probabilities_in_float32() -> None:
    objective = StepClassesObjective(StepClasses(4), d_model=3)
    distribution = objective.predict_distribution(torch.randn(2, 3).bfloat16().float())
    torch.testing.assert_close(distribution.exp().sum(-1), torch.ones(2))
    assert distribution.dtype == torch.float32


def test_half_precision_logits_are_scored_in_float32() -> None:
    logits = torch.randn(5, 7, 4).bfloat16()
    batch = random_batch(3)
    assert score([(logits, batch)])["loss"] == pytest.approx(reference([(logits, batch)])["loss"], rel=1e-6)


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="perplexity"):
        score([], ("perplexity",))


def test_the_spec_chooses_the_objective() -> None:
    objective = objectives.build_objective(SequenceSpec(Tokens(3), StepClasses(4), 9), d_model=5)
    assert isinstance(objective, StepClassesObjective)
    assert objective.head.get_parameter("weight").shape == (4, 5)


def test_a_temperature_divides_the_log_probabilities() -> None:
    objective = StepClassesObjective(StepClasses(3), d_model=3)
    distribution = torch.log_softmax(torch.tensor([0.0, 1.0, 3.0]), dim=-1).expand(20_000, 3)
    for temperature in (0.5, 1.0, 2.0):
        drawn = objective.sample(distribution, torch.Generator().manual_seed(0), temperature, ())
        shares = torch.bincount(drawn.flatten(), minlength=3) / len(drawn)
        expected = torch.softmax(distribution[0] / temperature, dim=-1)
        torch.testing.assert_close(shares, expected, atol=0.012, rtol=0)


def test_temperature_zero_takes_the_most_likely_class_that_is_not_forbidden() -> None:
    objective = StepClassesObjective(StepClasses(3), d_model=3)
    distribution = torch.tensor([[-0.1, -3.0, -5.0]])
    assert objective.sample(distribution, torch.Generator(), 0, ()).tolist() == [[0]]
    assert objective.sample(distribution, torch.Generator(), 0, (0,)).tolist() == [[1]]
    assert distribution.isfinite().all()


def test_smoothing_spreads_a_share_over_all_classes() -> None:
    logits, targets = torch.randn(1, 2, 4), torch.tensor([[1, 2]])
    logs = log_probabilities(logits)
    true = logs.gather(-1, targets[..., None])[..., 0]
    torch.testing.assert_close(cross_entropy(logits, targets, 0.2), -(0.8 * true + 0.2 * logs.mean(-1)))
