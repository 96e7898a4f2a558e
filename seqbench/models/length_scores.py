"""Length generalisation: scores of a trained model on sequences longer than those of training.

    accuracy_longer            mean of the accuracy at each probed length above those of training; lengths count equally
    solved_length              longest probed length up to which every probed length is solved (test only)
    accuracy_seen_and_longer   mean of ``accuracy`` and ``accuracy_longer`` (validation only)

A model at chance on longer sequences has an ``accuracy_longer`` that is noise. Weights are therefore selected by
``accuracy_seen_and_longer``, in which the accuracy at the lengths of training decides between such models.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from seqbench.datamodules.base import Scores, SequenceDataModule

LONGER = "accuracy_longer"
"""Name of the mean accuracy over the probed lengths above those of training."""

SOLVED_LENGTH = "solved_length"
"""Name of the longest probed length up to which every probed length is solved."""

SEEN_AND_LONGER = "accuracy_seen_and_longer"
"""Name of the mean of the accuracies at the lengths of training and at longer ones, by which weights are selected."""

SOLVED = 0.99
"""Smallest accuracy at which a length counts as solved."""


def scores_over_lengths(
    data: SequenceDataModule, stage: str, evaluated: Mapping[str, Mapping[str, float | None]]
) -> dict[str, float]:
    """Return the scores over the probed lengths of a stage; none if a probe was not scored, or without probes.

    Args:
        data: data of the task.
        stage: ``validation`` or ``test``.
        evaluated: metrics of each split of the stage.
    """
    probes = data.probes_of(stage)
    if stage not in evaluated or any(split not in evaluated for split in probes.values()):
        return {}
    accuracies = probe_accuracies(data, stage, evaluated)
    if not accuracies:
        return {}
    scores: dict[str, float] = {SOLVED_LENGTH: solved_length(accuracies)} if stage == "test" else {}
    longer = mean_accuracy_beyond(accuracies, data.trained_length or 0)
    if longer is None:
        return scores
    scores[LONGER] = longer
    seen = evaluated[stage].get("accuracy")
    if stage == "validation" and seen is not None:
        scores[SEEN_AND_LONGER] = (seen + longer) / 2
    return scores


def chance_and_best_over_lengths(data: SequenceDataModule, stage: str) -> tuple[Scores, Scores]:
    """Return the chance and the best possible value of each score over lengths, from those of the accuracy.

    Args:
        data: data of the task.
        stage: ``validation`` or ``test``.
    """
    probes = data.probes_of(stage)
    if not probes:
        return {}, {}
    split = next(iter(probes.values()))
    chance, best = data.chance(split).get("accuracy"), data.best(split).get("accuracy")
    names = (LONGER, SEEN_AND_LONGER)
    return (
        {**dict.fromkeys(names, chance), SOLVED_LENGTH: 0},
        {**dict.fromkeys(names, best), SOLVED_LENGTH: max(probes)},
    )


def probe_accuracies(
    data: SequenceDataModule, stage: str, evaluated: Mapping[str, Mapping[str, float | None]]
) -> dict[int, float]:
    """Return the accuracy on each probe of a stage, by the length of its sequences.

    Args:
        data: data of the task.
        stage: ``validation`` or ``test``.
        evaluated: metrics of each split.
    """
    scores = {length: evaluated[split].get("accuracy") for length, split in data.probes_of(stage).items()}
    return {length: score for length, score in scores.items() if score is not None}


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

    Each length has the same weight. This is the score of Delétang et al. 2022, "Neural Networks and the Chomsky
    Hierarchy", who train on lengths up to 40 and average over all lengths from 41 to 500.

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
