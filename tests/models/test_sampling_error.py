"""The standard error of ratios of sums, compared with the jackknife and with simulated streams."""

from __future__ import annotations

import numpy as np
import pytest

from seqbench.models.sampling_error import GROUPS, group_influences, newey_west_lags, ratio_standard_error
from tests.optional import not_none

Floats = np.ndarray


def mean_ratio(above: Floats, below: Floats) -> float:
    used = below.sum(0) != 0
    return float((above.sum(0)[used] / below.sum(0)[used]).mean())


def jackknife(above: Floats, below: Floats) -> float:
    """Return the jackknife's standard error of the mean of the ratios (Efron & Tibshirani 1993, chapter 11)."""
    count = len(above)
    left_out = [mean_ratio(np.delete(above, i, 0), np.delete(below, i, 0)) for i in range(count)]
    return float(np.sqrt((count - 1) * np.var(left_out)))


@pytest.mark.parametrize("entries", [1, 5])
def test_the_standard_error_is_that_of_the_jackknife(entries: int) -> None:
    generator = np.random.default_rng(entries)
    below = generator.integers(1, 9, (400, entries)).astype(float)
    above = below * generator.beta(2, 3, (400, entries))
    assert ratio_standard_error(above, below) == pytest.approx(jackknife(above, below), rel=0.02)


def test_the_standard_error_of_a_mean_is_that_of_the_textbook() -> None:
    values = np.random.default_rng(0).normal(size=(50, 1))
    expected = values.std(ddof=1) / np.sqrt(50)
    assert ratio_standard_error(values, np.ones_like(values)) == pytest.approx(expected, rel=1e-12)


def test_entries_without_a_denominator_do_not_count() -> None:
    generator = np.random.default_rng(1)
    above, below = generator.random((30, 2)), np.ones((30, 2))
    with_empty = [np.concatenate([part, np.zeros((30, 1))], 1) for part in (above, below)]
    assert ratio_standard_error(*with_empty) == pytest.approx(not_none(ratio_standard_error(above, below)), rel=1e-12)


def test_the_standard_error_is_unknown_for_one_sample_and_without_denominators() -> None:
    assert ratio_standard_error(np.ones((1, 1)), np.ones((1, 1))) is None
    assert ratio_standard_error(np.zeros((9, 1)), np.zeros((9, 1))) is None


def test_chunks_of_one_row_that_depend_on_each_other_have_a_larger_error() -> None:
    """The error of autocorrelated streams is that over many simulated sets of streams, and not that of independence."""
    generator, rows, chunks = np.random.default_rng(2), 8, 200
    means, errors, naive = [], [], []
    for _ in range(200):
        noise = generator.normal(size=(chunks, rows))
        series = np.zeros_like(noise)
        for step in range(1, chunks):
            series[step] = 0.5 * series[step - 1] + noise[step]
        values = series.reshape(-1, 1)
        means.append(values.mean())
        errors.append(not_none(ratio_standard_error(values, np.ones_like(values), np.tile(np.arange(rows), chunks))))
        naive.append(not_none(ratio_standard_error(values, np.ones_like(values))))
    true = np.std(means, ddof=1)
    assert np.mean(errors) == pytest.approx(true, rel=0.2)
    assert np.mean(naive) < 0.7 * true


def test_a_series_has_fewer_lags_than_points() -> None:
    assert [newey_west_lags(length) for length in (1, 2, 3, 100, 1000)] == [0, 1, 1, 4, 6]


def test_a_group_moves_the_score_as_leaving_it_out_does() -> None:
    generator = np.random.default_rng(2)
    below = generator.integers(1, 9, size=(4000, 1)).astype(float)
    above = below * generator.random((4000, 1))
    groups = np.arange(4000) % GROUPS
    moved = not_none(group_influences(above, below, groups))
    whole = above.sum() / below.sum()
    without = [above[groups != g].sum() / below[groups != g].sum() for g in range(GROUPS)]
    assert moved == pytest.approx([(whole - score) * (GROUPS - 1) / GROUPS for score in without], rel=0.02, abs=1e-5)
    assert sum(moved) == pytest.approx(0, abs=1e-12)


def test_the_groups_give_the_standard_error_of_the_score() -> None:
    values = np.random.default_rng(3).normal(size=(200_000, 1))
    ones = np.ones_like(values)
    moved = not_none(group_influences(values, ones, np.arange(len(values)) % GROUPS))
    # The estimate from 20 groups has a relative error of about 16 %.
    assert np.std(moved, ddof=1) * GROUPS**0.5 == pytest.approx(not_none(ratio_standard_error(values, ones)), rel=0.5)


def test_few_samples_have_no_groups() -> None:
    few = np.ones((GROUPS - 1, 1))
    assert group_influences(few, few, np.arange(len(few))) is None
    assert group_influences(np.zeros((50, 1)), np.zeros((50, 1)), np.arange(50) % GROUPS) is None
