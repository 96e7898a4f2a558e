from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from seqbench.leaderboard.stats.ranking import (
    FIRST_DRAWS,
    MOST_WORK,
    compute_ranking,
    pairwise_p_values,
    rank_samples,
)
from seqbench.utils.errors import SeqbenchError

SOLVED, HALF, CHANCE = (1.0, 1.0, 1.0), (0.5, 0.52, 0.49), (0.125, 0.126, 0.124)


def reference_p_values(samples: Sequence[Sequence[float]], draws: int) -> NDArray[np.float64]:
    """Compute the parametric bootstrap pair by pair, with other random numbers."""
    generator = np.random.default_rng(7)
    counts = [len(s) for s in samples]
    values = sorted({value for sample in samples for value in sample})
    step = float(np.diff(values).min())
    means = [np.mean(s) for s in samples]
    squares = [max(float(np.var(s, ddof=1)), (step / 2) ** 2) / len(s) for s in samples]
    largest = []
    for _ in range(draws):
        centre = [generator.normal(0, math.sqrt(square)) for square in squares]
        spread = [square * generator.chisquare(n - 1) / (n - 1) for square, n in zip(squares, counts, strict=True)]
        pairs = [(i, j) for i, j in combinations(range(len(samples)), 2) if squares[i] + squares[j] > 0]
        largest.append(max(abs(centre[i] - centre[j]) / math.sqrt(spread[i] + spread[j]) for i, j in pairs))
    p = np.ones((len(samples), len(samples)))
    for i, j in combinations(range(len(samples)), 2):
        gap, error = abs(means[i] - means[j]), math.sqrt(squares[i] + squares[j])
        seen = gap / error if error else (math.inf if gap else 0.0)
        p[i, j] = p[j, i] = (1 + sum(value >= seen for value in largest)) / (1 + draws)
    return p


def test_p_values_are_those_of_the_reference_bootstrap() -> None:
    samples = [(0.5, 0.75, 1.0), (0.25, 0.5), (1.0, 1.0, 1.0, 1.0), (0.75, 0.75), (0.1, 0.2, 0.9, 0.4, 0.6)]
    assert pairwise_p_values(samples, 20_000) == pytest.approx(reference_p_values(samples, 4000), abs=0.03)


@pytest.mark.parametrize(("n", "shift"), [(5, 0.5), (5, 2.0), (8, 1.0), (20, 0.7)])
@pytest.mark.parametrize("deviation", [0.2, 1.0, 3.0])
def test_two_architectures_have_the_p_value_of_welchs_test(n: int, shift: float, deviation: float) -> None:
    generator = np.random.default_rng(n)
    a, b = generator.normal(size=n), generator.normal(shift, deviation, size=n + 2)
    expected = stats.ttest_ind(a, b, equal_var=False).pvalue
    # Welch's degrees of freedom are an approximation too, so the tolerance exceeds the error of the draws.
    assert pairwise_p_values([a.tolist(), b.tolist()], 40_000)[0, 1] == pytest.approx(expected, abs=0.012)


def test_equal_variances_and_many_seeds_give_the_p_values_of_tukeys_test() -> None:
    generator = np.random.default_rng(0)
    noise = stats.zscore(generator.normal(size=(4, 30)), axis=1)
    samples = noise + np.array([[0.0], [0.3], [0.6], [0.8]])
    assert pairwise_p_values(samples.tolist()) == pytest.approx(stats.tukey_hsd(*samples).pvalue, abs=0.02)


def equal_means(deviations: Sequence[float]) -> Callable[[np.random.Generator], NDArray[np.float64]]:
    """Return a function that draws three seeds of each architecture, all with mean 0."""
    return lambda generator: generator.normal(size=(len(deviations), 3)) * np.array(deviations)[:, None]


@pytest.mark.parametrize(
    "draw",
    [
        equal_means([1] * 6),
        equal_means([1, 2, 4, 8, 16, 32]),
        lambda generator: np.where(generator.random((6, 3)) < 0.1, 0.5, 1.0),
    ],
    ids=["equal variances", "unequal variances", "nine of ten seeds solve"],
)
def test_equally_good_architectures_rarely_differ_significantly(draw: Callable[[Any], NDArray[np.float64]]) -> None:
    generator = np.random.default_rng(0)
    wrong = sum(bool((pairwise_p_values(draw(generator).tolist(), 299) <= 0.05).any()) for _ in range(400))
    assert wrong / 400 <= 0.065  # .05 plus the sampling error of 400 draws.


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("ratio", [1, 1000])
def test_the_familywise_error_is_alpha(seeds: int, ratio: float) -> None:
    generator = np.random.default_rng(1)
    deviations = np.geomspace(1, ratio, 6)[:, None]
    tests = (pairwise_p_values((generator.normal(size=(6, seeds)) * deviations).tolist(), 999) for _ in range(2000))
    assert sum(bool((p <= 0.05).any()) for p in tests) / 2000 <= 0.06


