"""Checks of a task's scores, each on a task that it must refuse."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch

from seqbench.datamodules.base import Scores
from seqbench.protocol.specs import Batch
from seqbench.testing import Failure, Skip, check_task, score_checks
from seqbench.testing.task_subject import TaskSubject
from tests.testing import broken_tasks as broken
from tests.testing.tasks import PreviousToken, PreviousTokenStream, card

ALL = (
    score_checks.check_objective_finite,
    score_checks.check_chance_and_best_defined,
    score_checks.check_best_beats_chance,
    score_checks.check_chance_matches_frequencies,
    score_checks.check_oracle_reaches_best,
)


class UnknownBest(PreviousToken):
    """Gives no best scores, and the reason."""

    best_unknown = "nobody has solved it"

    def best(self, split: str) -> Scores:
        return {"accuracy": None, "loss": None}


def subject(cls: type = PreviousToken, **changed: object) -> TaskSubject:
    return TaskSubject(card(cls, **changed), "smoke", {})


@pytest.mark.parametrize("check", ALL)
def test_a_conforming_task_passes(check: Callable[[TaskSubject], None]) -> None:
    check(subject())


def test_an_objective_that_gives_nan_is_refused() -> None:
    with pytest.raises(Failure, match=r"accuracy of length-20 is nan for random guesses"):
        score_checks.check_objective_finite(subject(broken.UnscoredProbe))


def test_a_best_score_that_is_missing_or_unexplained_is_refused() -> None:
    class Unexplained(UnknownBest):
        best_unknown = ""

    with pytest.raises(Failure, match=r"chance of validation has the metrics .*'loss'.*, best has \['accuracy'\]"):
        score_checks.check_chance_and_best_defined(subject(broken.MissingBest))
    score_checks.check_chance_and_best_defined(subject(UnknownBest))
    task = subject()
    task.data = Unexplained(64, task.data.keys)
    with pytest.raises(Failure, match="give the reason in best_unknown"):
        score_checks.check_chance_and_best_defined(task)


def test_a_metric_that_the_objective_does_not_give_is_refused() -> None:
    with pytest.raises(Failure, match=r"the card's metric\.name is 'bleu', and the task gives the validation metrics"):
        score_checks.check_chance_and_best_defined(subject(metric={"name": "bleu", "direction": "max"}))
    selected = {"name": "accuracy", "direction": "max", "selection": "bleu"}
    with pytest.raises(Failure, match=r"the card's metric\.selection is 'bleu'"):
        score_checks.check_chance_and_best_defined(subject(metric=selected))
    with pytest.raises(Skip, match="chance or best bleu of validation is unknown: none is given"):
        score_checks.check_best_beats_chance(subject(metric=selected))


@pytest.mark.parametrize(
    ("lengths", "sentence"),
    [
        (
            {"probe_lengths": [20]},
            "test accuracy_longer needs .* more than 40 steps, .*; add a longer test length",
        ),
        ({"validation_lengths": []}, "validation accuracy_seen_and_longer needs .*; add a longer validation length"),
    ],
)
def test_a_card_of_parity_with_short_lengths_alone_is_refused_in_a_sentence(
    lengths: dict[str, object], sentence: str
) -> None:
    report = check_task("parity", options=lengths, strict=False)
    failed = [outcome for outcome in report.outcomes if outcome.status == "failed"]
    assert [outcome.name for outcome in failed] == ["chance_and_best_defined"]
    assert re.search(sentence, failed[0].reason)


def test_chance_over_longer_lengths_follows_from_that_of_each_length() -> None:
    longer = {"name": "accuracy_longer", "direction": "max", "selection": "accuracy"}
    score_checks.check_chance_and_best_defined(subject(metric=longer))
    score_checks.check_best_beats_chance(subject(metric=longer))


def test_a_best_score_below_chance_is_refused() -> None:
    with pytest.raises(Failure, match=r"best possible accuracy is 1, chance 0.125, and lower is better"):
        score_checks.check_best_beats_chance(subject(metric={"name": "accuracy", "direction": "min"}))
    with pytest.raises(Skip, match="nobody has solved it"):
        score_checks.check_best_beats_chance(subject(UnknownBest))


def test_a_chance_score_that_is_too_low_is_refused() -> None:
    with pytest.raises(Failure, match=r"chance says accuracy 0.05 on validation, .* a chance score that is too low"):
        score_checks.check_chance_matches_frequencies(subject(broken.LowChance))


def test_a_wrong_or_missing_oracle_does_not_pass() -> None:
    with pytest.raises(Failure, match=r"the oracle's accuracy on validation is .*, best gives 1"):
        score_checks.check_oracle_reaches_best(subject(broken.WrongOracle))
    with pytest.raises(Skip, match="there is no oracle"):
        score_checks.check_oracle_reaches_best(subject(PreviousTokenStream))
    with pytest.raises(Skip, match="nobody has solved it"):
        score_checks.check_oracle_reaches_best(subject(UnknownBest))


def test_a_given_oracle_replaces_the_datamodules_and_sees_no_targets() -> None:
    def oracle(batch: Batch) -> torch.Tensor:
        assert not batch.targets.any()
        logits: torch.Tensor = 50.0 * torch.nn.functional.one_hot(batch.inputs.roll(1, 1), 8)
        return logits

    score_checks.check_oracle_reaches_best(TaskSubject(card(broken.WrongOracle), "smoke", {}, oracle))
