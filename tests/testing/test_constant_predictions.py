"""Predictors that need no training, against hand-computed scores and frequencies."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from seqbench.models import objectives
from seqbench.protocol.specs import (
    Batch,
    Output,
    SequenceClass,
    SequenceSpec,
    StepClasses,
    StepLabels,
    StepValues,
    Tokens,
)
from seqbench.testing.constant_predictions import FrequencyPredictor, head_output, score_predictor, standard_errors


def batch(targets: Tensor, weights: Tensor | None = None) -> Batch:
    rows, out = targets.shape[:2]
    weights = torch.ones(rows, out) if weights is None else weights
    inputs, lengths = torch.zeros(rows, out, dtype=torch.int64), torch.full((rows,), out)
    return Batch(inputs, targets, lengths, weights, float(weights.sum()), torch.arange(rows))


def build(output: Output) -> objectives.Objective:
    objective = objectives.build_objective(SequenceSpec(Tokens(2), output, max_length=9), d_model=1)
    objective.head = torch.nn.Identity()
    return objective


@pytest.mark.parametrize(
    ("output", "targets", "perfect"),
    [
        (StepClasses(3), torch.tensor([[0, 2], [1, 1]]), {"accuracy": 1.0, "loss": 0.0}),
        (StepLabels(2), torch.tensor([[[0.0, 1.0], [1.0, 1.0]]]), {"frame_accuracy": 1.0, "nll_per_frame": 0.0}),
        (StepValues(1), torch.tensor([[[0.5], [2.0]]]), {"mse": 0.0, "mae": 0.0}),
        (SequenceClass(2), torch.tensor([[1], [0]]), {"accuracy": 1.0, "macro_f1": 1.0, "loss": 0.0}),
    ],
)
def test_the_true_answers_have_perfect_scores(output: Output, targets: Tensor, perfect: dict[str, float]) -> None:
    answers = targets if isinstance(output, StepValues) else targets.long()
    scores = score_predictor(build(output), [batch(targets)], lambda b: head_output(answers, b, output))
    assert scores == pytest.approx(perfect, abs=1e-6)


def test_float_answers_are_taken_as_head_outputs() -> None:
    answers = torch.tensor([[[0.0, math.log(3)]]])
    one = batch(torch.tensor([[1]]))
    scores = score_predictor(build(StepClasses(2)), [one], lambda b: head_output(answers, b, StepClasses(2)))
    assert scores["loss"] == pytest.approx(-math.log(0.75))


def test_one_answer_is_repeated_for_an_output_at_every_step() -> None:
    some = batch(torch.tensor([[1], [0]]), weights=torch.ones(2, 4))
    assert head_output(torch.tensor([[1], [0]]), some, SequenceClass(2, "every")).shape == (2, 4, 2)


def test_classes_are_predicted_by_their_frequencies() -> None:
    train = batch(torch.tensor([[0, 1], [0, 2], [0, 1]]), weights=torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    overall = FrequencyPredictor([train], StepClasses(3), each_step=False)
    assert overall(train).shape == (3, 2, 3)
    torch.testing.assert_close(overall(train)[0, 0].exp(), torch.tensor([4, 3, 1]) / 8)
    # At each step all valid targets count, whether they are scored or not.
    each = FrequencyPredictor([train], StepClasses(3), each_step=True)
    torch.testing.assert_close(each(train)[0].exp(), torch.tensor([[4, 1, 1], [1, 3, 2]]) / 6)


def test_labels_are_predicted_by_their_rates_and_values_by_their_mean() -> None:
    labels = batch(torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]]))
    rates = FrequencyPredictor([labels], StepLabels(2), each_step=False)(labels)[0, 0].sigmoid()
    torch.testing.assert_close(rates, torch.tensor([0.75, 0.5]))
    values = batch(torch.tensor([[[1.0]], [[4.0]]]))
    assert FrequencyPredictor([values, values], StepValues(1), each_step=False)(values).flatten().tolist() == [2.5, 2.5]


def test_the_standard_error_is_that_of_a_mean() -> None:
    torch.manual_seed(0)
    many = [batch(torch.randint(2, (50, 4))) for _ in range(40)]
    logits = torch.tensor([0.0, 1.0])
    errors = standard_errors(build(StepClasses(2)), many, lambda b: logits.expand(*b.targets.shape, 2))
    assert errors["accuracy"] == pytest.approx(math.sqrt(0.25 / 8000), rel=0.3)
