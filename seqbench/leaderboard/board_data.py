"""The contents of a board, typed: what its pages show and what ``board.json`` holds.

A ``BoardData`` is computed from records (``board_builder``) and never read back from a file. Each attribute has the
name of its key in ``board.json``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from seqbench.leaderboard.data.checked_records import VerificationState
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from seqbench.leaderboard.stats.interquartile_mean import Estimate
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
        iqm: interquartile mean of the normalised scores of all runs.
        low: lower end of its 95 % interval; None if unknown.
        high: upper end of its 95 % interval; None if unknown.
        means: mean normalised score in each task.
        first_beats: probability that a run of the first row is better than one of this row; None for the first row.
    """

    label: str
    iqm: float
    low: float | None
    high: float | None
    means: Sequence[float]
    first_beats: Estimate | None


@dataclass(frozen=True)
class OverallData:
    """The comparison across tasks.

    Args:
        tasks: the tasks that are compared.
        left_out: reason for each task that is not compared, by name.
        rows: the rows that have all these tasks, best first.
        improvement: probability that a run of row i is better than one of row j, ``(rows, rows)``.
        incomplete: reason for each row that is left out, by label.
    """

    tasks: Sequence[str]
    left_out: Mapping[str, str]
    rows: Sequence[OverallRow]
    improvement: Sequence[Sequence[float]]
    incomplete: Mapping[str, str]


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
