"""Ranks of the rows of one task, with the p values that decide them and what their test can detect."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqbench.leaderboard.stats import rank_power, ranking
from seqbench.leaderboard.stats.ranking import Ranking
from seqbench.leaderboard.task_data import RANKED, RankTest, RowData


def rank_rows(rows: Sequence[RowData], direction: str) -> tuple[list[RowData], RankTest | None]:
    """Return the rows with their ranks and p values, and the test that they come from.

    The test is None if no row has a rank, as with one seed.

    Args:
        rows: the rows that have records; only those whose state is ranked, with two seeds or more, get a rank.
        direction: ``min`` or ``max``: which scores are better.
    """
    samples = [
        [seed.value for seed in row.seeds if seed.value is not None] if row.state == RANKED else [] for row in rows
    ]
    result = ranking.compute_ranking(samples, direction)
    order = _table_order(rows, result, direction)
    if not order:
        return list(rows), None
    ranked = list(rows)
    for place, index in enumerate(order):
        ranked[index] = _ranked_row(rows[index], result, index, order[:place])
    return ranked, _rank_test([ranked[index] for index in order], result, order)


def _table_order(rows: Sequence[RowData], result: Ranking, direction: str) -> list[int]:
    """Return the places of the rows that have a rank, best mean first."""
    sign = 1 if direction == "min" else -1
    known = [index for index, rank in enumerate(result.ranks) if rank is not None]
    return sorted(known, key=lambda index: (sign * (rows[index].mean or 0.0), rows[index].label))


def _ranked_row(row: RowData, result: Ranking, index: int, above: Sequence[int]) -> RowData:
    """Return a row with its rank.

    Args:
        row: the row.
        result: the ranking.
        index: place of the row in the ranking.
        above: places of the rows with better means, best first.
    """
    low, high = result.lowest[index], result.highest[index]
    return replace(
        row,
        rank=result.ranks[index],
        rank_range=[low, high] if low is not None and high is not None and low != high else [],
        p_first=float(result.p[index, above[0]]) if above else None,
        p_above=float(result.p[index, above[-1]]) if above else None,
    )


def _rank_test(rows: Sequence[RowData], result: Ranking, order: Sequence[int]) -> RankTest:
    """Return what the test of these rows can detect.

    Args:
        rows: the rows that have a rank.
        result: the ranking.
        order: places of these rows in the ranking.
    """
    seeds = min(sum(seed.value is not None for seed in row.seeds) for row in rows)
    mixed = any(row.solved is not None and 0 < row.solved < len(row.seeds) for row in rows)
    several = len(rows) > 1
    return RankTest(
        rows=len(rows),
        seeds=seeds,
        alpha=ranking.ALPHA,
        groups=len({row.rank for row in rows}),
        draws=result.draws,
        undecided=[row.label for row in rows if row.rank_range],
        detectable=rank_power.detectable_difference(seeds, len(rows)) if several else None,
        needed=_median_needed(result, order) if several else None,
        solve_or_fail=mixed,
        board_error=rank_power.solve_or_fail_error(seeds) if mixed else None,
    )


def _median_needed(result: Ranking, order: Sequence[int]) -> float | None:
    """Return the median difference of two means that would have been significant; None if it is not finite."""
    pairs = result.needed[np.ix_(order, order)][np.triu_indices(len(order), 1)]
    median = float(np.median(pairs))
    return median if math.isfinite(median) and median > 0 else None
