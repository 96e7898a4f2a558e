from __future__ import annotations

import pytest

from seqbench.running.diagnostics import length_curve


def test_the_solved_length_ends_at_the_first_failure() -> None:
    assert length_curve.solved_length({10: 1.0, 20: 0.99, 40: 0.98, 80: 1.0}) == 20
    assert length_curve.solved_length({20: 1.0, 10: 1.0}) == 20
    assert length_curve.solved_length({10: 0.5}) == 0
    assert length_curve.solved_length({10: float("nan")}) == 0


def test_the_mean_accuracy_beyond_training_excludes_trained_lengths() -> None:
    assert length_curve.mean_accuracy_beyond({10: 1.0, 40: 0.1, 50: 0.8, 90: 0.6}, trained_length=40) == pytest.approx(
        0.7
    )
    assert length_curve.mean_accuracy_beyond({10: 1.0}, trained_length=40) is None


def test_the_curve_is_ordered_by_length() -> None:
    assert length_curve.length_curve({50: 0.5, 10: 1.0}) == {"length": [10, 50], "accuracy": [1.0, 0.5]}


def test_the_standard_error_beyond_training_is_that_of_a_mean_of_independent_scores() -> None:
    errors = {10: 9.0, 40: 0.03, 50: 0.04, 90: 0.12}
    assert length_curve.standard_error_beyond(errors, trained_length=10) == pytest.approx(0.13 / 3)
    assert length_curve.standard_error_beyond({**errors, 90: None}, trained_length=10) is None
    assert length_curve.standard_error_beyond({10: 0.1}, trained_length=10) is None
