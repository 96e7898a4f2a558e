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
from seqbench.testing.constant_predictions import Ignorant, as_emitted, score, spread


def batch(targets: Tensor, weights: Tensor | None = None) -> Batch:
    rows, out = targets.shape[:2]
    weights = torch.ones(rows, out) if weights is None else weights
    inputs, lengths = torch.zeros(rows, out, dtype=torch.int64), torch.full((rows,), out)
    return Batch(inputs, targets, lengths, weights, float(weights.sum()), torch.arange(rows))


def objective(output: Output) -> objectives.Objective:
    made = objectives.build_objective(SequenceSpec(Tokens(2), output, max_length=9), d_model=1)
    made.head = torch.nn.Identity()  # type: ignore[assignment]
    return made


@pytest.mark.parametrize(
    ("output", "targets", "perfect"),
    [
        (StepClasses(3), torch.tensor([[0, 2], [1, 1]]), {"accuracy": 1.0, "loss": 0.0}),
        (StepLabels(2), torch.tensor([[[0.0, 1.0], [1.0, 1.0]]]), {"frame_accuracy": 1.0, "nll_per_frame": 0.0}),
        (StepValues(1), torch.tensor([[[0.5], [2.0]]]), {"mse": 0.0, "mae": 0.0}),
        (SequenceClass(2), torch.tensor([[1], [0]]), {"accuracy": 1.0, "macro_f1": 1.0, "loss": 0.0}),
    ],
)
def test_the_true_answer_is_perfect(output: Output, targets: Tensor, perfect: dict[str, float]) -> None:
    some = batch(targets)
    said = targets if isinstance(output, StepValues) else targets.long()
    found = score(objective(output), [some], lambda b: as_emitted(said, b, output))
    assert found == pytest.approx(perfect, abs=1e-6)


def test_floats_are_what_a_head_would_give() -> None:
    said = torch.tensor([[[0.0, math.log(3)]]])
    some = batch(torch.tensor([[1]]))
    found = score(objective(StepClasses(2)), [some], lambda b: as_emitted(said, b, StepClasses(2)))
    assert found["loss"] == pytest.approx(-math.log(0.75))


def test_where_every_step_answers_one_answer_is_for_all() -> None:
    some = batch(torch.tensor([[1], [0]]), weights=torch.ones(2, 4))
    assert as_emitted(torch.tensor([[1], [0]]), some, SequenceClass(2, "every")).shape == (2, 4, 2)


def test_ignorance_knows_frequencies() -> None:
    train = batch(torch.tensor([[0, 1], [0, 2], [0, 1]]), weights=torch.tensor([[1.0, 1.0], [1.0, 0.0], [1.0, 1.0]]))
    overall = Ignorant([train], StepClasses(3), each_step=False)
    assert overall(train).shape == (3, 2, 3)
    torch.testing.assert_close(overall(train)[0, 0].exp(), torch.tensor([4, 3, 1]) / 8)
    # At each step all valid targets count, scored or not.
    each = Ignorant([train], StepClasses(3), each_step=True)
    torch.testing.assert_close(each(train)[0].exp(), torch.tensor([[4, 1, 1], [1, 3, 2]]) / 6)


def test_ignorance_knows_rates_and_means() -> None:
    labels = batch(torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]]))
    rates = Ignorant([labels], StepLabels(2), each_step=False)(labels)[0, 0].sigmoid()
    torch.testing.assert_close(rates, torch.tensor([0.75, 0.5]))
    values = batch(torch.tensor([[[1.0]], [[4.0]]]))
    assert Ignorant([values, values], StepValues(1), each_step=False)(values).flatten().tolist() == [2.5, 2.5]


def test_the_spread_is_the_standard_error_of_a_mean() -> None:
    torch.manual_seed(0)
    many = [batch(torch.randint(2, (50, 4))) for _ in range(40)]
    logits = torch.tensor([0.0, 1.0])
    found = spread(objective(StepClasses(2)), many, lambda b: logits.expand(*b.targets.shape, 2))
    assert found["accuracy"] == pytest.approx(math.sqrt(0.25 / 8000), rel=0.3)
