"""Whether a score is better than the score of a chance predictor."""

from __future__ import annotations

ABOVE_CHANCE = 0.05
"""Smallest share of the way from chance to the best possible score by which a score is clearly above chance."""


def above_chance(value: float, chance: float | None, best: float | None, direction: str) -> bool | None:
    """Return whether a score is clearly better than chance; None if the chance score is unknown.

    A score is clearly better if it gains 5 % of the way from chance to the best possible score, or 5 % of the chance
    score if the best possible one is unknown.

    Args:
        value: the score.
        chance: score of a chance predictor; None if unknown.
        best: best possible score; None if unknown.
        direction: ``max`` or ``min``: which scores are better.

    >>> above_chance(0.54, chance=0.5, best=1.0, direction="max")
    True
    >>> above_chance(0.52, chance=0.5, best=1.0, direction="max")
    False
    """
    if chance is None:
        return None
    gain = value - chance if direction == "max" else chance - value
    return gain > 0 and gain >= ABOVE_CHANCE * abs(chance if best is None else best - chance)
