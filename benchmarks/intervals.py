"""Measure how often the intervals of a board cover the true value: ``python -m benchmarks.intervals``.

Each interval that a page prints is computed from the scores of 3, 5 and 10 simulated seeds, many times. The value that
it must cover is that of arbitrarily many seeds. The scores are normal, skewed, or those of seeds that solve a task or
fail; tasks differ in their means and, where the name says so, in their standard deviations. The aim is 90 to 97 %.
Equal seeds show no spread, so that no interval is printed: ``printed`` is the share of rows with an interval, and the
coverage is that of those that are printed. Rare failures that no seed shows cannot be covered by any interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks._results import write_results
from seqbench.leaderboard.stats import improvement, interquartile_mean, intervals, performance_profiles
from seqbench.leaderboard.stats.intervals import Estimate
from seqbench.leaderboard.stats.performance_profiles import THRESHOLDS

SEEDS, REPETITIONS, MANY = (3, 5, 10), 1000, 20_000
GROUPS = 20
"""Groups of test samples in a record."""
Draw = Callable[[np.random.Generator, np.ndarray, int], np.ndarray]
"""Function that draws scores ``(tasks, seeds)`` from a generator, the means of the tasks, and the number of seeds."""


def normal(spread: float) -> Draw:
    """Draw normal scores with one standard deviation."""
    return lambda generator, means, seeds: means + spread * generator.normal(size=(len(means), seeds))


def unequal(generator: np.random.Generator, means: np.ndarray, seeds: int) -> np.ndarray:
    """Draw normal scores; the standard deviation of the last task is 60 times that of the first."""
    return means + np.geomspace(0.003, 0.2, len(means))[:, None] * generator.normal(size=(len(means), seeds))


def skewed(generator: np.random.Generator, means: np.ndarray, seeds: int) -> np.ndarray:
    """Draw scores whose distance below a best score has a gamma distribution of shape 2 (skewness 1.4)."""
    return means + 0.06 - 0.03 * generator.gamma(2, size=(len(means), seeds))


def solve_or_fail(generator: np.random.Generator, means: np.ndarray, seeds: int) -> np.ndarray:
    """Draw 1 with the probability of each mean, otherwise 0."""
    return (generator.random((len(means), seeds)) < means).astype(np.float64)


KINDS: dict[str, Draw] = {
    "normal": normal(0.03),
    "normal, wide": normal(0.15),
    "normal, unequal deviations": unequal,
    "skewed": skewed,
    "solve or fail": solve_or_fail,
}


def task_means(tasks: int) -> np.ndarray:
    """Return means between .1 and .95 ``(tasks, 1)``."""
    return np.linspace(0.1, 0.95, tasks)[:, None]


def main() -> None:
    figures: dict[str, dict[str, object]] = {
        "mean over seeds": {kind: by_seeds(mean_coverage, draw) for kind, draw in KINDS.items()},
        "mean over seeds and test samples": {
            f"{share:.0%} of the samples' error is shared": {
                str(seeds): sample_coverage(share, seeds) for seeds in SEEDS
            }
            for share in (0.3, 0.6, 1.0)
        },
        "interquartile mean, 10 tasks": {kind: by_seeds(iqm_coverage, draw) for kind, draw in KINDS.items()},
        "optimality gap, 10 tasks": {kind: by_seeds(gap_coverage, draw) for kind, draw in KINDS.items()},
        "probability of improvement, 10 tasks": {
            f"{kind}, {name}": by_seeds(improvement_coverage(shift), draw)
            for kind, draw in KINDS.items()
            for name, shift in (("equal", 0.0), ("better by .03", 0.03))
        },
        **{
            f"profile, {tasks} tasks": {kind: by_seeds(profile_coverage(tasks), draw) for kind, draw in KINDS.items()}
            for tasks in (3, 10)
        },
    }
    for name, kinds in figures.items():
        print(name)
        for kind, values in kinds.items():
            print(f"    {kind}: {values}")
    write_results(
        "intervals",
        {"repetitions": REPETITIONS, "coverage": figures, "command": "python -m benchmarks.intervals"},
    )


def by_seeds(measure: Callable[[Draw, int], dict[str, float]], draw: Draw) -> dict[str, dict[str, float]]:
    """Return the figures of a function for each number of seeds."""
    return {str(seeds): measure(draw, seeds) for seeds in SEEDS}


def covered(estimates: Sequence[Estimate], true: float) -> dict[str, float]:
    """Return the share of the printed intervals that cover a value, and the share that is printed."""
    printed = [(one.low, one.high) for one in estimates if one.low is not None and one.high is not None]
    hits = sum(low - 1e-9 <= true <= high + 1e-9 for low, high in printed)
    return {"coverage": round(hits / max(len(printed), 1), 4), "printed": round(len(printed) / len(estimates), 4)}


def mean_coverage(draw: Draw, seeds: int) -> dict[str, float]:
    """Return the coverage of the mean of one task with the mean .8."""
    generator, means = np.random.default_rng(seeds), np.array([[0.8]])
    true = float(draw(generator, means, 1_000_000).mean())
    found = [intervals.mean_interval(draw(generator, means, seeds)[0].tolist()) for _ in range(4 * REPETITIONS)]
    widths = [(one.mean, one.half_width or None) for one in found]
    return covered([Estimate(m, *((None, None) if h is None else (m - h, m + h))) for m, h in widths], true)


def sample_coverage(shared: float, seeds: int) -> dict[str, float]:
    """Return the coverage over seeds and test samples, where seeds scatter half as much as test samples.

    The part of the samples' error that all seeds share has the variance ``shared``, the rest differs between seeds.
    """
    generator, found = np.random.default_rng(seeds), []
    for _ in range(4 * REPETITIONS):
        common = math.sqrt(shared / GROUPS) * generator.normal(size=GROUPS)
        moved = common + math.sqrt((1 - shared) / GROUPS) * generator.normal(size=(seeds, GROUPS))
        values = moved.sum(1) + 0.5 * generator.normal(size=seeds)
        groups = (moved - moved.mean(1, keepdims=True)).tolist()
        one = intervals.sampled_mean_interval(values.tolist(), [1.0] * seeds, intervals.shared_share(groups))
        half = one.half_width or 0.0
        found.append(Estimate(one.mean, one.mean - half, one.mean + half))
    return covered(found, 0.0)


def iqm_coverage(draw: Draw, seeds: int) -> dict[str, float]:
    """Return the coverage of the interquartile mean over ten tasks."""
    generator, means = np.random.default_rng(seeds), task_means(10)
    true = interquartile_mean.interquartile_mean(draw(generator, means, MANY).ravel().tolist())
    found = [interquartile_mean.iqm_interval(draw(generator, means, seeds).tolist()) for _ in range(REPETITIONS)]
    return covered(found, true)


def gap_coverage(draw: Draw, seeds: int) -> dict[str, float]:
    """Return the coverage of the optimality gap over ten tasks."""
    generator, means = np.random.default_rng(seeds), task_means(10)
    true = float((1 - np.minimum(draw(generator, means, MANY), 1)).mean())
    found = [interquartile_mean.optimality_gap(draw(generator, means, seeds).tolist()) for _ in range(REPETITIONS)]
    return covered(found, true)


def improvement_coverage(shift: float) -> Callable[[Draw, int], dict[str, float]]:
    """Return a function that measures the coverage of the probability of improvement by a shift of all scores."""

    def measure(draw: Draw, seeds: int) -> dict[str, float]:
        generator, means = np.random.default_rng(seeds), task_means(10)
        better = np.minimum(means + shift, 1.0)
        first, second = np.sort(draw(generator, better, MANY)), np.sort(draw(generator, means, MANY))
        wins = [
            (np.searchsorted(b, a, "left") + np.searchsorted(b, a, "right")).mean() / (2 * MANY)
            for a, b in zip(first, second, strict=True)
        ]
        found = [
            improvement.improvement_interval(
                draw(generator, better, seeds).tolist(), draw(generator, means, seeds).tolist()
            )
            for _ in range(REPETITIONS)
        ]
        return covered(found, float(np.mean(wins)))

    return measure


def profile_coverage(tasks: int) -> Callable[[Draw, int], dict[str, float]]:
    """Return a function that measures the coverage of the bands of a profile: mean and lowest over its thresholds."""

    def measure(draw: Draw, seeds: int) -> dict[str, float]:
        generator, means = np.random.default_rng(seeds), task_means(tasks)
        many = draw(generator, means, MANY)
        true = np.array([(many > threshold).mean() for threshold in THRESHOLDS])
        hits = np.zeros(len(THRESHOLDS))
        for _ in range(REPETITIONS // 2):
            found = performance_profiles.performance_profile(draw(generator, means, seeds).tolist())
            hits += (np.array(found.low) <= true + 1e-9) & (true <= np.array(found.high) + 1e-9)
        shares = hits / (REPETITIONS // 2)
        return {"coverage": round(float(shares.mean()), 4), "lowest": round(float(shares.min()), 4)}

    return measure


if __name__ == "__main__":
    main()
