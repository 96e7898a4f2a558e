"""The contents of a board, typed: what its pages show and what ``board.json`` holds.

A ``BoardData`` is computed from records (``board_builder``) and never read back from a file. Each attribute has the
name of its key in ``board.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seqbench.leaderboard.data.checked_records import VerificationState
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from seqbench.leaderboard.stats.intervals import Estimate
from seqbench.leaderboard.stats.performance_profiles import Profile
from seqbench.leaderboard.task_data import OPTIONAL, TaskData, fields_to_plain
from seqbench.utils.plain_data import to_json

SCHEMA = 1
"""Version of the layout of ``board.json``."""


@dataclass(frozen=True)
class BoardFacts:
    """The rules of a board that its pages show; see ``board_card.Board``."""

    name: str
    version: int
    digest: str
    title: str
    summary: str
    tier: str
    seeds: int
    columns: Sequence[str]
    source: str


@dataclass(frozen=True)
class OverallRow:
    """One row of the comparison across tasks.

    Args:
        label: name of the row.
        iqm: interquartile mean of the normalised scores of all runs; None below ``OverallData.least_tasks`` tasks.
        low: lower end of its 95 % interval; None if unknown.
        high: upper end of its 95 % interval; None if unknown.
        means: mean normalised score in each task; 0 for a mean below chance.
        first_beats: probability that a run of the first row is better than one of this row; None for the first row, and
            below ``OverallData.least_tasks`` tasks.
        gap: optimality gap, the mean distance of the runs from a score of 1; None below ``least_tasks`` tasks.
        average_rank: mean over tasks of the place of this row's mean (1 is best; equal means share a place); None below
            ``least_tasks`` tasks.
        profile: performance profile.
    """

    label: str
    iqm: float | None
    low: float | None
    high: float | None
    means: Sequence[float]
    first_beats: Estimate | None
    gap: Estimate | None = None
    average_rank: float | None = None
    profile: Profile = field(default_factory=Profile)


@dataclass(frozen=True)
class AverageRankTest:
    """Friedman's test of the average ranks over tasks, with the correction of Iman and Davenport (Demsar 2006).

    Args:
        statistic: Iman and Davenport's F; None if every task has the same order (it is infinite then).
        p: its p value.
        critical_difference: difference of two average ranks from which it is significant at 5 % (Nemenyi).
    """

    statistic: float | None
    p: float
    critical_difference: float


@dataclass(frozen=True)
class OverallData:
    """The comparison across tasks.

    Args:
        tasks: the tasks that are compared.
        left_out: reason for each task that is not compared, by name.
        rows: the rows that have all these tasks: best IQM first, or in the order of ``BoardData.groups`` if there are
            too few tasks for an overall order.
        improvement: probability that a run of row i is better than one of row j, ``(rows, rows)``; empty below
            ``least_tasks`` tasks.
        incomplete: reason for each row that is left out, by label.
        ordered: whether the tasks are enough for an overall order.
        least_tasks: number of tasks from which there is an overall order.
        thresholds: thresholds of the profiles, increasing.
        rank_test: test of the average ranks; None below ``least_tasks`` tasks or two rows.
    """

    tasks: Sequence[str]
    left_out: Mapping[str, str]
    rows: Sequence[OverallRow]
    improvement: Sequence[Sequence[float]]
    incomplete: Mapping[str, str]
    ordered: bool = False
    least_tasks: int = 10
    thresholds: Sequence[float] = ()
    rank_test: AverageRankTest | None = None


@dataclass(frozen=True)
class RowGroups:
    """The ranks of one row over the tasks of a board: the groups that do not differ significantly.

    Args:
        label: name of the row.
        ranks: its rank by task; None where it has none.
        firsts: number of tasks whose test separates rows, where no row is significantly better and this row is clearly
            above chance.
        lasts: number of tasks whose test separates rows, and where this row is in the last group.
    """

    label: str
    ranks: Mapping[str, int | None]
    firsts: int
    lasts: int


@dataclass(frozen=True)
class PublishedCell:
    """One cell of a published table beside our figure.

    Args:
        row: name of the row in the published table.
        setting: setting under which the figure was published.
        metric: name of the metric.
        direction: ``min`` or ``max``: which figures are better.
        architecture: name of our architecture.
        task: name of our task; None if there is none yet.
        published: the published figure.
        statistic: how both figures summarise the seeds: ``mean`` or ``best``.
        ours: our figure; None without one.
        half_width: half the width of the 95 % interval of our mean; None without one.
        seeds: number of seeds in our figure.
        lacking: seeds that have not been run.
        diverged: number of seeds whose training diverged.
        difference: ``ours - published``; None without a figure of ours.
        chance: score of a predictor that knows nothing; None if unknown.
        best: best possible score; None if unknown.
        parameters: median number of parameters of our models; None without one.
        seconds: median duration of our runs in seconds; None without one.
        needs: effort of running the cell, in words.
        verdict: whether the figures agree, or the reason why there is no figure of ours.
        aside: the records of the cell that do not count, each with the reason.
        deviations: differences between the card's tier and the published recipe.
        command: command that runs the cell; None without a task.
        title: title of the architecture on the board; empty without one.
        size: number of parameters for which the width of our model is chosen; None for the width of the tier.
    """

    row: str
    setting: str
    metric: str
    direction: str
    architecture: str
    task: str | None
    published: float
    statistic: str
    ours: float | None
    half_width: float | None
    seeds: int
    lacking: Sequence[int]
    diverged: int
    difference: float | None
    chance: float | None
    best: float | None
    parameters: float | None
    seconds: float | None
    needs: str
    verdict: str
    aside: Sequence[str]
    deviations: Sequence[str]
    command: str | None
    title: str = field(default="", metadata=OPTIONAL)
    size: int | None = field(default=None, metadata=OPTIONAL)

    @property
    def shown(self) -> str:
        """The title of the architecture, or its name."""
        return self.title or self.architecture


@dataclass(frozen=True)
class BoardData:
    """All that the pages of a board show.

    Args:
        board: the rules.
        records: number of records that count.
        verification: number of these records by who verified them: ``ci``, ``submitter``, or nobody (``unverified``).
        tasks: the tasks, in the order of the card.
        overall: comparison across tasks; None if fewer than two tasks have a scale.
        groups: ranks of each row over the tasks: the most firsts first, then the fewest lasts, then by label.
        published: cells of the published table; empty without one.
        set_aside: records of the board's tasks that do not count, each with the reason.
        unrelated: number of records that do not belong to the board, by kind.
        problems: tasks and metrics of the card that cannot be used, each with the reason.
        schema: see ``SCHEMA``.
    """

    board: BoardFacts
    records: int
    verification: Mapping[VerificationState, int]
    tasks: Sequence[TaskData]
    overall: OverallData | None
    groups: Sequence[RowGroups]
    published: Sequence[PublishedCell]
    set_aside: Sequence[ExcludedRecord]
    unrelated: Mapping[str, int]
    problems: Sequence[str]
    schema: int = SCHEMA

    def to_plain(self) -> dict[str, object]:
        """Return the data as dicts, lists, texts and numbers."""
        return fields_to_plain(self)

    def to_json(self) -> str:
        """Return the text of ``board.json``.

        Raises:
            SeqbenchError: a value is not plain data.
        """
        return to_json(self.to_plain())
