"""A second test split that nobody has seen, for a task whose data are generated: its score must be that of the record.

Samples of the recorded and of the fresh test split are drawn from one distribution. A net that has learnt neither of
them scores alike on both, so the two scores of a pair of samples may be exchanged. For n pairs with the differences d,
the statistic is z = sum(d) / sqrt(sum(d^2)), and exchangeable pairs exceed it with a probability of at most
exp(-z^2 / 2), whatever the distribution of the scores (Hoeffding 1963; Efron 1969).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqbench.datamodules.base import SequenceDataModule
from seqbench.models.sample_scores import SampleScores
from seqbench.verification.blind.blind_scoring import BlindScores

LARGEST_Z = 4.5
"""Largest z of a true record. Two statistics are computed, so a true record exceeds the bound in fewer than
2 exp(-z^2 / 2) = 8e-5 of its verifications."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FreshResult:
    """The comparison of a recorded test score with that on a fresh test split.

    Args:
        metric: name of the metric.
        recorded: score on the recorded test split.
        fresh: score on the fresh one.
        z: the larger of the statistics of the test split, and of the test split with all probes of lengths.
        samples: number of samples of the fresh splits.
    """

    metric: str
    recorded: float
    fresh: float
    z: float
    samples: int

    @property
    def agrees(self) -> bool:
        """Whether the recorded score is no better than one on new samples can be by chance."""
        return self.z <= LARGEST_Z


def fresh_data(data: SequenceDataModule) -> SequenceDataModule | None:
    """Return the data of a task with test splits that are drawn from a secret; None if the task has one test split."""
    return data.with_fresh_test(secrets.token_hex(16))


def compare_with_fresh(recorded: BlindScores, fresh: BlindScores, metric: str, direction: str) -> FreshResult:
    """Compare the scores of the test splits with those of fresh ones.

    Args:
        recorded: scores on the recorded test split and the probes.
        fresh: scores on the fresh ones.
        metric: the deciding metric; for a metric over probes, samples are compared by their ``accuracy``.
        direction: ``max`` if higher scores are better, ``min`` if lower ones are.
    """
    name = metric if metric in recorded.samples["test"].sums else "accuracy"
    sign = 1.0 if direction == "max" else -1.0
    differences = []
    for split, samples in recorded.samples.items():
        better = sign if split == "test" or name == "accuracy" else 1.0
        compared = name if split == "test" else "accuracy"
        differences.append(better * pair_differences(samples, fresh.samples[split], compared))
    shown = metric if metric in recorded.evaluated["test"] else name
    then, now = recorded.evaluated["test"][shown], fresh.evaluated["test"][shown]
    assert then is not None
    assert now is not None
    z = max(sum_to_norm(differences[:1]), sum_to_norm(differences))
    return FreshResult(shown, then, now, z, sum(len(samples) for samples in fresh.samples.values()))


def pair_differences(first: SampleScores, second: SampleScores, metric: str) -> Floats:
    """Return the differences of the scores of pairs of samples, on a scale on which their mean square is at most 1.

    A score is a ratio of sums. A sample's part of it is its numerator, less the ratio over both splits times its
    denominator. Ratio and scale do not change when the two samples of a pair are exchanged.

    Args:
        first: samples of one split.
        second: samples of the other one, drawn in the same way.
        metric: name of a metric whose ratio has one entry.
    """
    count = min(len(first), len(second))
    parts = [(one.sums[metric][0][:count, 0], one.sums[metric][1][:count, 0]) for one in (first, second)]
    below = sum(float(denominators.sum()) for _, denominators in parts)
    ratio = sum(float(numerators.sum()) for numerators, _ in parts) / below if below else 0.0
    one, two = (numerators - ratio * denominators for numerators, denominators in parts)
    scale = float(np.sqrt((one @ one + two @ two) / max(1, count)))
    return np.asarray((one - two) / scale if scale else one - two, np.float64)


def sum_to_norm(differences: Sequence[Floats]) -> float:
    """Return z, the sum of differences divided by their Euclidean norm; 0 if all are 0.

    >>> sum_to_norm([np.array([1.0, 1.0, 1.0, 1.0])])
    2.0
    """
    joined = np.concatenate(differences)
    norm = float(np.sqrt(joined @ joined))
    return float(joined.sum()) / norm if norm else 0.0