def test_three_seeds_are_enough_for_large_differences() -> None:
    assert rank_samples([SOLVED, HALF, CHANCE], "max") == [1, 2, 3]
    assert rank_samples([SOLVED, HALF, CHANCE], "min") == [3, 2, 1]
    assert rank_samples([HALF, SOLVED, CHANCE, (1.0, 1.0, 0.98)], "max") == [3, 1, 4, 1]
    # They are not enough if both architectures have a seed that failed.
    assert rank_samples([(1.0, 1.0, 0.5), (0.5, 1.0, 0.5)], "max") == [1, 1]


def test_equal_seeds_have_the_spread_of_half_the_resolution() -> None:
    # Two outcomes only: three seeds of each do not show that the outcomes never mix.
    assert rank_samples([SOLVED, (0.9, 0.9, 0.9), SOLVED], "max") == [1, 1, 1]
    assert rank_samples([(1.0,) * 10, (0.9,) * 10, (1.0,) * 10], "max") == [1, 3, 1]
    # Scores that scatter show a finer resolution.
    p = pairwise_p_values([SOLVED, SOLVED, CHANCE, HALF])
    assert p[0, 1] == 1
    assert p[0, 2] <= 0.001
    assert pairwise_p_values([SOLVED, SOLVED]).tolist() == [[1, 1], [1, 1]]
    mixed = [(0.5, 1.0, 1.0), (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)]
    assert pairwise_p_values(mixed, 40_000) == pytest.approx(reference_p_values(mixed, 4000), abs=0.03)


@pytest.mark.parametrize(
    "draw",
    [
        lambda generator, seeds: np.where(generator.random((6, seeds)) < 0.5, 1.0, 0.5),
        lambda generator, seeds: np.round(generator.normal(size=(6, seeds))),
        lambda generator, seeds: generator.choice([0.4, 0.5, 0.6], p=[0.25, 0.5, 0.25], size=(6, seeds)),
        lambda generator, seeds: generator.binomial(20, 0.5, size=(6, seeds)) / 20,
    ],
    ids=["two values", "rounded", "three values", "right answers to 20 questions"],
)
@pytest.mark.parametrize("seeds", [3, 5])
def test_scores_of_a_few_values_rarely_differ_significantly(draw: Callable[[Any, int], Any], seeds: int) -> None:
    generator = np.random.default_rng(3)
    wrong = sum(bool((pairwise_p_values(draw(generator, seeds).tolist(), 299) <= 0.05).any()) for _ in range(400))
    assert wrong / 400 <= 0.075  # .05 plus the sampling error of 400 draws.


def test_rounding_errors_are_not_a_difference() -> None:
    a, b = (0.1 + 0.2,) * 3, (0.3, 0.3, 0.1 + 0.2)
    assert pairwise_p_values([a, b])[0, 1] == 1
    others = [SOLVED, (0.2, 0.4, 0.9)]
    np.testing.assert_allclose(pairwise_p_values([b, *others]), pairwise_p_values([a, *others]), atol=1e-3)


def test_a_larger_alpha_gives_more_ranks() -> None:
    samples = [HALF, (0.38, 0.45, 0.52)]
    p = pairwise_p_values(samples)[0, 1]
    assert 0.05 < p < 0.5
    assert rank_samples(samples, "max", alpha=p + 0.02) == [1, 2]
    assert rank_samples(samples, "max", alpha=p - 0.02) == rank_samples(samples, "max") == [1, 1]


def test_a_sample_of_fewer_than_two_seeds_has_no_rank_and_no_effect() -> None:
    p = pairwise_p_values([SOLVED, (0.3,), HALF, ()])
    assert np.isnan(p[[1, 3]]).all()
    assert np.isnan(p[:, [1, 3]]).all()
    np.testing.assert_array_equal(p[np.ix_([0, 2], [0, 2])], pairwise_p_values([SOLVED, HALF]))
    assert rank_samples([SOLVED, (0.3,), HALF, ()], "max") == [1, None, 2, None]
    assert pairwise_p_values([]).shape == (0, 0)
    assert rank_samples([], "max") == []
    assert rank_samples([(0.5,)], "max") == [None]
    assert rank_samples([HALF], "max") == [1]


SAMPLES = st.lists(st.lists(st.integers(0, 6).map(lambda n: n / 8), min_size=1, max_size=4), min_size=1, max_size=5)


