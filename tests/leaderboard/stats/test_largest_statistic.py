from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from seqbench.leaderboard.stats.largest_statistic import CHUNK, LargestStatistic


def largest(counts: list[int], errors: list[float]) -> LargestStatistic:
    return LargestStatistic(np.array(counts), np.array(errors))


def test_two_equal_samples_have_students_distribution() -> None:
    drawn = largest([5, 5], [1.0, 1.0]).draw(40_000)
    assert np.quantile(drawn, [0.5, 0.95]) == pytest.approx(np.abs(stats.t.ppf([0.75, 0.975], 8)), rel=0.03)


def test_the_distribution_is_that_of_a_loop_over_pairs() -> None:
    counts, errors = [3, 4, 5], [1.0, 0.3, 2.0]
    generator = np.random.default_rng(1)
    expected = []
    for _ in range(20_000):
        means = [generator.normal(0, error) for error in errors]
        variances = [e * e * generator.chisquare(n - 1) / (n - 1) for n, e in zip(counts, errors, strict=True)]
        pairs = combinations(range(3), 2)
        expected.append(max(abs(means[i] - means[j]) / math.sqrt(variances[i] + variances[j]) for i, j in pairs))
    drawn = largest(counts, errors).draw(20_000)
    assert np.quantile(drawn, [0.5, 0.9, 0.95]) == pytest.approx(np.quantile(expected, [0.5, 0.9, 0.95]), rel=0.04)


def test_more_draws_begin_with_the_draws_of_fewer() -> None:
    few, many = largest([3, 3, 3], [1.0, 2.0, 3.0]), largest([3, 3, 3], [3.0, 1.0, 2.0])
    first = few.draw(CHUNK)
    every = many.draw(5 * CHUNK)
    assert len(every) == 5 * CHUNK
    assert np.isin(first, every).all()
    np.testing.assert_array_equal(few.draw(5 * CHUNK), every)
    assert (np.diff(every) >= 0).all()


def test_samples_without_spread_count_as_one() -> None:
    one, two = largest([3, 3], [1.0, 0.0]), largest([3, 3, 3], [0.0, 1.0, 0.0])
    np.testing.assert_array_equal(one.draw(2000), two.draw(2000))
    assert not largest([3, 3], [0.0, 0.0]).draw(10).any()
    assert not largest([3], [1.0]).draw(10).any()
