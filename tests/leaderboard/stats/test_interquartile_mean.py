from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqbench.leaderboard.stats.interquartile_mean import (
    Scores,
    interquartile_mean,
    iqm_interval,
    normalise_score,
    optimality_gap,
)
from seqbench.leaderboard.stats.intervals import Estimate
from seqbench.utils.errors import SeqbenchError

FINITE = st.floats(allow_nan=False, allow_infinity=False)
TASKS = st.lists(st.lists(st.sampled_from([-0.1, 0.1, 0.5, 1.0, 1.2]), min_size=1, max_size=4), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("value", "chance", "best", "expected"),
    [
        (0.75, 0.5, 1.0, 0.5),
        (0.4, 0.5, 1.0, -0.2),  # Worse than chance.
        (1.5, 0.5, 1.0, 2.0),  # Beyond an anchor.
        (1.0, 2.0, 0.0, 0.5),  # A loss: the lower, the better.
        (3.0, 2.0, 0.0, -0.5),
        (0.0, -1.7e308, 1.7e308, 0.5),
        (1e-323, 5e-324, 1.5e-323, 0.5),
    ],
)
def test_a_score_is_placed_between_chance_and_best(value: float, chance: float, best: float, expected: float) -> None:
    assert normalise_score(value, chance, best) == pytest.approx(expected)


@settings(derandomize=True, database=None, max_examples=60)
@given(FINITE, FINITE, FINITE)
def test_any_three_finite_numbers_give_the_exact_score_or_an_error(value: float, chance: float, best: float) -> None:
    try:
        found = normalise_score(value, chance, best)
    except SeqbenchError:
        assert chance == best or abs(Fraction(value) / (Fraction(best) - Fraction(chance))) > 1e300
        return
    exact = (Fraction(value) - Fraction(chance)) / (Fraction(best) - Fraction(chance))
    size = max(map(abs, (value, chance, best))) / abs(Fraction(best) - Fraction(chance))
    assert abs(Fraction(found) - exact) <= size / 2**48 + Fraction(1e-300)


def test_equal_or_distant_references_are_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"got 0\.5 for both"):
        normalise_score(0.7, 0.5, 0.5)
    with pytest.raises(SeqbenchError, match="too far from chance"):
        normalise_score(1e300, 0.0, 1e-300)
    with pytest.raises(SeqbenchError, match="finite numbers, got inf"):
        normalise_score(math.inf, 0.0, 1.0)


@pytest.mark.parametrize("count", [*range(1, 18), 40])
def test_the_interquartile_mean_trims_exactly_a_quarter_at_each_end(count: int) -> None:
    # rliable's aggregate_iqm is scipy.stats.trim_mean, which rounds down. Four copies of each value need no rounding.
    values = np.random.default_rng(count).normal(size=count)
    assert interquartile_mean(values.tolist()) == pytest.approx(stats.trim_mean(np.repeat(values, 4), 0.25))
    if count % 4 == 0:
        assert interquartile_mean(values.tolist()) == pytest.approx(stats.trim_mean(values, 0.25))


def test_the_interquartile_mean_of_one_two_and_equal_values() -> None:
    assert interquartile_mean([0.3]) == 0.3
    assert interquartile_mean([0.25, 0.75]) == 0.5
    assert interquartile_mean([0.1] * 49) == 0.1
    with pytest.raises(SeqbenchError, match="at least one score"):
        interquartile_mean([])


def reference_half_width(tasks: Sequence[Sequence[float]], weight: float) -> float:
    """Return the half width of a weighted mean over runs: Welch and Satterthwaite's formula over tasks."""
    runs = sum(len(task) for task in tasks)
    parts = [(weight * len(task) / runs) ** 2 * np.var(task, ddof=1) / len(task) for task in tasks]
    freedom = sum(parts) ** 2 / sum(part**2 / (len(task) - 1) for part, task in zip(parts, tasks, strict=True))
    return float(stats.t.ppf(0.975, freedom) * math.sqrt(sum(parts)))


