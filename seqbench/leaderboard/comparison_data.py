"""The comparison of two records as typed data; a pair ``[A, B]`` holds a value of each record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Direction = Literal["min", "max"]
"""Which scores of a metric are better."""

Better = Literal["A", "B", "neither"]
"""The record with the better score."""


@dataclass(frozen=True)
class RunIdentity:
    """The identity of a run, and whether its record is intact.

    Args:
        architecture: name of the architecture, followed by the name of its encoder if it has one.
        task: name of the task card.
        tier: tier of the task card.
        seed: seed of the run.
        status: status of the record.
        reason: why the status is not ``ok``.
        intact: whether the record is unchanged since it was written.
        modified: options in which the run departs from the card.
    """

    architecture: str
    task: str
    tier: str
    seed: int
    status: str
    reason: str | None
    intact: bool
    modified: Sequence[str]


@dataclass(frozen=True)
class MetricPair:
    """One metric of both records, as pairs ``[A, B]``.

    Args:
        value: the scores.
        chance: the chance scores.
        best: the best possible scores.
        decides: whether it is the deciding metric of one of the records.
        difference: B's score minus A's; None if the scores cannot be compared.
        better: the record with the better score; None if the scores or the metric's direction are unknown.
    """

    value: Sequence[float | None]
    chance: Sequence[float | None]
    best: Sequence[float | None]
    decides: bool
    difference: float | None
    better: Better | None


@dataclass(frozen=True)
class CostPair:
    """One cost of both records, as a pair ``[A, B]``, and B's as a multiple of A's; None if that is unknown."""

    value: Sequence[float | None]
    ratio: float | None


@dataclass(frozen=True)
class CurvePair:
    """The curves of both records at a few steps.

    Args:
        step: steps at which both were validated.
        score: pair ``[A, B]`` of validation scores at each step.
        loss: pair ``[A, B]`` of training losses at each step; None if neither record has one.
    """

    step: Sequence[float]
    score: Sequence[Sequence[float]]
    loss: Sequence[Sequence[float | None]] | None


@dataclass(frozen=True)
class Comparison:
    """The comparison of two records, A and B.

    Args:
        runs: identities of A and B.
        differs: pair ``[A, B]`` of each value that differs in configuration, code or machine, by dotted name.
        changed: names among ``differs`` that have an effect on results.
        unlike: why the scores cannot be compared; None if they can.
        same_configuration: whether nothing but the seed has an effect on results.
        same_seed: whether the seeds are equal.
        same_results: whether the results are equal bit for bit.
        same_record: whether the records are equal.
        metrics: the metrics by split and name, the deciding one first.
        costs: the costs by name.
        curve: the curves; None if the scores cannot be compared or have no step in common.
    """

    runs: Sequence[RunIdentity]
    differs: Mapping[str, Sequence[object]]
    changed: Sequence[str]
    unlike: str | None
    same_configuration: bool
    same_seed: bool
    same_results: bool
    same_record: bool
    metrics: Mapping[str, Mapping[str, MetricPair]]
    costs: Mapping[str, CostPair]
    curve: CurvePair | None

    def to_plain(self) -> dict[str, object]:
        """Return the comparison as plain data; a curve that is None becomes an empty mapping."""
        curve = {} if self.curve is None else dataclasses.asdict(self.curve)
        return {
            **dataclasses.asdict(self),
            "curve": {name: column for name, column in curve.items() if column is not None},
        }
