from __future__ import annotations

import pytest

from seqbench.datamodules.parity import Parity
from seqbench.models import length_scores
from seqbench.protocol.batches import Keys


def test_the_solved_length_ends_at_the_first_failure() -> None:
    assert length_scores.solved_length({10: 1.0, 20: 0.99, 40: 0.98, 80: 1.0}) == 20
    assert length_scores.solved_length({20: 1.0, 10: 1.0}) == 20
    assert length_scores.solved_length({10: 0.5}) == 0
    assert length_scores.solved_length({10: float("nan")}) == 0


def test_the_mean_accuracy_beyond_training_excludes_trained_lengths() -> None:
    assert length_scores.mean_accuracy_beyond({10: 1.0, 40: 0.1, 50: 0.8, 90: 0.6}, trained_length=40) == pytest.approx(
        0.7
    )
    assert length_scores.mean_accuracy_beyond({10: 1.0}, trained_length=40) is None


def test_the_curve_is_ordered_by_length() -> None:
    assert length_scores.length_curve({50: 0.5, 10: 1.0}) == {"length": [10, 50], "accuracy": [1.0, 0.5]}


def test_the_standard_error_beyond_training_is_that_of_a_mean_of_independent_scores() -> None:
    errors = {10: 9.0, 40: 0.03, 50: 0.04, 90: 0.12}
    assert length_scores.standard_error_beyond(errors, trained_length=10) == pytest.approx(0.13 / 3)
    assert length_scores.standard_error_beyond({**errors, 90: None}, trained_length=10) is None
    assert length_scores.standard_error_beyond({10: 0.1}, trained_length=10) is None


def make(**options: list[int]) -> Parity:
    return Parity(8, Keys(0, "parity", 1), max_length=40, **options)  # type: ignore[arg-type]  # Lengths only.


def test_each_longer_length_has_the_same_weight_and_the_lengths_seen_none() -> None:
    data = make(probe_lengths=[40, 41, 500])
    evaluated = {"test": {"accuracy": 0.9}, "length-40": {"accuracy": 0.9}}
    evaluated |= {"length-41": {"accuracy": 0.7}, "length-500": {"accuracy": 0.5}}
    scores = length_scores.scores_over_lengths(data, "test", evaluated)
    assert scores == {"solved_length": 0, "accuracy_longer": pytest.approx(0.6)}


def test_validation_averages_the_lengths_seen_and_longer_ones() -> None:
    data = make(probe_lengths=[500], validation_lengths=[41, 200])
    evaluated = {"validation": {"accuracy": 0.9}, "validation-length-41": {"accuracy": 0.6}}
    evaluated |= {"validation-length-200": {"accuracy": 0.4}}
    scores = length_scores.scores_over_lengths(data, "validation", evaluated)
    assert scores == {"accuracy_longer": 0.5, "accuracy_seen_and_longer": pytest.approx(0.7)}


def test_models_at_chance_on_longer_sequences_are_compared_by_the_lengths_seen() -> None:
    data = make(validation_lengths=[41])
    longer = {"validation-length-41": {"accuracy": 0.5}}
    good, bad = (
        length_scores.scores_over_lengths(data, "validation", {"validation": {"accuracy": seen}, **longer})
        for seen in (1.0, 0.6)
    )
    assert good["accuracy_longer"] == bad["accuracy_longer"]
    assert good["accuracy_seen_and_longer"] > bad["accuracy_seen_and_longer"]


def test_there_is_no_score_over_lengths_if_a_probe_was_not_scored() -> None:
    data = make(probe_lengths=[41, 500])
    assert length_scores.scores_over_lengths(data, "test", {"test": {"accuracy": 1.0}, "length-41": {}}) == {}
    assert length_scores.scores_over_lengths(make(), "test", {"test": {"accuracy": 1.0}}) == {}


def test_a_chance_predictor_scores_chance_over_all_lengths() -> None:
    chance, best = length_scores.chance_and_best_over_lengths(make(probe_lengths=[41, 500]), "test")
    assert (chance["accuracy_longer"], best["accuracy_longer"]) == (0.5, 1.0)
    assert (chance["solved_length"], best["solved_length"]) == (0, 500)
