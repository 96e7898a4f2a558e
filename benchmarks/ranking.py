"""How often a board ranks somebody below an equal: ``python -m benchmarks.ranking``.

Boards of six architectures whose expected scores are all the same, so that each difference that is found is an error.
The claim is 5 % of boards for scores that scatter normally; where seeds solve a task or fail, it is told as it is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks._results import keep
from seqbench.leaderboard.stats.ranking import pairwise_p_values

ARCHITECTURES, BOARDS, DRAWS, ALPHA = 6, 2000, 999, 0.05
Draw = Callable[[np.random.Generator, int], np.ndarray]


def normal(spread: float) -> Draw:
    """Normal scores; the standard deviation of the last architecture is ``spread`` times that of the first."""
    deviations = np.geomspace(1, spread, ARCHITECTURES)[:, None]
    return lambda generator, seeds: generator.normal(size=(ARCHITECTURES, seeds)) * deviations


def solved(odds: float) -> Draw:
    """Seeds that solve the task (1) with these odds, or else stay at chance (0.5)."""
    return lambda generator, seeds: np.where(generator.random((ARCHITECTURES, seeds)) < odds, 1.0, 0.5)


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
        figures[kind] = {str(seeds): errors(draw, seeds) for seeds in (3, 5)}
        said = ", ".join(f"{share:.3f} with {seeds} seeds" for seeds, share in figures[kind].items())
        print(f"{kind}: boards that err {said}")
    settings = {"architectures": ARCHITECTURES, "boards": BOARDS, "draws": DRAWS, "alpha": ALPHA}
    keep("ranking", {**settings, "errors": figures, "command": "python -m benchmarks.ranking"})


def errors(draw: Draw, seeds: int) -> float:
    """The share of boards in which any two architectures are told apart."""
    generator = np.random.default_rng(0)
    found = [np.nanmin(pairwise_p_values(draw(generator, seeds).tolist(), draws=DRAWS)) <= ALPHA for _ in range(BOARDS)]
    return float(np.mean(found))


if __name__ == "__main__":
    main()
