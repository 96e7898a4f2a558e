from __future__ import annotations

from itertools import combinations, permutations

import pytest

from seqbench.leaderboard.stats.expected_best import expected_best

SCORES = [0.3, 0.9, 0.5, 0.4]


@pytest.mark.parametrize("direction", ["max", "min"])
def test_the_expected_best_is_the_mean_over_all_choices_of_trials(direction: str) -> None:
    best = max if direction == "max" else min
    for budget, score in enumerate(expected_best(SCORES, direction), 1):
        choices = list(combinations(SCORES, budget))
        assert score == pytest.approx(sum(best(choice) for choice in choices) / len(choices))


def test_the_expected_best_is_the_mean_running_maximum_over_all_orders() -> None:
    orders = list(permutations(SCORES))
    for budget, score in enumerate(expected_best(SCORES, "max"), 1):
        assert score == pytest.approx(sum(max(order[:budget]) for order in orders) / len(orders))


@pytest.mark.parametrize(("direction", "worst"), [("max", 0.3), ("min", 0.9)])
def test_a_trial_without_a_score_counts_as_the_worst(direction: str, worst: float) -> None:
    assert expected_best([*SCORES, None], direction) == expected_best([*SCORES, worst], direction)


def test_without_any_score_there_is_no_budget() -> None:
    assert expected_best([], "max") == []
    assert expected_best([None, None], "min") == []
