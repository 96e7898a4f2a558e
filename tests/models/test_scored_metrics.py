"""The metrics of a task on validation and test, and cards that name others."""

from __future__ import annotations

from typing import Any

import pytest

import seqbench
from seqbench.datamodules.base import SequenceDataModule
from seqbench.models import scored_metrics
from seqbench.models.objectives import Objective, build_objective
from seqbench.protocol.cards import Metric, load_card
from seqbench.utils.errors import SeqbenchError


def build(task: str, **options: Any) -> tuple[SequenceDataModule, Objective]:
    data = seqbench.data({"name": task, **options}, tier="smoke")
    return data, build_objective(data.spec, d_model=1)


def test_the_metrics_of_a_split_have_those_over_its_probed_lengths() -> None:
    data, objective = build("parity")
    assert scored_metrics.scored_metrics(data, objective, "test") == {
        "accuracy",
        "loss",
        "accuracy_longer",
        "solved_length",
    }
    assert scored_metrics.scored_metrics(data, objective, "validation") == {
        "accuracy",
        "loss",
        "accuracy_longer",
        "accuracy_seen_and_longer",
    }
    short, objective = build("parity", probe_lengths=[20], validation_lengths=[])
    assert scored_metrics.scored_metrics(short, objective, "test") == {"accuracy", "loss", "solved_length"}
    assert scored_metrics.scored_metrics(short, objective, "validation") == {"accuracy", "loss"}


@pytest.mark.parametrize("task", ["translation", "music", "char-lm"])
def test_each_kind_of_output_gives_the_metric_of_its_card(task: str) -> None:
    data, objective = build(task, source="synthetic")
    scored_metrics.require_metrics(data, objective, load_card(task).metric)


@pytest.mark.parametrize(
    ("longest", "tested", "validated", "sentence"),
    [
        (40, [41], [41], ""),
        (41, [41], [60], "test accuracy_longer needs sequences of more than 41 steps"),
        (41, [60], [41], "validation accuracy_seen_and_longer needs sequences of more than 41 steps"),
    ],
)
def test_a_score_over_longer_sequences_needs_longer_sequences(
    longest: int, tested: list[int], validated: list[int], sentence: str
) -> None:
    data, objective = build("parity", max_length=longest, probe_lengths=tested, validation_lengths=validated)
    if not sentence:
        scored_metrics.require_metrics(data, objective, load_card("parity").metric)
        return
    with pytest.raises(SeqbenchError, match=sentence):
        scored_metrics.require_metrics(data, objective, load_card("parity").metric)


@pytest.mark.parametrize(
    ("metric", "key", "stage"),
    [
        (Metric("bleu", "max"), "metric.name is 'bleu'", "validation"),
        (Metric("bleu", "max", "loss"), "metric.name is 'bleu'", "test"),
        (Metric("accuracy", "max", "chrf"), "metric.selection is 'chrf'", "validation"),
        # A metric over lengths of the other stage.
        (Metric("accuracy_seen_and_longer", "max"), "metric.name is 'accuracy_seen_and_longer'", "test"),
        (Metric("accuracy", "max", "solved_length"), "metric.selection is 'solved_length'", "validation"),
    ],
)
def test_a_card_with_a_metric_that_the_task_does_not_give_is_refused(metric: Metric, key: str, stage: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        scored_metrics.require_metrics(*build("parity"), metric)
    assert str(caught.value).startswith(f"the card's {key}, and the task gives the {stage} metrics accuracy, ")
    assert str(caught.value).endswith("; name one of them.")
