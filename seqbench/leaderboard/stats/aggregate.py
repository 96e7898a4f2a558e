"""One figure for an architecture across tasks: scores between chance (0) and best (1), their middle half, who improves.

    parity  .50 .75 1.0    chance .5, best 1     ->    0  .5  1
    copy    .56 .56 .34    chance .12, best 1    ->   .5  .5 .25    IQM of all six .44 (a mean of those but 0 and 1)

The figures and their intervals are those of Agarwal et al., "Deep reinforcement learning at the edge of the
statistical precipice" (2021, arXiv 2108.13264, section 4): the interquartile mean over all runs, the probability of
improvement, and percentile intervals of a bootstrap that draws seeds within each task. Every run counts once, so a
task with more seeds counts for more in the mean; in the probability each task counts once. A bootstrap of three seeds
knows no values but those three: its interval says how far the figure depends on the seeds at hand, and is narrower
than one for seeds to come (86 % instead of 95 % for three normal seeds on each of six tasks).

All results are the same for any order of tasks and of seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqbench.leaderboard.stats.intervals import check_finite, mean_and_deviation, rescale
from seqbench.utils.errors import SeqbenchError

Scores = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval.

    Args:
        value: of the scores as they are.
        low: the 2.5 % quantile of its bootstrap; None where no task has two seeds.
        high: the 97.5 % quantile; None likewise.
    """

    value: float
    low: float | None
    high: float | None


def normalise_score(value: float, chance: float, best: float) -> float:
    """``value`` on a scale where ``chance`` is 0 and ``best`` is 1, whichever of the two is larger.

    What is worse than chance counts as chance; above 1 stays, for an anchor may be exceeded.

    Raises:
        SeqbenchError: chance and best are the same, or a number is not finite or too large for their distance.
    """
    value, chance, best = check_finite((value, chance, best))
    if chance == best:
        raise SeqbenchError(f"A score is placed between its chance and best lines, but both are {chance:g}.")
    (low, high), exponent = rescale((chance, best))
    try:
        place = (math.ldexp(value, -exponent) - low) / (high - low)
    except OverflowError:
        place = math.inf
    if math.isinf(place):
        raise SeqbenchError(f"The score {value:g} is too far from its lines, {chance:g} and {best:g}, to be compared.")
    return max(0.0, place)


def interquartile_mean(values: Sequence[float]) -> float:
    """The interquartile mean: of what is left without the lowest and the highest quarter (each rounded down).

    Raises:
        SeqbenchError: there is no value, or one is no finite number.
    """
    return mean_and_deviation(_middle(np.sort(check_finite(values))))[0]


def iqm_interval(scores: Scores, draws: int = 2000) -> Estimate:
    """The interquartile mean of all runs of one architecture, with its stratified bootstrap interval.

    Args:
        scores: normalised, by task and then by seed; tasks may differ in their number of seeds.
        draws: of the bootstrap.

    Raises:
        SeqbenchError: there is no task, one has no score, or a score is no finite number.
    """
    tasks = sorted(sorted(check_finite(task)) for task in scores)
    flat = [score for task in tasks for score in task]
    value = interquartile_mean(flat)
    counts = np.array([len(task) for task in tasks])
    if counts.max() < 2:
        return Estimate(value, None, None)
    units, exponent = rescale(flat)
    sizes, first = np.repeat(counts, counts), np.repeat(np.cumsum(counts) - counts, counts)
    drawn = first + (_generator().random((draws, len(flat))) * sizes).astype(np.intp)
    middle = _middle(np.sort(np.array(units)[drawn], axis=1))
    # Rounding must not carry the mean of identical scores away from them.
    means = np.clip(middle.mean(axis=1), middle[:, 0], middle[:, -1])
    return Estimate(value, *_ends(np.ldexp(means, exponent)))


def improvement_matrix(scores: Sequence[Scores]) -> list[list[float]]:
    """How likely a run of each architecture beats one of each other, on average over tasks; a tie counts one half.

    Over itself it is one half.

    Args:
        scores: of each architecture, by task and then by seed; all of the same tasks in the same order.

    Raises:
        SeqbenchError: the tasks differ in number, there is none, one has no score, or a score is no finite number.
    """
    if len({len(tasks) for tasks in scores}) > 1 or not all(len(tasks) for tasks in scores):
        raise SeqbenchError("Rows are compared on the same tasks, at least one; leave out what only some have run.")
    total = np.zeros((len(scores), len(scores)))
    for runs in zip(*scores, strict=True):
        known = [np.sort(check_finite(values)) for values in runs]
        counts = np.array([len(values) for values in known])
        first, every = np.cumsum(counts) - counts, np.concatenate(known)
        for b, theirs in enumerate(known):
            # How many of b's runs each run of anyone beats, and how many it at least equals.
            beaten = np.searchsorted(theirs, every, "left") + np.searchsorted(theirs, every, "right")
            total[:, b] += np.add.reduceat(beaten, first) / (2 * counts * len(theirs))
    found: list[list[float]] = (total / max(len(scores[0]) if scores else 1, 1)).tolist()
    return found


def improvement_interval(a: Scores, b: Scores, draws: int = 2000) -> Estimate:
    """The probability that a run of ``a`` beats one of ``b``, with its bootstrap interval.

    Args:
        a: scores by task and then by seed; the higher, the better.
        b: those of the other architecture, of the same tasks in the same order.
        draws: of the bootstrap.

    Raises:
        SeqbenchError: the tasks differ in number, there is none, one has no score, or a score is no finite number.
    """
    tables = _wins(a, b)
    value = _mean([float(wins.mean()) for wins in tables])
    if all(wins.size == 1 for wins in tables):
        return Estimate(value, None, None)
    generator = _generator()
    total = np.zeros(draws)
    for wins in tables:
        ours, theirs = wins.shape
        rows = wins[(generator.random((ours, draws)) * ours).astype(np.intp)].sum(axis=0)
        columns = (generator.random((theirs, draws)) * theirs).astype(np.intp)
        total += rows[np.arange(draws), columns].sum(axis=0) / wins.size
    return Estimate(value, *_ends(total / len(tables)))


def _wins(a: Scores, b: Scores) -> list[np.ndarray]:
    """For each task, what each run of ``a`` wins against each of ``b`` ``(seeds of a, seeds of b)``: 1, 1/2 or 0."""
    if len(a) != len(b) or not len(a):
        raise SeqbenchError(
            f"Architectures are compared on the same tasks, at least one, but one has scores of {len(a)} and the other "
            f"of {len(b)}. Leave out what only one of them has run."
        )
    tables = []
    for ours, theirs in sorted((sorted(check_finite(x)), sorted(check_finite(y))) for x, y in zip(a, b, strict=True)):
        x, y = np.array(ours)[:, None], np.array(theirs)
        tables.append((x > y) + 0.5 * (x == y))
    return tables


def _middle(ordered: np.ndarray) -> np.ndarray:
    """What is left of sorted values ``(..., values)`` without a quarter, rounded down, at either end."""
    count = ordered.shape[-1]
    return ordered[..., count // 4 : count - count // 4]


def _mean(values: Sequence[float]) -> float:
    return mean_and_deviation(values)[0]


def _ends(drawn: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _generator() -> np.random.Generator:
    return np.random.Generator(np.random.Philox(key=0))
