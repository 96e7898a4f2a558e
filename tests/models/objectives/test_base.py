"""Metrics that are ratios of sums, and what all objectives have in common."""

from __future__ import annotations

import math

import pytest
import torch

from seqbench.models.objectives import RatioMetrics, build_objective
from seqbench.models.objectives.base import metric_weights
from seqbench.models.objectives.step_classes import StepClassesObjective
from seqbench.protocol.specs import (
    Batch,
    Output,
    SequenceClass,
    SequenceSpec,
    StepClasses,
    StepLabels,
    StepValues,
    Tokens,
    TokenSequence,
)


def test_a_metric_is_the_ratio_of_the_sums_not_the_mean_of_the_ratios() -> None:
    metrics = RatioMetrics({"a": 1})
    metrics.update({"a": (torch.tensor(1.0), torch.tensor(1.0))})
    metrics.update({"a": (torch.tensor(0.0), torch.tensor(3.0))})
    assert float(metrics.compute()["a"]) == 0.25


def test_a_vector_is_averaged_over_the_entries_with_a_denominator() -> None:
    metrics = RatioMetrics({"plain": 1, "vector": 3})
    parts = {
        "vector": (torch.tensor([1.0, 0, 0]), torch.tensor([2.0, 4, 0])),
        "plain": (torch.ones(()), torch.ones(())),
    }
    metrics.update(parts)
    assert float(metrics.compute()["vector"]) == 0.25
    assert float(metrics.compute()["plain"]) == 1.0


@pytest.mark.filterwarnings("ignore:.*before the ``update``.*:UserWarning")
def test_a_metric_without_batches_is_nan() -> None:
    assert math.isnan(RatioMetrics({"a": 2}).compute()["a"])


def test_many_small_numbers_are_added_to_a_large_one_exactly() -> None:
    metrics = RatioMetrics({"a": 1})
    metrics.update({"a": (torch.tensor(1e8), torch.tensor(1e8))})
    for _ in range(1000):
        metrics.update({"a": (torch.tensor(1.0), torch.tensor(0.0))})
    assert float(metrics.compute()["a"]) == pytest.approx(1 + 1e-5, rel=1e-12)


def batch(scored: torch.Tensor | None) -> Batch:
    targets, weights = torch.tensor([[0, 1]]), torch.tensor([[1.0, 0.5]])
    return Batch(targets, targets, torch.tensor([2]), weights, 1.5, torch.tensor([0]), scored=scored)


def test_metrics_are_weighted_by_scored_where_it_is_given() -> None:
    assert metric_weights(batch(None)).tolist() == [[1.0, 0.5]]
    assert metric_weights(batch(torch.tensor([[0.0, 1.0]]))).tolist() == [[0.0, 1.0]]


def test_the_loss_is_weighted_by_the_weights_and_the_metrics_by_scored() -> None:
    objective = StepClassesObjective(StepClasses(2), d_model=2)
    objective.head = torch.nn.Identity()
    logits = torch.tensor([[[9.0, 0.0], [9.0, 0.0]]])
    one = batch(torch.tensor([[1.0, 0.0]]))
    losses = objective.loss_per_target(logits, one)
    torch.testing.assert_close(objective.loss_sum(logits, one), losses[0, 0] + 0.5 * losses[0, 1])
    metrics = objective.build_metrics()
    objective.update_metrics(metrics, logits, one)
    assert float(metrics.compute()["accuracy"]) == 1.0


def test_a_metric_without_a_denominator_is_undefined_and_one_of_nan_is_not() -> None:
    metrics = RatioMetrics({"none": 1, "nan": 1, "vector": 2})
    nan = torch.tensor(float("nan"))
    one, zero = torch.tensor(1.0), torch.tensor(0.0)
    metrics.update({"none": (zero, zero), "nan": (nan, one), "vector": (torch.ones(2), torch.tensor([0.0, 2.0]))})
    values = metrics.compute()
    assert metrics.undefined == {"none"}
    assert values["nan"].isnan()
    assert values["vector"].item() == 0.5


OUTPUTS: list[tuple[Output, int]] = [
    (StepClasses(3, metrics=("accuracy", "loss", "bits_per_character", "loss_all_positions")), 3),
    (SequenceClass(3), 3),
    (StepLabels(3), 3),
    (StepValues(3), 3),
    (TokenSequence(3, start=1, end=2, longest=4), 3),
]


@pytest.mark.parametrize(("output", "width"), OUTPUTS, ids=lambda value: type(value).__name__)
def test_the_metrics_of_every_objective_are_sums_over_its_samples(output: Output, width: int) -> None:
    objective = build_objective(SequenceSpec(Tokens(3), output, max_length=4), d_model=width)
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(6, 4, width, generator=generator)
    steps = 1 if isinstance(output, SequenceClass) else 4
    shape = (6, steps) if not isinstance(output, StepLabels | StepValues) else (6, steps, 3)
    targets = torch.randint(2, shape, generator=generator)
    weights = torch.rand(6, 4, generator=generator).round(decimals=1)
    one = Batch(targets, targets, torch.full((6,), 4), weights, 1.0, torch.arange(6))
    scored, metrics = objective.score_batch(hidden, one), objective.build_metrics()
    assert set(scored.terms) == set(objective.metric_sizes)
    assert (len(scored.decisions), scored.counted.shape) == (6, (6, 4))
    objective.update_metrics(metrics, hidden, one)
    for name, (above, below) in scored.sample_sums().items():
        assert above.shape == below.shape == (6, objective.metric_sizes[name])
        torch.testing.assert_close(above.sum(0).squeeze(), scored.sums()[name][0].double())
        torch.testing.assert_close(below.sum(0).squeeze(), scored.sums()[name][1].double())
        used = below.sum(0) != 0
        expected = (above.sum(0)[used] / below.sum(0)[used]).mean()
        torch.testing.assert_close(metrics.compute()[name], expected)
