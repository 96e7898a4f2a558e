from __future__ import annotations

import math
import time
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqbench.leaderboard.stats.interquartile_mean import (
    Estimate,
    Scores,
    improvement_interval,
    improvement_matrix,
    interquartile_mean,
    iqm_interval,
    normalise_score,
)
from seqbench.utils.errors import SeqbenchError

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TASKS = st.lists(st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.2]), min_size=1, max_size=4), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("value", "chance", "best", "expected"),
    [
        (0.75, 0.5, 1.0, 0.5),
        (0.4, 0.5, 1.0, 0.0),  # Worse than chance.
        (1.5, 0.5, 1.0, 2.0),  # Beyond an anchor.
        (1.0, 2.0, 0.0, 0.5),  # A loss: the lower, the better.
        (3.0, 2.0, 0.0, 0.0),
        (0.0, -1.7e308, 1.7e308, 0.5),
        (1e-323, 5e-324, 1.5e-323, 0.5),
    ],
)
def test_a_score_is_placed_between_chance_and_best(value: float, chance: float, best: float, expected: float) -> None:
    assert normalise_score(value, chance, best) == expected


@settings(derandomize=True, database=None, max_examples=60)
@given(FINITE, FINITE, FINITE)
def test_any_three_finite_numbers_give_the_exact_score_or_an_error(value: float, chance: float, best: float) -> None:
    try:
        found = normalise_score(value, chance, best)
    except SeqbenchError:
        assert chance == best or abs(Fraction(value) / (Fraction(best) - Fraction(chance))) > 1e300
        return
    exact = max(Fraction(0), (Fraction(value) - Fraction(chance)) / (Fraction(best) - Fraction(chance)))
    size = max(map(abs, (value, chance, best))) / abs(Fraction(best) - Fraction(chance))
    assert abs(Fraction(found) - exact) <= size / 2**48 + Fraction(1e-300)


def improvement(a: Scores, b: Scores) -> float:
    return improvement_matrix([a, b])[0][1]


def test_equal_or_distant_references_are_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"got 0\.5 for both"):
        normalise_score(0.7, 0.5, 0.5)
    with pytest.raises(SeqbenchError, match="too far from chance"):
        normalise_score(1e300, 0.0, 1e-300)
    with pytest.raises(SeqbenchError, match="finite numbers, got inf"):
        normalise_score(math.inf, 0.0, 1.0)


@pytest.mark.parametrize("count", [*range(1, 18), 40])
def test_the_interquartile_mean_is_that_of_rliable(count: int) -> None:
    # rliable's aggregate_iqm is scipy.stats.trim_mean with proportiontocut=0.25 over all runs and tasks.
    values = np.random.default_rng(count).normal(size=count).tolist()
    assert interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25))


def test_the_interquartile_mean_of_one_two_and_equal_values() -> None:
    assert interquartile_mean([0.3]) == 0.3
    assert interquartile_mean([0.25, 0.75]) == 0.5
    assert interquartile_mean([0.1] * 49) == 0.1
    with pytest.raises(SeqbenchError, match="at least one score"):
        interquartile_mean([])


def resampled(task: Sequence[float]) -> list[tuple[float, ...]]:
    return list(product(task, repeat=len(task)))


def percentile_interval(outcomes: list[float]) -> tuple[float, float]:
    low, high = np.quantile(outcomes, [0.025, 0.975])
    return float(low), float(high)


def test_the_interval_of_the_interquartile_mean_is_that_of_all_resamplings() -> None:
    scores = [[0.1, 0.3, 0.35], [0.6, 0.9, 1.1], [0.5]]
    every = [
        interquartile_mean([value for task in drawn for value in task]) for drawn in product(*map(resampled, scores))
    ]
    found = iqm_interval(scores, draws=20_000)
    assert found.value == interquartile_mean([value for task in scores for value in task])
    assert (found.low, found.high) == pytest.approx(percentile_interval(every), abs=0.015)


def test_the_interval_of_one_task_is_scipys_percentile_bootstrap() -> None:
    found = iqm_interval([[0.0, 1.0]], draws=4000)
    assert found == Estimate(0.5, 0.0, 1.0)
    drawn = np.random.default_rng(0).normal(size=100)
    middle = iqm_interval([drawn.tolist()])
    expected = stats.bootstrap([drawn], lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), method="percentile", rng=0)
    assert (middle.low, middle.high) == pytest.approx(tuple(expected.confidence_interval), abs=0.03)


def test_without_two_seeds_there_is_no_interval_and_equal_seeds_have_an_empty_one() -> None:
    assert iqm_interval([[0.5], [0.7]]) == Estimate(0.6, None, None)
    assert iqm_interval([[0.1] * 3] * 9) == Estimate(0.1, 0.1, 0.1)
    assert improvement_interval([[0.5], [0.7]], [[0.4], [0.7]]) == Estimate(0.75, None, None)
    assert improvement_interval([[0.5]], [[0.4, 0.6]]) == Estimate(0.5, 0.0, 1.0)
    assert improvement_interval([[0.5, 0.5]], [[0.4]]) == Estimate(1.0, 1.0, 1.0)
    assert improvement_interval([[0.1, 0.1]] * 7, [[0.1, 0.1]] * 7) == Estimate(0.5, 0.5, 0.5)


