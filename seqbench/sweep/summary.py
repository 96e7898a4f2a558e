"""Summary of a sweep: one row for each group, over its seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from seqbench.leaderboard.stats.intervals import mean_interval
from seqbench.sweep.planning.sweep_plan import Cell, Group


@dataclass(frozen=True)
class SummaryRow:
    """The results of one group.

    Args:
        group: the group.
        statuses: number of its cells with each status; ``not run`` for cells without a record.
        values: primary metric on the test split, one value for each seed that ended ``ok``.
        chance: score of a chance predictor.
        best: best possible score; None if it is unknown.
        seconds: duration of each run that ended ``ok``, in seconds.
        parameters: number of trainable parameters.
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
        """Mean over the seeds; None if no seed ended ``ok``."""
        return mean_interval(self.values).mean if self.values else None

    @property
    def half_width(self) -> float | None:
        """Half width of the 95 % confidence interval of the mean (Student's t); None for fewer than two seeds."""
        return mean_interval(self.values).half_width if self.values else None


def summarize_cells(cells: Sequence[Cell]) -> list[SummaryRow]:
    """Return the results of each group, read from its records, in the order of the cells."""
    groups: dict[Group, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(cell.group, []).append(cell)
    return [_summarize_group(group, members) for group, members in groups.items()]


def _summarize_group(group: Group, cells: Sequence[Cell]) -> SummaryRow:
    metric = group.config.card.metric.name
    records = [cell.record() for cell in cells]
    statuses = Counter(record.status if record else "not run" for record in records)
    ended_ok = [record for record in records if record is not None and record.status == "ok"]
    if not ended_ok:
        return SummaryRow(group, statuses)
    scores = [record.results.metrics["test"][metric] for record in ended_ok]
    return SummaryRow(
        group,
        statuses,
        values=[score.value for score in scores if score.value is not None],
        chance=scores[-1].chance,
        best=scores[-1].best,
        seconds=[record.measured.seconds or 0.0 for record in ended_ok],
        parameters=ended_ok[-1].config.parameters,
    )
