from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from seqbench.leaderboard.stats.performance_profiles import (
    THRESHOLDS,
    performance_profile,
    share_interval,
    wilson_interval,
)
from seqbench.utils.errors import SeqbenchError


def test_the_profile_is_that_of_rliable() -> None:
    # rliable's run_score_deviation: mean(scores > threshold) over all runs, for equal numbers of seeds.
    scores = np.random.default_rng(0).uniform(-0.2, 1.1, size=(6, 3))
    found = performance_profile(scores.tolist())
    assert found.share == pytest.approx([float(np.mean(scores > threshold)) for threshold in THRESHOLDS])
    assert len(found.low) == len(found.high) == len(THRESHOLDS)
    for low, share, high in zip(found.low, found.share, found.high, strict=True):
        assert 0 <= low <= share + 1e-12
        assert share - 1e-12 <= high <= 1


def test_every_task_has_the_same_weight_and_equal_scores_are_not_above() -> None:
    assert performance_profile([[0.5, 0.7], [1.0]], [0.5]).share == [0.75]


@pytest.mark.parametrize(("above", "runs"), [(0, 3), (2, 3), (5, 10), (20, 20)])
def test_the_interval_of_one_share_is_wilsons(above: int, runs: int) -> None:
    expected = stats.binomtest(above, runs).proportion_ci(0.95, method="wilson")
    assert wilson_interval(above / runs, runs) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_one_task_has_the_interval_of_its_runs_and_tasks_that_differ_a_narrower_one() -> None:
    assert share_interval([4], [10]) == pytest.approx(wilson_interval(0.4, 10))
    low, high = share_interval([5, 0], [5, 0 + 5])
    pooled = wilson_interval(0.5, 10)
    assert pooled[0] < low < 0.5 < high < pooled[1]
    # The variance of runs within tasks, with half a run of either outcome in each task: p = 11/12 and 1/12.
    variance = 2 * (11 / 12 * 1 / 12) / 5 / 4
    assert (low, high) == pytest.approx(wilson_interval(0.5, 0.25 / variance))


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("tasks", [3, 10])
def test_the_interval_covers_the_share_where_seeds_solve_or_fail(seeds: int, tasks: int) -> None:
    generator = np.random.default_rng(seeds)
    chances = np.linspace(0.2, 0.9, tasks)
    covered = 0
    for _ in range(600):
        low, high = share_interval(generator.binomial(seeds, chances).tolist(), [seeds] * tasks)
        covered += low <= chances.mean() <= high
    assert 0.91 <= covered / 600 <= 0.985


def test_a_task_with_one_seed_has_no_interval() -> None:
    found = performance_profile([[0.5], [0.7, 0.8]], [0.6])
    assert (found.share, found.low, found.high) == ([0.5], [], [])


def test_missing_scores_are_refused() -> None:
    for empty in ([], [[0.5], []]):
        with pytest.raises(SeqbenchError):
            performance_profile(empty)
    with pytest.raises(SeqbenchError, match="finite numbers, got nan"):
        performance_profile([[math.nan]])
