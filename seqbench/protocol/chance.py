"""Comparison of a score with the score of a chance predictor."""

from __future__ import annotations

ABOVE_CHANCE = 0.05
"""Smallest improvement that is clearly better than chance, as a share of the way from chance to the best score."""


def above_chance(value: float, chance: float | None, best: float | None, direction: str) -> bool | None:
    """Return whether a score is clearly better than chance; None if the chance score is unknown.

    A score is clearly better if its improvement is at least 5 % of the difference between chance and the best possible
    score, or 5 % of the chance score if the best possible score is unknown.

    Args:
        value: the score.
        chance: score of a chance predictor; None if unknown.
        best: best possible score; None if unknown.
        direction: ``max`` if higher scores are better, ``min`` if lower scores are better.

    >>> above_chance(0.54, chance=0.5, best=1.0, direction="max")
    True
    >>> above_chance(0.52, chance=0.5, best=1.0, direction="max")
    False
    """
    if chance is None:
        return None
    gain = value - chance if direction == "max" else chance - value
    return gain > 0 and gain >= ABOVE_CHANCE * abs(chance if best is None else best - chance)