def test_improvement_counts_pairs_and_a_tie_as_one_half() -> None:
    a, b = [[0.2, 0.8], [1.0, 1.0, 0.5]], [[0.5, 0.8, 0.1], [1.0, 0.2]]
    fractions = []
    for ours, theirs in zip(a, b, strict=True):
        wins = sum(1.0 if x > y else 0.5 if x == y else 0.0 for x, y in product(ours, theirs))
        fractions.append(wins / (len(ours) * len(theirs)))
    assert improvement(a, b) == pytest.approx(sum(fractions) / 2)
    assert improvement([[1.0, 0.9]], [[0.1, 0.2]]) == 1.0


def test_improvement_is_that_of_rliable() -> None:
    # rliable's probability_of_improvement: the mean over tasks of Mann and Whitney's U / (runs of a x runs of b).
    a, b = [[0.2, 0.8], [1.0, 1.0, 0.5]], [[0.5, 0.8, 0.1], [1.0, 0.2]]
    tasks = [stats.mannwhitneyu(x, y).statistic / (len(x) * len(y)) for x, y in zip(a, b, strict=True)]
    assert improvement(a, b) == pytest.approx(sum(tasks) / len(tasks))


def test_the_interval_of_improvement_is_that_of_all_resamplings() -> None:
    a, b = [[0.2, 0.8, 0.6], [0.9, 0.4]], [[0.5, 0.7], [0.4, 0.4]]
    draws = product(product(*map(resampled, a)), product(*map(resampled, b)))
    every = [improvement(x, y) for x, y in draws]
    found = improvement_interval(a, b, draws=20_000)
    assert found.value == improvement(a, b)
    assert (found.low, found.high) == pytest.approx(percentile_interval(every), abs=0.03)


@settings(derandomize=True, database=None, max_examples=40, deadline=None)
@given(TASKS, TASKS, st.randoms(use_true_random=False))
def test_order_has_no_effect_and_figures_are_within_the_scores(
    a: list[list[float]], b: list[list[float]], random: Any
) -> None:
    count = min(len(a), len(b))
    a, b = a[:count], b[:count]
    order = random.sample(range(count), count)
    mixed_a, mixed_b = ([random.sample(scores[t], len(scores[t])) for t in order] for scores in (a, b))
    middle, better = iqm_interval(a, 50), improvement_interval(a, b, 50)
    assert iqm_interval(mixed_a, 50) == middle
    assert improvement_interval(mixed_a, mixed_b, 50) == better
    assert improvement(b, a) == pytest.approx(1 - better.value)
    flat = [value for task in a for value in task]
    if middle.low is not None and middle.high is not None:
        assert min(flat) <= middle.low <= middle.high <= max(flat)
    if better.low is not None and better.high is not None:
        assert 0 <= better.low <= better.high <= 1


@settings(derandomize=True, database=None, max_examples=30, deadline=None)
@given(st.lists(st.lists(FINITE, min_size=1, max_size=3), min_size=1, max_size=3))
def test_scores_of_any_size_have_an_interquartile_mean(scores: list[list[float]]) -> None:
    found = iqm_interval(scores, 20)
    assert math.isfinite(found.value)
    assert found.low is None or (math.isfinite(found.low) and found.high is not None and math.isfinite(found.high))


def test_different_tasks_and_missing_scores_are_refused() -> None:
    with pytest.raises(SeqbenchError, match="on the same tasks"):
        improvement([[0.1]], [[0.1], [0.2]])
    for empty in ([], [[0.5], []]):
        with pytest.raises(SeqbenchError):
            iqm_interval(empty)
        with pytest.raises(SeqbenchError):
            improvement_interval(empty, empty)
    with pytest.raises(SeqbenchError, match="finite numbers, got nan"):
        improvement([[0.1, math.nan]], [[0.1]])


def test_an_interval_takes_milliseconds() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.random((2, 20, 5)).tolist()
    for measure in (lambda: iqm_interval(a), lambda: improvement_interval(a, b)):
        measure()
        start = time.process_time()
        for _ in range(5):
            measure()
        assert (time.process_time() - start) / 5 < 0.3  # 5 and 7 ms on an idle machine.


@given(
    st.lists(
        st.lists(st.lists(st.sampled_from([0.0, 0.3, 0.5, 1.0]), min_size=1, max_size=3), min_size=2, max_size=2),
        max_size=4,
    )
)
def test_the_matrix_holds_the_improvement_of_each_pair(rows: list[list[list[float]]]) -> None:
    found = improvement_matrix(rows)
    assert len(found) == len(rows)
    for a, row in zip(rows, found, strict=True):
        assert row == pytest.approx([improvement_interval(a, b, draws=1).value for b in rows], abs=1e-12)


def test_a_matrix_over_different_tasks_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="on the same tasks"):
        improvement_matrix([[[1.0]], [[1.0], [0.5]]])