def test_the_interval_of_the_interquartile_mean_has_the_variance_of_the_middle_half() -> None:
    scores = np.random.default_rng(0).normal(np.arange(12)[:, None] / 12, 0.1, size=(12, 3))
    found = iqm_interval(scores.tolist())
    ordered = np.sort(scores.ravel())
    half = reference_half_width(scores.clip(ordered[9], ordered[-10]).tolist(), 2.0)
    assert (found.low, found.high) == (pytest.approx(found.value - half), pytest.approx(found.value + half))


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("kind", ["normal", "skewed", "solve or fail"])
def test_the_interval_covers_the_interquartile_mean_of_many_seeds(seeds: int, kind: str) -> None:
    generator = np.random.default_rng(seeds)
    means = np.linspace(0.15, 0.95, 10)[:, None]

    def draw(count: int) -> Any:
        size = 10, count
        if kind == "normal":
            return generator.normal(means, 0.05, size=size)
        if kind == "skewed":
            return means + 0.1 - 0.05 * generator.gamma(2, size=size)
        return (generator.random(size) < means).astype(float)

    true = stats.trim_mean(draw(20_000).ravel(), 0.25)
    intervals = [iqm_interval(draw(seeds).tolist()) for _ in range(300)]
    covered = sum(one.low - 1e-9 <= true <= one.high + 1e-9 for one in intervals if one.low is not None and one.high)
    assert 0.90 <= covered / 300 <= 0.985


def test_the_optimality_gap_is_that_of_rliable() -> None:
    # rliable's aggregate_optimality_gap: gamma - mean(minimum(scores, gamma)), with gamma = 1.
    scores = np.random.default_rng(1).normal(0.8, 0.3, size=(10, 3))
    found = optimality_gap(scores.tolist())
    assert found.value == pytest.approx(1 - np.minimum(scores, 1).mean())
    half = reference_half_width(np.minimum(scores, 1).tolist(), 1.0)
    assert (found.low, found.high) == (pytest.approx(found.value - half), pytest.approx(found.value + half))


def test_equal_seeds_and_single_seeds_have_no_interval() -> None:
    assert iqm_interval([[1.0] * 3, [0.5] * 3]) == Estimate(0.75, None, None)
    assert iqm_interval([[1.0], [0.5]]) == Estimate(0.75, None, None)
    assert optimality_gap([[1.0], [0.5]]) == Estimate(0.25, None, None)


@settings(derandomize=True, database=None, max_examples=40, deadline=None)
@given(TASKS, st.randoms(use_true_random=False))
def test_the_order_of_tasks_and_seeds_has_no_effect(scores: list[list[float]], random: Any) -> None:
    mixed = [random.sample(task, len(task)) for task in random.sample(scores, len(scores))]
    assert iqm_interval(mixed) == iqm_interval(scores)
    assert optimality_gap(mixed) == optimality_gap(scores)
    flat = [value for task in scores for value in task]
    assert min(flat) <= iqm_interval(scores).value <= max(flat)


@settings(derandomize=True, database=None, max_examples=30, deadline=None)
@given(st.lists(st.lists(FINITE, min_size=1, max_size=3), min_size=1, max_size=3))
def test_scores_of_any_size_have_an_interquartile_mean(scores: list[list[float]]) -> None:
    found = iqm_interval(scores)
    assert math.isfinite(found.value)
    assert found.low is None or not math.isnan(found.low)


def test_missing_scores_are_refused() -> None:
    empty: list[Scores] = [[], [[0.5], []]]
    for scores in empty:
        with pytest.raises(SeqbenchError):
            iqm_interval(scores)
        with pytest.raises(SeqbenchError):
            optimality_gap(scores)
    with pytest.raises(SeqbenchError, match="finite numbers, got nan"):
        iqm_interval([[0.1, math.nan]])
