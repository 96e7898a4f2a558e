"""What the rank test can detect with the seeds of a board, and how often it errs where its assumption does not hold.

The table comes from ``python -m benchmarks.ranking``, which writes it to ``benchmarks/results/ranking.json``; a test
compares the two.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

SEEDS = (2, 3, 4, 5, 7, 10, 15, 20, 30, 50)
"""Numbers of seeds of the table."""
ROWS = (2, 3, 4, 6, 10, 20, 50, 100, 200)
"""Numbers of rows of the table."""
DEVIATIONS = (
    (7.28, 13, 17.6, 31.7, 55.3, 118, 328, 698, 1429),
    (3.36, 4.27, 5.31, 6.88, 9.14, 13.3, 21.6, 32.1, 43.1),
    (2.53, 3.17, 3.56, 4.22, 5.19, 6.6, 9.26, 11.8, 14.7),
    (2.08, 2.47, 2.8, 3.18, 3.76, 4.63, 6.15, 7.23, 8.68),
    (1.65, 2.01, 2.23, 2.47, 2.89, 3.31, 3.9, 4.48, 5.12),
    (1.37, 1.53, 1.72, 1.88, 2.12, 2.47, 2.82, 3.19, 3.44),
    (1.08, 1.25, 1.35, 1.51, 1.61, 1.82, 2.1, 2.28, 2.45),
    (0.926, 1.07, 1.15, 1.26, 1.36, 1.52, 1.71, 1.86, 1.98),
    (0.745, 0.878, 0.926, 1, 1.09, 1.2, 1.35, 1.45, 1.55),
    (0.569, 0.643, 0.699, 0.759, 0.829, 0.913, 1.01, 1.08, 1.14),
)
"""Detected difference by seeds and rows, in standard deviations of one architecture."""
SOLVE_OR_FAIL = {3: 0.269, 5: 0.022, 10: 0.074}
"""Share of boards that rank equally good rows differently, by seeds, if each seed solves or fails at even odds."""


def detectable_difference(seeds: int, rows: int) -> float:
    """Return the difference of two rows that the rank test detects in 80 % of boards, in standard deviations.

    All rows have the same standard deviation over seeds, which is the unit. Between the entries of the table the
    logarithm is interpolated; beyond its ends the last entry counts.

    Args:
        seeds: number of seeds of each row, at least 2.
        rows: number of rows that are ranked, at least 2.

    >>> round(detectable_difference(3, 6))
    7
    """
    seed, seed_share = _place(seeds, SEEDS)
    row, row_share = _place(rows, ROWS)
    logs = [
        (1 - row_share) * math.log(line[row]) + row_share * math.log(line[min(row + 1, len(ROWS) - 1)])
        for line in (DEVIATIONS[seed], DEVIATIONS[min(seed + 1, len(SEEDS) - 1)])
    ]
    return math.exp((1 - seed_share) * logs[0] + seed_share * logs[1])


def solve_or_fail_error(seeds: int) -> float:
    """Return the measured share of boards that err where each seed solves or fails at even odds.

    The boards have six architectures. Numbers of seeds between those that were measured count as the smaller of them.
    """
    known = [number for number in SOLVE_OR_FAIL if number <= seeds] or [min(SOLVE_OR_FAIL)]
    return SOLVE_OR_FAIL[max(known)]


def _place(value: int, grid: Sequence[int]) -> tuple[int, float]:
    """Return the entry of a grid at or below a value, and the share of the way to the next entry, by logarithm."""
    value = min(max(value, grid[0]), grid[-1])
    place = min(bisect_right(grid, value) - 1, len(grid) - 2)
    low, high = grid[place], grid[place + 1]
    return place, math.log(value / low) / math.log(high / low)
