"""The contents of a board, typed: what its pages show and what ``board.json`` holds.

A ``BoardData`` is computed from records (``board_builder``) and never read back from a file. Each attribute has the
name of its key in ``board.json``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from seqbench.leaderboard.data.board_card import Size
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from seqbench.leaderboard.stats.aggregate import Estimate
from seqbench.leaderboard.stats.intervals import Interval
from seqbench.utils.plain_data import to_json

SCHEMA = 1
"""Version of the layout of ``board.json``."""

RowState = Literal["ranked", "outdone", "incomplete", "missing", "not applicable"]
"""State of a row in one task; a row that is not ranked gives a reason."""

RANKED: RowState = "ranked"
OUTDONE: RowState = "outdone"
INCOMPLETE: RowState = "incomplete"
MISSING: RowState = "missing"
NOT_APPLICABLE: RowState = "not applicable"

STATES: tuple[RowState, ...] = (RANKED, OUTDONE, INCOMPLETE, MISSING, NOT_APPLICABLE)
"""The states in the order of a table's rows."""


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
class SeedData:
    """The result of one seed.

    Args:
        seed: its number.
        status: the record's status, or ``missing``.
        reason: why the run did not end with the status ``ok``; empty if it did.
        value: the test score; the chance score for a diverged run; None without a score.
        score: ``value`` on a scale from chance (0) to the best possible or the anchor (1); None if either is unknown.
        secondary: the secondary metrics by name; None for one that the record lacks.
        record: where the record was found; None without a record.
        checksum: of the record.
        verified: how the record was verified; empty if it was not.
    """

    seed: int
    status: str
    reason: str
    value: float | None
    score: float | None
    secondary: Mapping[str, float | None] = field(default_factory=dict)
    record: str | None = None
    checksum: str | None = None
    verified: str | None = None

    def to_plain(self) -> dict[str, object]:
        """Return the seed's part of ``board.json``."""
        data = _fields_to_plain(self)
        if self.record is None:
            for key in ("record", "checksum", "verified"):
                del data[key]
        return data


@dataclass(frozen=True)
class Curve:
    """Scores over steps or lengths: mean, lowest and highest over the seeds.

    Args:
        axis: what ``x`` counts.
        x: the steps or lengths, increasing.
        mean: mean score at each ``x``.
        low: lowest score at each ``x``.
        high: highest score at each ``x``.
    """

    axis: Literal["step", "length"]
    x: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]

    def to_plain(self) -> dict[str, object]:
        """Return the curve's part of ``board.json``, where ``x`` has the name of the axis."""
        data = _fields_to_plain(self)
        return {str(data.pop("axis")): data.pop("x"), **data}


@dataclass(frozen=True)
class RowData:
    """One row of a task's table: the results of one configuration of an architecture.

    Args:
        label: name of the row.
        architecture: name of the architecture, with its encoder's if it has one.
        state: see ``RowState``.
        reason: why the row is not ranked; empty if it is.
        rank: 1 + the number of rows that are significantly better; None without a rank.
        mean: mean score over seeds; None without a score.
        half_width: half the width of the 95 % interval of the mean; None for fewer than two seeds.
        secondary: mean and half width of each secondary metric, by name.
        above_chance: whether the mean is clearly above chance; None if that is unknown.
        below_chance: whether the mean is worse than chance.
        solved: number of seeds that solved the task; None if that is unknown.
        diverged: number of seeds whose training diverged.
        seeds: one entry for each seed of the board; empty for a row without any record.
        costs: figures by column (see ``board_card.COLUMNS``); means over seeds, or a text.
        curve: validation score over training steps; None without one.
        lengths: test score over sequence lengths; None without one.
        budget: expected best validation score after 1, 2, ... learning rates tried.
    """

    label: str
    architecture: str
    state: RowState
    reason: str
    rank: int | None = None
    mean: float | None = None
    half_width: float | None = None
    secondary: Mapping[str, Interval] = field(default_factory=dict)
    above_chance: bool | None = None
    below_chance: bool = False
    solved: int | None = None
    diverged: int = 0
    seeds: Sequence[SeedData] = ()
    costs: Mapping[str, float | str] = field(default_factory=dict)
    curve: Curve | None = None
    lengths: Curve | None = None
    budget: Sequence[float] = ()

    def to_plain(self) -> dict[str, object]:
        """Return the row's part of ``board.json``; a row without any record has only the keys that identify it."""
        data = _fields_to_plain(self)
        if not self.seeds:
            return {key: data[key] for key in ("label", "architecture", "state", "reason", "rank", "seeds")}
        return {**data, "curve": data["curve"] or {}, "lengths": data["lengths"] or {}}


