from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqbench.leaderboard.stats.improvement import improvement_interval, improvement_matrix
from seqbench.leaderboard.stats.interquartile_mean import Scores
from seqbench.leaderboard.stats.intervals import Estimate
from seqbench.utils.errors import SeqbenchError

TASKS = st.lists(st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 1.2]), min_size=1, max_size=4), min_size=1, max_size=4)


def improvement(a: Scores, b: Scores) -> float:
    return improvement_matrix([a, b])[0][1]


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


def reference_interval(a: Sequence[Sequence[float]], b: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return DeLong's interval with the formula of Welch and Satterthwaite, run by run."""
    value, variances = 0.0, []
    for ours, theirs in zip(a, b, strict=True):
        place = [np.mean([(x > y) + (x == y) / 2 for y in theirs]) for x in ours]
        other = [np.mean([(x > y) + (x == y) / 2 for x in ours]) for y in theirs]
        value += float(np.mean(place)) / len(a)
        for share in (place, other):
            variances.append((np.var(share, ddof=1) / len(share) / len(a) ** 2, len(share) - 1))
    total = sum(variance for variance, _ in variances)
    freedom = total**2 / sum(variance**2 / rest for variance, rest in variances)
    half = float(stats.t.ppf(0.975, freedom) * math.sqrt(total))
    return max(0.0, value - half), min(1.0, value + half)


def test_the_interval_has_the_variance_of_the_placements() -> None:
    a = np.random.default_rng(0).normal(0.5, 1, size=(10, 3)).tolist()
    b = np.random.default_rng(1).normal(0.0, 1, size=(10, 4)).tolist()
    found = improvement_interval(a, b)
    assert found.value == pytest.approx(improvement(a, b))
    assert (found.low, found.high) == pytest.approx(reference_interval(a, b))


@pytest.mark.parametrize("seeds", [3, 5, 10])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_interval_covers_the_probability(seeds: int, shift: float) -> None:
    generator = np.random.default_rng(seeds)
    true, covered = stats.norm.cdf(shift / math.sqrt(2)), 0
    for _ in range(300):
        a, b = generator.normal(shift, 1, size=(10, seeds)), generator.normal(size=(10, seeds))
        found = improvement_interval(a.tolist(), b.tolist())
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= true <= found.high
    assert 0.91 <= covered / 300 <= 0.985


def test_separated_runs_and_single_seeds_have_no_interval() -> None:
    assert improvement_interval([[0.5], [0.7]], [[0.4], [0.7]]) == Estimate(0.75, None, None)
    assert improvement_interval([[0.5]], [[0.4, 0.6]]) == Estimate(0.5, None, None)
    assert improvement_interval([[0.5, 0.6]], [[0.4, 0.3]]) == Estimate(1.0, None, None)
    assert improvement_interval([[0.1, 0.1]] * 7, [[0.1, 0.1]] * 7) == Estimate(0.5, None, None)


@settings(derandomize=True, database=None, max_examples=40, deadline=None)
@given(TASKS, TASKS, st.randoms(use_true_random=False))
def test_order_has_no_effect_and_probabilities_are_between_0_and_1(
    a: list[list[float]], b: list[list[float]], random: Any
) -> None:
    count = min(len(a), len(b))
    a, b = a[:count], b[:count]
    order = random.sample(range(count), count)
    mixed_a, mixed_b = ([random.sample(scores[t], len(scores[t])) for t in order] for scores in (a, b))
    better = improvement_interval(a, b)
    assert improvement_interval(mixed_a, mixed_b) == better
    assert improvement(b, a) == pytest.approx(1 - better.value)
    if better.low is not None and better.high is not None:
        assert 0 <= better.low <= better.high <= 1


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
        assert row == pytest.approx([improvement_interval(a, b).value for b in rows], abs=1e-12)


def test_different_tasks_and_missing_scores_are_refused() -> None:
    with pytest.raises(SeqbenchError, match="on the same tasks"):
        improvement([[0.1]], [[0.1], [0.2]])
    with pytest.raises(SeqbenchError, match="on the same tasks"):
        improvement_matrix([[[1.0]], [[1.0], [0.5]]])
    for empty in ([], [[0.5], []]):
        with pytest.raises(SeqbenchError):
            improvement_interval(empty, empty)
    with pytest.raises(SeqbenchError, match="finite numbers, got nan"):
        improvement([[0.1, math.nan]], [[0.1]])