@settings(derandomize=True, database=None, max_examples=40, deadline=None)
@given(SAMPLES, st.randoms(use_true_random=False), st.sampled_from([1e-150, 1e-3, 7.0, 1e300]))
def test_order_scale_and_origin_have_no_effect(samples: list[list[float]], random: Any, scale: float) -> None:
    p = pairwise_p_values(samples, 200)
    np.testing.assert_array_equal(p, p.T)
    enough = [place for place, sample in enumerate(samples) if len(sample) > 1]
    assert (p[enough, enough] == 1).all()
    assert ((p[np.ix_(enough, enough)] > 0) & (p[np.ix_(enough, enough)] <= 1)).all()
    order = list(range(len(samples)))
    random.shuffle(order)
    shuffled = [random.sample(samples[place], len(samples[place])) for place in order]
    np.testing.assert_array_equal(pairwise_p_values(shuffled, 200), p[np.ix_(order, order)])
    moved = [[scale * (value + 1) for value in sample] for sample in samples]
    np.testing.assert_allclose(pairwise_p_values(moved, 200), p, atol=2 / 201)
    assert rank_samples([[-value for value in sample] for sample in samples], "min") == rank_samples(samples, "max")


@settings(derandomize=True, database=None, max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=3), max_size=4))
def test_finite_numbers_of_any_size_have_p_values(samples: list[list[float]]) -> None:
    p = pairwise_p_values(samples, 50)
    assert ((p > 0) & (p <= 1)).all()


def test_a_hundred_architectures_take_little_time_and_memory() -> None:
    samples = np.random.default_rng(0).normal(size=(100, 5)).tolist()
    start = time.process_time()
    pairwise_p_values(samples)
    assert time.process_time() - start < 4  # .2 s on an idle machine.
    tracemalloc.start()
    pairwise_p_values(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 * 2**20


def test_invalid_arguments_are_refused() -> None:
    with pytest.raises(SeqbenchError, match="'max' or 'min', got 'up'"):
        rank_samples([SOLVED, HALF], "up")
    with pytest.raises(SeqbenchError, match=r"between 0 and 1 .* got 5"):
        rank_samples([SOLVED, HALF], "max", alpha=5)
    with pytest.raises(SeqbenchError, match="finite numbers, got nan"):
        rank_samples([SOLVED, (0.5, math.nan)], "max")


def test_no_architecture_ranks_before_one_with_a_better_mean() -> None:
    steady, close, scattered = (1.0, 1.0, 0.999), (0.97, 0.972, 0.971), (1.0, 0.1, 0.4)
    # The scattered one differs significantly from neither, and still ranks behind those with a better mean.
    assert pairwise_p_values([steady, close, scattered])[0, 2] > 0.05
    assert rank_samples([steady, close, scattered], "max") == [1, 2, 2]
    assert rank_samples([scattered, close, steady], "max") == [2, 2, 1]
    losses = [[1 - value for value in sample] for sample in (steady, close, scattered)]
    assert rank_samples(losses, "min") == [1, 2, 2]


def test_draws_are_made_until_every_rank_is_decided() -> None:
    clear = compute_ranking([SOLVED, HALF, CHANCE], "max")
    assert (clear.draws, clear.undecided) == (FIRST_DRAWS, [False] * 3)
    # With this alpha the p value of the first look is too close to it, and more draws are made.
    samples = [HALF, (0.38, 0.45, 0.52)]
    p = float(pairwise_p_values(samples, 200_000)[0, 1])
    close = compute_ranking(samples, "max", alpha=p + 0.003)
    assert close.draws > FIRST_DRAWS
    assert close.undecided == [False, False]
    assert close.ranks == close.lowest == close.highest == [1, 2]
    # An alpha that equals the p value is never decided. Both ranks are shown.
    equal = compute_ranking(samples, "max", alpha=p)
    assert equal.undecided == [False, True]
    assert (equal.lowest, equal.highest) == ([1, 1], [1, 2])
    assert equal.draws <= MOST_WORK


def test_the_needed_difference_is_that_from_which_p_is_at_most_alpha() -> None:
    generator = np.random.default_rng(2)
    samples = (generator.normal(size=(3, 4)) * 100).tolist()
    needed = compute_ranking(samples, "max").needed
    assert needed[0, 1] == needed[1, 0]
    for factor, significant in ((1.02, True), (0.98, False)):
        apart = [samples[0], [value - np.mean(samples[1]) for value in samples[1]], samples[2]]
        apart[1] = [value + np.mean(samples[0]) + factor * needed[0, 1] for value in apart[1]]
        assert bool(pairwise_p_values(apart, 10_000)[0, 1] <= 0.05) is significant
