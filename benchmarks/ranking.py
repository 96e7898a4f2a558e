"""Measure errors and power of the rank test: ``python -m benchmarks.ranking``.

*Errors*: each board has six architectures with the same expected score, so that every significant difference is an
error. The claim is an error in at most 5 % of the boards (plus the sampling error of 2,000 boards), where scores are
normally distributed or take a few values. Where each seed either solves the task or fails with a score that scatters,
the rate is printed without a claim.

*Power*: the difference between two architectures, in standard deviations of one architecture, that is significant in
80 % of the boards, by the number of seeds and of rows. All architectures have the same standard deviation.
``seqbench/leaderboard/stats/rank_power.py`` holds the table that this command writes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np
from scipy.special import ndtr

from benchmarks._results import write_results
from seqbench.leaderboard.stats import ranking
from seqbench.leaderboard.stats.largest_statistic import LargestStatistic

ARCHITECTURES, BOARDS, DRAWS, ALPHA = 6, 2000, 999, 0.05
POWER, POWER_ALPHA_DRAWS = 0.8, 1999
SEEDS = (2, 3, 4, 5, 7, 10, 15, 20, 30, 50)
ROWS = (2, 3, 4, 6, 10, 20, 50, 100, 200)
Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(spread: float) -> Draw:
    """Draw normal scores. The standard deviation of the last architecture is ``spread`` times that of the first."""
    deviations = np.geomspace(1, spread, ARCHITECTURES)[:, None]
    return lambda generator, seeds: generator.normal(size=(ARCHITECTURES, seeds)) * deviations


def solved(probability: float, noise: float = 0.0) -> Draw:
    """Draw seeds that solve the task (1) with this probability, and stay at chance (0.5, with noise) otherwise."""

    def draw(generator: np.random.Generator, seeds: int) -> np.ndarray:
        size = ARCHITECTURES, seeds
        return np.where(generator.random(size) < probability, 1.0, 0.5 + noise * generator.normal(size=size))

    return draw


def grid(step: float) -> Draw:
    """Draw normal scores that are rounded to multiples of ``step`` standard deviations."""
    return lambda generator, seeds: np.round(generator.normal(size=(ARCHITECTURES, seeds)) / step) * step


KINDS = {
    "normal, equal variances": normal(1),
    "normal, deviations 1 to 10": normal(10),
    "normal, deviations 1 to 1000": normal(1000),
    "normal, rounded to a standard deviation": grid(1),
    "normal, rounded to half a standard deviation": grid(0.5),
    "right answers to 20 questions at even odds": lambda generator, seeds: (
        generator.binomial(20, 0.5, size=(ARCHITECTURES, seeds)) / 20
    ),
    "three values": lambda generator, seeds: generator.choice(
        [0.4, 0.5, 0.6], p=[0.25, 0.5, 0.25], size=(ARCHITECTURES, seeds)
    ),
    "two values, even odds": solved(0.5),
    "two values, 9 of 10 solve": solved(0.9),
    "solve or fail with noise, 9 of 10 solve": solved(0.9, 0.005),
    "solve or fail with noise, even odds": solved(0.5, 0.005),
}


def main() -> None:
    figures: dict[str, dict[str, float]] = {}
    for kind, draw in KINDS.items():
        figures[kind] = {str(seeds): error_rate(draw, seeds) for seeds in (3, 5, 10)}
        rates = ", ".join(f"{share:.3f} with {seeds} seeds" for seeds, share in figures[kind].items())
        print(f"{kind}: share of boards with an error {rates}", flush=True)
    start = time.perf_counter()
    power = {str(seeds): {str(rows): detectable(seeds, rows) for rows in ROWS} for seeds in SEEDS}
    for seeds, line in power.items():
        print(f"{seeds} seeds: " + ", ".join(f"{value:.2f} of {rows} rows" for rows, value in line.items()))
    write_results(
        "ranking",
        {
            "architectures": ARCHITECTURES,
            "boards": BOARDS,
            "draws": DRAWS,
            "alpha": ALPHA,
            "errors": figures,
            "power": {
                "share": POWER,
                "draws": POWER_ALPHA_DRAWS,
                "deviations": power,
                "seconds": round(time.perf_counter() - start),
            },
            "command": "python -m benchmarks.ranking",
        },
    )


def error_rate(draw: Draw, seeds: int) -> float:
    """Return the share of boards in which any two architectures differ significantly."""
    generator = np.random.default_rng(0)
    tests = (ranking.pairwise_p_values(draw(generator, seeds).tolist(), draws=DRAWS) for _ in range(BOARDS))
    return float(np.mean([np.nanmin(p) <= ALPHA for p in tests]))


def detectable(seeds: int, rows: int) -> float:
    """Return the difference that is significant in 80 % of the boards, in standard deviations of one architecture.

    The variances of the rows are drawn, and the statistic that is needed follows from them. For given variances, the
    difference of two means is normal, so that its share beyond the needed one is known without further draws.
    """
    generator = np.random.default_rng([seeds, rows])
    boards = max(16, min(800, 8000 // rows))
    variances = generator.chisquare(seeds - 1, (boards, rows)) / (seeds - 1)
    needed = []
    for line in variances:
        largest = LargestStatistic(np.full(rows, seeds), np.sqrt(line / seeds)).draw(POWER_ALPHA_DRAWS)
        # As in ``ranking``: p is at most alpha if at most this number of draws reach the statistic.
        most = math.floor(ALPHA * (1 + POWER_ALPHA_DRAWS) - 1 + 1e-9)
        pairs = line[0 : rows - 1 : 2] + line[1:rows:2]
        needed.append(largest[-most - 1] * np.sqrt(pairs / seeds))
    limits, error = np.concatenate(needed), math.sqrt(2 / seeds)
    low, high = 0.0, 1e6
    for _ in range(60):
        middle = (low + high) / 2
        share = float(np.mean(ndtr((middle - limits) / error) + ndtr((-middle - limits) / error)))
        low, high = (middle, high) if share < POWER else (low, middle)
    return round((low + high) / 2, 4)


if __name__ == "__main__":
    main()
