"""Length generalisation: how far beyond its training lengths does a solution hold?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOLVED = 0.99
"""Accuracy from which a length counts as solved."""


def length_curve(scores: Mapping[int, float]) -> dict[str, list[Any]]:
    """Accuracy by probed length, shortest first, as two columns."""
    return {"length": sorted(scores), "accuracy": [scores[n] for n in sorted(scores)]}


def solved_length(scores: Mapping[int, float]) -> int:
    """The longest probed length up to which every probed length is solved; 0 if the shortest is not."""
    solved = 0
    for length in sorted(scores):
        if not scores[length] >= SOLVED:
            break
        solved = length
    return solved


def mean_beyond(scores: Mapping[int, float], trained: int) -> float | None:
    """Mean accuracy over the probed lengths above ``trained`` (Delétang et al. 2022); None without any."""
    beyond = [accuracy for length, accuracy in scores.items() if length > trained]
    return sum(beyond) / len(beyond) if beyond else None
