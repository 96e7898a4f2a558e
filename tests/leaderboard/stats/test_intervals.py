from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqbench.leaderboard.stats.intervals import (
    Interval,
    combined_half_width,
    mean_and_deviation,
    mean_interval,
    sampled_mean_interval,
    shared_share,
)
from seqbench.utils.errors import SeqbenchError

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@pytest.mark.parametrize("values", [[0.2, 0.5, 0.6], [1.0, 1.0, 0.5], [-3.0, 7.0], [0.1 * n for n in range(40)]])
def test_the_interval_is_that_of_students_t(values: list[float]) -> None:
    low, high = stats.t.interval(0.95, len(values) - 1, loc=sum(values) / len(values), scale=stats.sem(values))
    found = mean_interval(values)
    assert found.half_width is not None
    assert (found.mean - found.half_width, found.mean + found.half_width) == (pytest.approx(low), pytest.approx(high))


def test_one_value_has_no_interval_and_equal_values_have_an_empty_one() -> None:
    assert mean_interval([0.3]) == Interval(0.3, None)
    for value in (0.1, -0.7, 1e300, 5e-324, 0.0):
        for count in (2, 3, 10, 49):
            assert mean_interval([value] * count) == Interval(value, 0.0)


@pytest.mark.parametrize(
    ("values", "mean", "half_width", "precision"),
    [
        ([1e300, 3e300], 2e300, 12.706204736e300, 1e-9),
        ([2e-320, 4e-320], 3e-320, 12.7e-320, 1e-2),
        ([-1.7e308, 1.7e308], 0.0, math.inf, 0.0),
        ([1e300, 1e-300], 5e299, 6.353102368e300, 1e-9),
    ],
)
def test_huge_and_tiny_values_have_an_interval(
    values: list[float], mean: float, half_width: float, precision: float
) -> None:
    interval = mean_interval(values)
    assert (interval.mean, interval.half_width) == (mean, pytest.approx(half_width, rel=precision, abs=0.0))


@settings(derandomize=True, database=None, max_examples=60)
@given(st.lists(FINITE, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_mean_is_exact_for_values_of_any_size_and_order(values: list[float], random: Any) -> None:
    mean, deviation = mean_and_deviation(values)
    exact = sum(map(Fraction, values), Fraction(0)) / len(values)
    assert min(values) <= mean <= max(values)
    assert abs(Fraction(mean) - exact) <= Fraction(max(map(abs, values))) / 2**50 + Fraction(5e-324)
    assert deviation >= 0
    assert not math.isnan(deviation)
    random.shuffle(values)
    assert mean_and_deviation(values) == (mean, deviation)


@pytest.mark.parametrize("odd", [math.nan, math.inf, 10**400, None, "0.5"])
def test_a_value_that_is_not_a_finite_number_is_refused(odd: Any) -> None:
    with pytest.raises(SeqbenchError, match="finite numbers, got"):
        mean_interval([0.5, odd])


def test_the_interval_over_seeds_and_samples_adds_the_two_variances() -> None:
    values, errors = [0.80, 0.82, 0.84, 0.81], [0.009, 0.010, 0.011, 0.010]
    seeds, samples = stats.sem(values) ** 2, sum(error**2 for error in errors) / 4
    freedom = (seeds + samples) ** 2 / (seeds**2 / 3)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(seeds + samples)
    found = sampled_mean_interval(values, errors)
    assert (found.mean, found.half_width) == (pytest.approx(0.8175), pytest.approx(half))
    # Without an error over samples it is the interval over seeds.
    assert sampled_mean_interval(values, [0.0] * 4).half_width == pytest.approx(mean_interval(values).half_width)
    # Equal seeds have the error of the samples, which more seeds do not make smaller.
    for count in (3, 30):
        assert sampled_mean_interval([0.8] * count, [0.01] * count).half_width == pytest.approx(0.0196, rel=1e-3)
    assert sampled_mean_interval([0.8], [0.01]).half_width is None
    with pytest.raises(SeqbenchError, match="error for each of 2 scores, got 1"):
        sampled_mean_interval([0.8, 0.9], [0.01])


def test_the_part_of_the_samples_error_that_seeds_do_not_share_counts_once() -> None:
    """The variance of the mean is that of a two-way analysis of variance without replication."""
    values, errors, shared = [0.80, 0.82, 0.84, 0.81], [0.01] * 4, 0.7
    seeds = stats.sem(values) ** 2
    samples = 1e-4 * (shared - (1 - shared) / 3)
    freedom = (seeds + samples) ** 2 / (seeds**2 / 3)
    half = stats.t.ppf(0.975, freedom) * math.sqrt(seeds + samples)
    assert sampled_mean_interval(values, errors, shared).half_width == pytest.approx(half)
    # If seeds share nothing, their scatter holds all of it.
    alone = sampled_mean_interval(values, errors, 0.25).half_width
    assert alone == pytest.approx(mean_interval(values).half_width)


def test_the_shared_share_is_that_of_the_simulated_errors() -> None:
    generator = np.random.default_rng(0)
    for share in (0.25, 0.5, 1.0):
        common = math.sqrt(share) * generator.normal(size=20_000)
        moved = common + math.sqrt(1 - share) * generator.normal(size=(4, 20_000))
        expected = share + (1 - share) / 4
        assert shared_share(moved.tolist()) == pytest.approx(expected, abs=0.02)
        # The variances of numpy, as a second implementation.
        assert shared_share(moved.tolist()) == pytest.approx(moved.mean(0).var(ddof=1) / moved.var(1, ddof=1).mean())


@pytest.mark.parametrize("groups", [[], [(0.1, -0.1)], [(0.1, -0.1), ()], [(), ()], [(0.0, 0.0), (0.0, 0.0)]])
def test_an_unknown_share_is_taken_to_be_all(groups: list[tuple[float, ...]]) -> None:
    assert shared_share(groups) == 1.0


@pytest.mark.parametrize("shared", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_interval_over_seeds_and_samples_covers_the_mean_of_all_samples(seeds: int, shared: float) -> None:
    generator, covered = np.random.default_rng(seeds), 0
    for _ in range(1000):
        common = math.sqrt(shared / 20) * generator.normal(size=20)
        moved = common + math.sqrt((1 - shared) / 20) * generator.normal(size=(seeds, 20))
        values = moved.sum(1) + 0.5 * generator.normal(size=seeds)
        share = shared_share((moved - moved.mean(1, keepdims=True)).tolist())
        half = sampled_mean_interval(values.tolist(), [1.0] * seeds, share).half_width
        covered += half is not None and abs(values.mean()) <= half
    assert 0.91 <= covered / 1000 <= 0.98


def test_half_widths_of_tiny_and_huge_variances_are_finite() -> None:
    assert combined_half_width([]) is None
    assert combined_half_width([(0.0, 3)]) is None
    for size in (1e-300, 1e-12, 1.0, 1e300):
        found = combined_half_width([(size, 2), (size, 2)])
        assert found == pytest.approx(stats.t.ppf(0.975, 4) * math.sqrt(2 * size))


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="at least one score"):
        mean_interval([])


def test_statistics_import_neither_torch_nor_scipy_stats() -> None:
    script = (
        "import sys; from seqbench.leaderboard.stats import average_ranks, intervals, performance_profiles, ranking;"
        "intervals.mean_interval([1, 2]); average_ranks.critical_difference(3, 10);"
        "print([name for name in ('torch', 'scipy.stats', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
