"""Length generalisation: scores of a trained model on sequences longer than those of training."""

from __future__ import annotations

import math
from collections.abc import Mapping

SOLVED = 0.99
"""Smallest accuracy at which a length counts as solved."""


def length_curve(scores: Mapping[int, float]) -> dict[str, list[float]]:
    """Return the accuracy at each probed length as two columns, shortest length first.

    >>> length_curve({20: 0.5, 10: 1.0})
    {'length': [10, 20], 'accuracy': [1.0, 0.5]}
    """
    return {"length": sorted(scores), "accuracy": [scores[n] for n in sorted(scores)]}


def solved_length(scores: Mapping[int, float]) -> int:
    """Return the longest probed length up to which every probed length is solved; 0 if the shortest is not solved.

    >>> solved_length({10: 1.0, 20: 0.995, 40: 0.6, 80: 1.0})
    20
    """
    solved = 0
    for length in sorted(scores):
        if not scores[length] >= SOLVED:
            break
        solved = length
    return solved


def mean_accuracy_beyond(scores: Mapping[int, float], trained_length: int) -> float | None:
    """Return the mean accuracy over the probed lengths above ``trained_length``; None if there is no such length.

    Source: Delétang et al. 2022, "Neural Networks and the Chomsky Hierarchy".

    >>> mean_accuracy_beyond({10: 1.0, 20: 0.5, 40: 0.0}, trained_length=10)
    0.25
    """
    beyond = [accuracy for length, accuracy in scores.items() if length > trained_length]
    return sum(beyond) / len(beyond) if beyond else None


def standard_error_beyond(errors: Mapping[int, float | None], trained_length: int) -> float | None:
    """Return the standard error of ``mean_accuracy_beyond``, from that of the accuracy at each probed length.

    The samples of different lengths are independent. The result is None if an error is unknown, or without lengths.

    >>> standard_error_beyond({10: 0.5, 20: 0.3, 40: 0.4}, trained_length=10)
    0.25
    """
    beyond = [error for length, error in errors.items() if length > trained_length]
    known = [error for error in beyond if error is not None]
    return math.hypot(*known) / len(known) if known and len(known) == len(beyond) else None