@dataclass(frozen=True)
class SecondaryMetric:
    """A test metric that is shown beside the deciding one, with its chance score and its best possible score."""

    metric: str
    chance: float | None
    best: float | None


@dataclass(frozen=True)
class PublishedFigure:
    """A score that a publication reports for an architecture on a task, from the task card."""

    architecture: str
    value: float
    setting: str
    source: str


@dataclass(frozen=True)
class CardVersion:
    """Version and digest of a task card."""

    version: int
    digest: str


@dataclass(frozen=True)
class TaskData:
    """One task of a board, with its rows.

    Args:
        task: name of the task on the board.
        name: name of its card.
        summary: the card's.
        card: the card's version, and its digest for the board's tier.
        metric: name of the metric that decides.
        direction: ``min`` or ``max``: which scores are better.
        size: size that the models must have; None for any.
        chance: score of a predictor that knows nothing; None if unknown.
        best: best possible score; None if unknown.
        best_unknown: why the best possible score is unknown.
        anchor: score that counts as 1 if the best possible one is unknown; None without one.
        anchor_source: source of the anchor.
        problems: what is wrong with the task's rules on this board.
        baselines: test scores of the card's baselines, by name.
        published: published figures of the card for the board's tier.
        secondary: metrics shown beside the one that decides.
        rows: the table's rows, best first.
    """

    task: str
    name: str
    summary: str
    card: CardVersion
    metric: str
    direction: str
    size: Size | None
    chance: float | None
    best: float | None
    best_unknown: str
    anchor: float | None
    anchor_source: str
    problems: Sequence[str]
    baselines: Mapping[str, float]
    published: Sequence[PublishedFigure]
    secondary: Sequence[SecondaryMetric]
    rows: Sequence[RowData]


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
        left_out: why each other task is not, by name.
        rows: the rows that have all these tasks, best first.
        improvement: probability that a run of row i is better than one of row j, ``(rows, rows)``.
        incomplete: why each other row is left out, by label.
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
        setting: under which the figure was published.
        metric: name of the metric.
        direction: ``min`` or ``max``: which figures are better.
        architecture: name of our architecture.
        task: name of our task; None if there is none yet.
        published: the published figure.
        statistic: ``mean`` or ``best``: what both figures are over seeds.
        ours: our figure; None without one.
        half_width: half the width of the 95 % interval of our mean; None without one.
        seeds: number of seeds in our figure.
        lacking: seeds that have not been run.
        diverged: number of seeds whose training diverged.
        difference: ``ours - published``; None without a figure of ours.
        chance: score of a predictor that knows nothing; None if unknown.
        best: best possible score; None if unknown.
        parameters: mean number of parameters of our models; None without one.
        seconds: mean duration of our runs in seconds; None without one.
        needs: what running the cell takes, in words.
        verdict: whether the figures agree, or why there is none of ours.
        aside: the records of the cell that do not count, each with the reason.
        deviations: where the card's tier departs from the published recipe.
        command: command that runs the cell; None without a task.
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


@dataclass(frozen=True)
class BoardData:
    """All that the pages of a board show.

    Args:
        board: the rules.
        records: number of records that count.
        tasks: the tasks, in the order of the card.
        overall: comparison across tasks; None if fewer than two tasks have a scale.
        published: cells of the published table; empty without one.
        set_aside: records of the board's tasks that do not count, each with the reason.
        unrelated: number of other records, by what they are.
        problems: tasks and metrics of the card that cannot be used, each with the reason.
        schema: see ``SCHEMA``.
    """

    board: BoardFacts
    records: int
    tasks: Sequence[TaskData]
    overall: OverallData | None
    published: Sequence[PublishedCell]
    set_aside: Sequence[ExcludedRecord]
    unrelated: Mapping[str, int]
    problems: Sequence[str]
    schema: int = SCHEMA

    def to_plain(self) -> dict[str, object]:
        """Return the data as dicts, lists, texts and numbers."""
        return _fields_to_plain(self)

    def to_json(self) -> str:
        """Return the text of ``board.json``.

        Raises:
            SeqbenchError: a value is not plain data.
        """
        return to_json(self.to_plain())


def _fields_to_plain(data: object) -> dict[str, object]:
    """Return the fields of a dataclass by name, as plain data."""
    names = [item.name for item in dataclasses.fields(data)]  # type: ignore[arg-type]
    return {name: _to_plain(getattr(data, name)) for name in names}


def _to_plain(value: object) -> object:
    if isinstance(value, SeedData | Curve | RowData):
        return value.to_plain()
    if dataclasses.is_dataclass(value):
        return _fields_to_plain(value)
    if isinstance(value, Mapping):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    return value
