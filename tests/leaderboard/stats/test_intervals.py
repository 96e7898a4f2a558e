from __future__ import annotations

import math
import subprocess
import sys
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqbench.leaderboard.stats.intervals import Interval, mean_and_deviation, mean_interval
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


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(SeqbenchError, match="at least one score"):
        mean_interval([])


def test_statistics_import_neither_torch_nor_scipy_stats() -> None:
    script = (
        "import sys; from seqbench.leaderboard.stats import interquartile_mean, intervals, ranking;"
        "intervals.mean_interval([1, 2]);"
        "print([name for name in ('torch', 'scipy.stats', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
