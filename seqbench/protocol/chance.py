"""A score between its lines: chance and the best possible."""

from __future__ import annotations

ABOVE_CHANCE = 0.05
"""A score is clearly above chance from this share of the way to the best possible (or off chance itself)."""


def above_chance(value: float, chance: float | None, best: float | None, direction: str) -> bool | None:
    """Whether a score is clearly better than chance; None where chance is unknown.

    Clearly: by 5 % of the way from chance to the best possible, or of chance itself where that is unknown.
    """
    if chance is None:
        return None
    gain = value - chance if direction == "max" else chance - value
    return gain > 0 and gain >= ABOVE_CHANCE * abs(chance if best is None else best - chance)
