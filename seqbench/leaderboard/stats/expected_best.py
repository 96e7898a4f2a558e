"""The score to expect from a tuning budget: the expected best of k trials."""

from __future__ import annotations

import math
from collections.abc import Sequence


def expected_best(scores: Sequence[float | None], direction: str) -> list[float]:
    """Return the expected best validation score after 1, 2, ... of the trials, drawn in random order.

    This is the expected maximum of Dodge et al. 2019 (arXiv 1909.03004, section 3), with one deviation: trials are
    drawn without replacement, because each trial is run once.

    Args:
        scores: validation score of each trial; None, for a trial without a score, counts as the worst of the others.
        direction: ``min`` or ``max``: which scores are better.

    Returns:
        One score for each budget; empty if no trial has a score.

    >>> expected_best([0.5, 1.0], "max")
    [0.75, 1.0]
    """
    known = [score for score in scores if score is not None]
    if not known:
        return []
    worst = min(known) if direction == "max" else max(known)
    ordered = sorted((worst if score is None else score for score in scores), reverse=direction == "min")
    trials = len(ordered)
    return [
        sum(score * math.comb(place, budget - 1) for place, score in enumerate(ordered)) / math.comb(trials, budget)
        for budget in range(1, trials + 1)
    ]
