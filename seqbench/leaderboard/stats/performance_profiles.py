"""Performance profiles: the share of the runs of an architecture whose score is above each threshold.

    parity  0  .5  1      above .4: 2 of 3 runs
    copy    .5 .5 .25     above .4: 2 of 3 runs    profile at .4: .67

Profiles are those of Dolan and More (2002) in the form of Agarwal et al. 2021 (arXiv 2108.13264, section 4.2; package
rliable). A profile that is above another one everywhere is better for every way to average.

The pointwise interval is that of Wilson for the share of all runs, with the number of runs that have the same variance
without tasks. For this number, half a run of either outcome is added to each task, because three seeds that are all
above a threshold do not show that all seeds are. A bootstrap over three seeds has no width there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqbench.leaderboard.stats.interquartile_mean import Scores
from seqbench.leaderboard.stats.intervals import check_finite
from seqbench.utils.errors import SeqbenchError

THRESHOLDS = (*(place / 20 for place in range(20)), 0.99)
"""Thresholds of a profile: 0, .05, ... .95, and the score from which a seed has solved its task."""
NORMAL = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True)
class Profile:
    """The performance profile of an architecture.

    Args:
        share: share of the runs with a score above each threshold, averaged over tasks.
        low: lower end of the pointwise 95 % interval, by threshold; empty if a task has one seed only.
        high: upper end of the pointwise 95 % interval, by threshold; empty if a task has one seed only.
    """

    share: Sequence[float] = ()
    low: Sequence[float] = ()
    high: Sequence[float] = ()


def performance_profile(scores: Scores, thresholds: Sequence[float] = THRESHOLDS) -> Profile:
    """Return the performance profile of an architecture, with its pointwise 95 % intervals.

    Args:
        scores: normalised scores, by task and then by seed.
        thresholds: the thresholds, increasing.

    Raises:
        SeqbenchError: there is no task, a task has no score, or a score is not a finite number.

    >>> performance_profile([[0.0, 0.5, 1.0], [0.5, 0.5, 0.25]], [0.4]).share
    [0.6666666666666666]
    """
    tasks = [np.array(check_finite(task)) for task in scores]
    if not tasks:
        raise SeqbenchError("Expected scores of at least one task, got none.")
    above = [[int((task > threshold).sum()) for task in tasks] for threshold in thresholds]
    counts = [len(task) for task in tasks]
    ends = [share_interval(line, counts) for line in above]
    bands = min(counts) > 1
    return Profile(
        share=[math.fsum(k / n for k, n in zip(line, counts, strict=True)) / len(counts) for line in above],
        low=[low for low, _ in ends] if bands else [],
        high=[high for _, high in ends] if bands else [],
    )


def share_interval(above: Sequence[int], counts: Sequence[int]) -> tuple[float, float]:
    """Return the 95 % interval of the share of runs that are above a threshold, averaged over tasks.

    Args:
        above: number of runs above the threshold, by task.
        counts: number of runs, by task.
    """
    tasks = len(counts)
    pairs = list(zip(above, counts, strict=True))
    share = math.fsum(k / n for k, n in pairs) / tasks
    smooth = [(k + 0.5) / (n + 1) for k, n in pairs]
    middle = math.fsum(smooth) / tasks
    variance = math.fsum(p * (1 - p) / n for p, (_, n) in zip(smooth, pairs, strict=True)) / tasks**2
    runs = middle * (1 - middle) / variance
    return wilson_interval(share, runs)


def wilson_interval(share: float, runs: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a probability.

    Args:
        share: observed share.
        runs: number of observations, which need not be whole.

    >>> [round(end, 3) for end in wilson_interval(1.0, 3)]
    [0.439, 1.0]
    """
    square = NORMAL**2 / runs
    centre = (share + square / 2) / (1 + square)
    half = math.sqrt(square * share * (1 - share) + square**2 / 4) / (1 + square)
    return max(0.0, centre - half), min(1.0, centre + half)
