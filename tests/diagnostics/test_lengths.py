from __future__ import annotations

import pytest

from seqbench.diagnostics import lengths


def test_the_solved_length_ends_at_the_first_failure() -> None:
    assert lengths.solved_length({10: 1.0, 20: 0.99, 40: 0.98, 80: 1.0}) == 20
    assert lengths.solved_length({20: 1.0, 10: 1.0}) == 20
    assert lengths.solved_length({10: 0.5}) == 0
    assert lengths.solved_length({10: float("nan")}) == 0


def test_the_mean_beyond_training_leaves_trained_lengths_out() -> None:
    assert lengths.mean_beyond({10: 1.0, 50: 0.8, 90: 0.6}, trained=40) == pytest.approx(0.7)
    assert lengths.mean_beyond({10: 1.0}, trained=40) is None


def test_the_curve_is_ordered_by_length() -> None:
    assert lengths.curve({50: 0.5, 10: 1.0}) == {"length": [10, 50], "accuracy": [1.0, 0.5]}
