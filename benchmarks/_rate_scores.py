"""Scores of the learning rates that were tried, and the choice among them."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from seqbench.protocol.search.rate_ladder import rate_above, rate_below

TIER = "small"
"""The tier whose recipes are measured."""


def mean_scores(cells: Sequence[Mapping[str, Any]], split: str, metric: str) -> dict[float, float | None]:
    """Return the mean score of each learning rate in rising order; None if a run of it has no score.

    >>> cells = [{"lr": 0.1, "test": {"loss": 1.0}}, {"lr": 0.1, "test": {"loss": 3.0}}, {"lr": 0.01, "test": {}}]
    >>> mean_scores(cells, "test", "loss")
    {0.01: None, 0.1: 2.0}
    """
    means: dict[float, float | None] = {}
    for rate in sorted({cell["lr"] for cell in cells}):
        values = [cell[split].get(metric) for cell in cells if cell["lr"] == rate]
        means[rate] = None if None in values else statistics.fmean(values)
    return means


def best_rate(scores: Mapping[float, float | None], direction: str) -> float | None:
    """Return the rate with the best score, the middle one of several; None if no rate has a score.

    >>> best_rate({0.001: 0.5, 0.01: 1.0, 0.1: None}, "max")
    0.01
    """
    known = {rate: score for rate, score in scores.items() if score is not None}
    if not known:
        return None
    best = max(known.values()) if direction == "max" else min(known.values())
    equal = [rate for rate, score in known.items() if score == best]
    return equal[len(equal) // 2]


def further_rate(scores: Mapping[float, float | None], direction: str) -> float | None:
    """Return the next rate on the ladder 1, 2, 5, 10 beyond the end that has the best score; None if none has.

    >>> further_rate({0.001: 0.5, 0.002: 0.7, 0.005: 0.9}, "max")
    0.01
    """
    rates, best = sorted(scores), best_rate(scores, direction)
    if best is None or rates[0] < best < rates[-1]:
        return None
    return rate_above(best) if best == rates[-1] else rate_below(best)
