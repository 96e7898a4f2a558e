"""Compare the scores of two processes of one net on the same rows, where later inputs were replaced for one of them.

A net can hide what it must not know in differences that pass for rounding: in outputs that are almost equally likely,
beside an output that is very large, or in a net that is chaotic on purpose. Its score betrays it. The two answers of an
honest net to a row differ by rounding alone and may be exchanged, so for the differences d of the scores of n rows,
z = sum(d) / sqrt(sum(d^2)) exceeds 4.5 in absolute value with a probability of at most 2 exp(-z^2 / 2) = 8e-5.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from seqbench.protocol.specs import Batch

LARGEST_Z = 4.5
"""Largest z of an honest net in absolute value."""

SMALLEST_SHARE = 1e-3
"""Smallest change of a score that counts, relative to the score: rounding of the same sign in all rows is smaller."""

RowKey = tuple[str, int, int]
"""Split, number of the sample and number of the chunk."""


@dataclass(frozen=True)
class ScoreDifference:
    """A score that depends on what must not change it.

    Args:
        metric: name of the metric.
        first: sum of the numerators of the metric over the compared steps, from the first process.
        second: the same from the second process.
        z: the statistic.
        rows: number of rows.
    """

    metric: str
    first: float
    second: float
    z: float
    rows: int

    def explain(self) -> str:
        """Return the difference as a part of a sentence."""
        change = abs(self.second - self.first) / max(abs(self.first), abs(self.second))
        return f"the sum of {self.metric} over the same steps changed by {100 * change:.2g} % (z = {self.z:.1f})"


@dataclass
class ScoreDifferences:
    """The sums of each metric over the compared steps of each row, from both processes.

    Args:
        sums: for each metric the sums of each row, from the first and the second process.
    """

    sums: dict[str, dict[RowKey, tuple[float, float]]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, key: RowKey, first: Mapping[str, float], second: Mapping[str, float]) -> None:
        """Add the sums of one row; those of a row that is compared several times are added up.

        Args:
            key: the row.
            first: numerator of each metric, from the answer of the first process.
            second: the same, from the answer of the second process.
        """
        for name, value in first.items():
            one, two = self.sums[name].get(key, (0.0, 0.0))
            self.sums[name][key] = (one + value, two + second[name])

    def worst(self) -> ScoreDifference | None:
        """Return the difference with the largest z of those that an honest net does not have; None if there is none.

        >>> scores = ScoreDifferences()
        >>> for row in range(40):
        ...     scores.add(("test", row, 0), {"accuracy": 9.0}, {"accuracy": 3.0})
        >>> round(scores.worst().z, 1)
        6.3
        """
        found = [_difference(name, list(rows.values())) for name, rows in self.sums.items()]
        real = [one for one in found if abs(one.z) > LARGEST_Z and _is_large(one)]
        return max(real, key=lambda one: abs(one.z), default=None)


def cut_targets(batch: Batch, steps: int) -> Batch:
    """Return the first targets of a batch with one row.

    Args:
        batch: the batch.
        steps: number of steps.
    """
    lengths, targets = batch.lengths.clamp(max=steps), batch.target_lengths
    return replace(
        batch,
        targets=batch.targets[:, :steps],
        lengths=lengths,
        weights=batch.weights[:, :steps],
        scored=None if batch.scored is None else batch.scored[:, :steps],
        target_lengths=None if targets is None else targets.clamp(max=steps),
    )


def numerators(sums: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, float]:
    """Return the numerator of each metric, summed over the entries of its ratio."""
    return {name: float(above.double().sum()) for name, (above, _) in sums.items()}


def _difference(name: str, pairs: list[tuple[float, float]]) -> ScoreDifference:
    differences = [one - two for one, two in pairs]
    norm = math.sqrt(sum(one * one for one in differences))
    z = sum(differences) / norm if norm else 0.0
    return ScoreDifference(name, sum(one for one, _ in pairs), sum(two for _, two in pairs), z, len(pairs))


def _is_large(one: ScoreDifference) -> bool:
    return abs(one.first - one.second) > SMALLEST_SHARE * max(abs(one.first), abs(one.second))
