from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from seqbench.leaderboard.stats.average_ranks import average_ranks, critical_difference, friedman_test
from seqbench.utils.errors import SeqbenchError


@pytest.mark.parametrize("digits", [1, 8])
@pytest.mark.parametrize("rows", [3, 6])
def test_ranks_and_test_are_those_of_scipy(rows: int, digits: int) -> None:
    means = (np.random.default_rng(rows).random((rows, 12)) + np.arange(rows)[:, None] / 6).round(digits)
    places = np.array([stats.rankdata(-task) for task in means.T]).mean(axis=0)
    assert average_ranks(means.tolist()) == pytest.approx(places.tolist())
    # Iman and Davenport's F of scipy's chi-square, which is corrected for ties.
    squares = stats.friedmanchisquare(*means).statistic
    expected = 11 * squares / (12 * (rows - 1) - squares)
    statistic, p = friedman_test(means.tolist())
    assert statistic == pytest.approx(expected)
    assert p == pytest.approx(stats.f.sf(expected, rows - 1, (rows - 1) * 11))


@pytest.mark.parametrize("rows", [2, 5, 10, 100])
def test_the_critical_difference_is_nemenyis(rows: int) -> None:
    quantile = stats.studentized_range.ppf(0.95, rows, math.inf) / math.sqrt(2)
    expected = quantile * math.sqrt(rows * (rows + 1) / (6 * 12))
    assert critical_difference(rows, 12) == pytest.approx(expected, rel=1e-4)


def test_the_critical_values_are_those_of_demsars_table() -> None:
    # Table 5(a) of Demsar 2006: q at .05 for 2, 3, 4, 5 and 10 classifiers.
    for rows, q in ((2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)):
        assert critical_difference(rows, 1) == pytest.approx(q * math.sqrt(rows * (rows + 1) / 6), rel=5e-4)


def test_the_same_order_in_every_task_is_significant_and_equal_rows_are_not() -> None:
    assert friedman_test([[0.9] * 10, [0.8] * 10, [0.7] * 10]) == (None, 0.0)
    assert friedman_test([[0.5] * 10] * 3) == (None, 1.0)


def test_equally_good_rows_rarely_differ_significantly() -> None:
    generator = np.random.default_rng(0)
    errors = sum(friedman_test(generator.random((5, 10)).tolist())[1] <= 0.05 for _ in range(2000))
    assert 0.03 <= errors / 2000 <= 0.07


def test_fewer_than_two_rows_or_tasks_are_refused() -> None:
    for means in ([[0.5, 0.6]], [[0.5], [0.6]], []):
        with pytest.raises(SeqbenchError, match="at least two"):
            friedman_test(means)
