"""Measure how often a board ranks equal architectures differently: ``python -m benchmarks.ranking``.

Each board has six architectures with the same expected score, so that every significant difference is an error. The
claim is an error in at most 5 % of the boards where scores are normally distributed. Where each seed either solves the
task or fails, the rate is printed without a claim.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks._results import write_results
from seqbench.leaderboard.stats.ranking import pairwise_p_values

ARCHITECTURES, BOARDS, DRAWS, ALPHA = 6, 2000, 999, 0.05
Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(spread: float) -> Draw:
    """Draw normal scores. The standard deviation of the last architecture is ``spread`` times that of the first."""
    deviations = np.geomspace(1, spread, ARCHITECTURES)[:, None]
    return lambda generator, seeds: generator.normal(size=(ARCHITECTURES, seeds)) * deviations


def solved(probability: float) -> Draw:
    """Draw seeds that solve the task (1) with this probability, and stay at chance (0.5) otherwise."""
    return lambda generator, seeds: np.where(generator.random((ARCHITECTURES, seeds)) < probability, 1.0, 0.5)


KINDS = {
    "normal, equal variances": normal(1),
    "normal, deviations 1 to 10": normal(10),
    "normal, deviations 1 to 1000": normal(1000),
    "solve or fail, 9 of 10 solve": solved(0.9),
    "solve or fail, even odds": solved(0.5),
}


def main() -> None:
    figures: dict[str, dict[str, float]] = {}
    for kind, draw in KINDS.items():
        figures[kind] = {str(seeds): error_rate(draw, seeds) for seeds in (3, 5)}
        rates = ", ".join(f"{share:.3f} with {seeds} seeds" for seeds, share in figures[kind].items())
        print(f"{kind}: share of boards with an error {rates}")
    settings = {"architectures": ARCHITECTURES, "boards": BOARDS, "draws": DRAWS, "alpha": ALPHA}
    write_results("ranking", {**settings, "errors": figures, "command": "python -m benchmarks.ranking"})


def error_rate(draw: Draw, seeds: int) -> float:
    """Return the share of boards in which any two architectures differ significantly."""
    generator = np.random.default_rng(0)
    smallest = [np.nanmin(pairwise_p_values(draw(generator, seeds).tolist(), draws=DRAWS)) for _ in range(BOARDS)]
    return float(np.mean([p <= ALPHA for p in smallest]))


if __name__ == "__main__":
    main()
