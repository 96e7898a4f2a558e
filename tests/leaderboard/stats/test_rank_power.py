from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqbench.leaderboard.stats import rank_power
from seqbench.leaderboard.stats.rank_power import detectable_difference, solve_or_fail_error
from seqbench.leaderboard.stats.ranking import pairwise_p_values

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results" / "ranking.json"


def measured() -> Any:
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def test_the_table_is_that_of_the_benchmark() -> None:
    power = measured()["power"]["deviations"]
    assert {int(seeds) for seeds in power} == set(rank_power.SEEDS)
    for seeds, line in zip(rank_power.SEEDS, rank_power.DEVIATIONS, strict=True):
        expected = [power[str(seeds)][str(rows)] for rows in rank_power.ROWS]
        assert line == pytest.approx(expected, rel=6e-3)
        assert [detectable_difference(seeds, rows) for rows in rank_power.ROWS] == pytest.approx(line)


def test_the_errors_are_those_of_the_benchmark() -> None:
    errors = measured()["errors"]["solve or fail with noise, even odds"]
    assert {int(seeds): share for seeds, share in errors.items()} == pytest.approx(rank_power.SOLVE_OR_FAIL, abs=1e-3)
    assert solve_or_fail_error(3) == solve_or_fail_error(2) == solve_or_fail_error(4) == rank_power.SOLVE_OR_FAIL[3]
    assert solve_or_fail_error(40) == rank_power.SOLVE_OR_FAIL[10]


def test_between_the_entries_the_difference_falls_with_seeds_and_grows_with_rows() -> None:
    by_seeds = [detectable_difference(seeds, 6) for seeds in range(2, 51)]
    by_rows = [detectable_difference(5, rows) for rows in range(2, 201)]
    assert by_seeds == sorted(by_seeds, reverse=True)
    assert by_rows == sorted(by_rows)
    assert detectable_difference(100, 6) == detectable_difference(50, 6)
    assert detectable_difference(3, 500) == detectable_difference(3, 200)


@pytest.mark.parametrize(("seeds", "rows"), [(3, 6), (5, 3), (10, 4), (8, 5)])
def test_the_rank_test_sees_the_difference_in_four_of_five_boards(seeds: int, rows: int) -> None:
    generator = np.random.default_rng(0)
    shift = np.zeros((rows, 1))
    shift[0] = detectable_difference(seeds, rows)
    boards = ((generator.normal(size=(rows, seeds)) + shift).tolist() for _ in range(400))
    # Every other row is a pair of the same difference, which makes the estimate more precise.
    share = float(np.mean([(pairwise_p_values(board, 999)[0, 1:] <= 0.05).mean() for board in boards]))
    assert share == pytest.approx(0.8, abs=0.05)
