"""What a sweep came to: a row for each group, over its seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from seqbench.leaderboard.stats.intervals import mean_interval
from seqbench.sweep.planning.sweep_plan import Cell, Group


@dataclass(frozen=True)
class Row:
    """One group's figures.

    Args:
        group: which.
        statuses: how many of its cells ended how; ``not run`` for those without a record.
        values: the primary metric on test, of the seeds that ended ``ok``.
        chance: its chance line.
        best: its best possible; None where nobody knows it.
        seconds: of the runs that ended ``ok``.
        parameters: trainable ones.
    """

    group: Group
    statuses: Counter[str]
    values: list[float] = field(default_factory=list)
    chance: float | None = None
    best: float | None = None
    seconds: list[float] = field(default_factory=list)
    parameters: int | None = None

    @property
    def mean(self) -> float | None:
        """Over seeds."""
        return mean_interval(self.values).mean if self.values else None

    @property
    def half_width(self) -> float | None:
        """Of the 95 % interval of the mean, by Student's t; None for fewer than two seeds."""
        return mean_interval(self.values).half_width if self.values else None


def summarize_cells(cells: Sequence[Cell]) -> list[Row]:
    """The figures of each group, from its records alone, in the order of the cells."""
    groups: dict[Group, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.group, []).append(cell)
    return [_row(group, members) for group, members in groups.items()]


def _row(group: Group, cells: Sequence[Cell]) -> Row:
    metric = group.config.card.metric.name
    row = Row(group, Counter())
    lines = []
    for cell in cells:
        record = cell.record()
        row.statuses[record.status if record else "not run"] += 1
        if record is None or record.status != "ok":
            continue
        lines.append((record.results["metrics"]["test"][metric], record))
    if not lines:
        return row
    line, record = lines[-1]
    return Row(
        group,
        row.statuses,
        [line["value"] for line, _ in lines],
        line["chance"],
        line["best"],
        [record.measured["seconds"] for _, record in lines],
        record.config["parameters"],
    )
