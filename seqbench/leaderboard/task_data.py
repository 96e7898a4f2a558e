"""The contents of one task of a board, typed: its rows, their seeds and curves, and the figures to compare them with.

Each attribute has the name of its key in ``board.json``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from seqbench.leaderboard.data.board_card import Size
from seqbench.leaderboard.data.checked_records import UNVERIFIED, VERIFICATION_STATES, VerificationState
from seqbench.leaderboard.stats.intervals import Interval

RowState = Literal["ranked", "outdone", "incomplete", "missing", "not applicable"]
"""State of a row in one task; a row that is not ranked gives a reason."""

RANKED: RowState = "ranked"
OUTDONE: RowState = "outdone"
INCOMPLETE: RowState = "incomplete"
MISSING: RowState = "missing"
NOT_APPLICABLE: RowState = "not applicable"

STATES: tuple[RowState, ...] = (RANKED, OUTDONE, INCOMPLETE, MISSING, NOT_APPLICABLE)
"""The states in the order of a table's rows."""


OPTIONAL = {"optional": True}
"""Metadata of a field that ``board.json`` leaves out if it is empty."""


@dataclass(frozen=True)
class SeedData:
    """The result of one seed.

    Args:
        seed: number of the seed.
        status: the record's status, or ``missing``.
        reason: why the run did not end with the status ``ok``; empty if it did.
        value: the test score; the chance score for a diverged run; None without a score.
        score: ``value`` on a scale from chance (0) to the best possible or the anchor (1), negative if it is worse than
            chance; None if either is unknown.
        secondary: the secondary metrics by name; None for one that the record lacks.
        record: path or W&B run of the record; None without a record.
        checksum: checksum of the record.
        verified: how the record was verified; empty if it was not.
        verification: who verified the record: ``ci`` or ``submitter``, or ``unverified``; None without a record.
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
    verification: VerificationState | None = None

    def to_plain(self) -> dict[str, object]:
        """Return the seed's part of ``board.json``."""
        data = fields_to_plain(self)
        if self.record is None:
            for key in ("record", "checksum", "verified", "verification"):
                del data[key]
        return data


@dataclass(frozen=True)
class Curve:
    """Scores over steps or lengths: mean, lowest and highest over the seeds.

    Args:
        axis: name of the quantity ``x``.
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
        data = fields_to_plain(self)
        return {str(data.pop("axis")): data.pop("x"), **data}


@dataclass(frozen=True)
class RowData:
    """One row of a task's table: the results of one configuration of an architecture.

    Args:
        label: name of the row.
        architecture: name of the architecture, followed by the name of its encoder if it has one.
        state: see ``RowState``.
        reason: why the row is not ranked; empty if it is.
        rank: 1 + the number of rows that are significantly better; None without a rank.
        mean: mean score over seeds; None without a score.
        half_width: half the width of the 95 % interval of the mean over seeds; None for fewer than two seeds, 0 for
            equal seeds, which show no spread (pages print no interval then).
        secondary: mean and half width of each secondary metric, by name.
        above_chance: whether the mean is clearly above chance; None if that is unknown.
        below_chance: whether the mean is worse than chance.
        solved: number of seeds that solved the task; None if that is unknown.
        diverged: number of seeds whose training diverged.
        seeds: one entry for each seed of the board; empty for a row without any record.
        costs: figures by column (see ``board_card.COLUMNS``); medians over seeds, or a text.
        cost_ranges: lowest and highest seed of each cost that differs between seeds.
        machines: the processors and devices that the costs were measured on.
        counts_padding: whether the tokens per second of training count padding, as in older records.
        curve: validation score over training steps; None without one.
        lengths: test score over sequence lengths; None without one.
        budget: expected best validation score after 1, 2, ... learning rates tried.
        rank_range: smallest and largest rank that further draws of the test could give; empty if the rank is decided.
        p_first: p value of the difference from the row with the best mean; None for that row, and without a rank.
        p_above: p value of the difference from the ranked row above; None for the first row, and without a rank.
        mean_score: the mean on a scale from chance (0, also for a mean below chance) to the best possible or the anchor
            (1); None if either is unknown.
        sample_half_width: half the width of the 95 % interval over seeds and test samples; None if the records do not
            hold the error over test samples.
        configurations: number of configurations of the architecture that have records on this task; the one with the
            best validation score ranks.
        bound: ``lowest`` or ``highest`` if the learning rate is the last that the search of some seed may try, so that
            a better one may lie beyond it; otherwise empty.
        other_search: how the search of the learning rate differs from that of most rows; empty if it does not.
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
    cost_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    machines: Sequence[str] = ()
    counts_padding: bool = False
    curve: Curve | None = None
    lengths: Curve | None = None
    budget: Sequence[float] = ()
    rank_range: Sequence[int] = ()
    p_first: float | None = None
    p_above: float | None = None
    mean_score: float | None = None
    sample_half_width: float | None = None
    configurations: int = 1
    bound: str = ""
    other_search: str = ""

    @property
    def unverified(self) -> list[int]:
        """The seeds whose records nobody has verified."""
        return [seed.seed for seed in self.seeds if seed.verification == UNVERIFIED]

    def to_plain(self) -> dict[str, object]:
        """Return the row's part of ``board.json``; a row without any record has only the keys that identify it."""
        data = fields_to_plain(self)
        if not self.seeds:
            return {key: data[key] for key in ("label", "architecture", "state", "reason", "rank", "seeds")}
        return {**data, "curve": data["curve"] or {}, "lengths": data["lengths"] or {}}


@dataclass(frozen=True)
class RankTest:
    """The test behind the ranks of a task, and what it can detect with the seeds of the board.

    Args:
        rows: number of rows that are ranked.
        seeds: number of seeds of each of them.
        alpha: probability that any two rows have different ranks if all are equally good.
        groups: number of different ranks.
        draws: number of draws of the largest statistic.
        undecided: labels of the rows whose rank could change with further draws.
        detectable: difference, in standard deviations of one architecture, that is significant in 80 % of boards with
            this number of rows and seeds; None for a single row.
        needed: median, over the pairs of rows, of the difference of their means from which it would have been
            significant, in the unit of the metric; None for a single row.
        solve_or_fail: whether some row solved the task with some of its seeds, and not with others. The test then
            errs more often than ``alpha`` (see ``board_error``).
        board_error: measured share of boards that give different ranks to equally good rows, where each seed solves the
            task or fails at even odds; None unless ``solve_or_fail``.
    """

    rows: int
    seeds: int
    alpha: float
    groups: int
    draws: int
    undecided: Sequence[str]
    detectable: float | None
    needed: float | None
    solve_or_fail: bool = False
    board_error: float | None = None


@dataclass(frozen=True)
class SecondaryMetric:
    """A test metric that is shown beside the deciding one, with its chance score and its best possible score."""

    metric: str
    chance: float | None
    best: float | None


@dataclass(frozen=True)
class PublishedFigure:
    """A score that a publication reports for an architecture on a task, from the task card.

    ``title`` is the title of the architecture on the board; empty without one.
    """

    architecture: str
    value: float
    setting: str
    source: str
    title: str = field(default="", metadata=OPTIONAL)

    @property
    def shown(self) -> str:
        """The title of the architecture, or its name."""
        return self.title or self.architecture


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
        summary: summary of the card.
        card: version of the card, and its digest for the board's tier.
        metric: name of the metric that decides.
        direction: ``min`` or ``max``: which scores are better.
        size: size that the models must have; None for any.
        chance: score of a predictor that knows nothing; None if unknown.
        best: best possible score; None if unknown.
        best_unknown: why the best possible score is unknown.
        anchor: score that counts as 1 if the best possible one is unknown; None without one.
        anchor_source: source of the anchor.
        problems: problems of the task's rules on this board.
        baselines: test scores of the card's baselines, by name.
        published: published figures of the card for the board's tier.
        secondary: metrics shown beside the one that decides.
        rows: the table's rows, best first.
        test: the test behind the ranks; None if no row is ranked.
        limits: what a score on the task does not say, from its card; empty if the card does not say.
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
    test: RankTest | None = None
    limits: str = field(default="", metadata=OPTIONAL)


def count_verifications(tasks: Iterable[TaskData]) -> dict[VerificationState, int]:
    """Return the number of records by who verified them; every state has a number."""
    seeds = [seed for task in tasks for row in task.rows for seed in row.seeds]
    return {state: sum(seed.verification == state for seed in seeds) for state in VERIFICATION_STATES}


def fields_to_plain(data: object) -> dict[str, object]:
    """Return the fields of a dataclass by name, as plain data; optional fields that are empty are left out."""
    fields = dataclasses.fields(data)  # type: ignore[arg-type]
    names = [item.name for item in fields if getattr(data, item.name) or not item.metadata.get("optional")]
    return {name: _to_plain(getattr(data, name)) for name in names}


def _to_plain(value: object) -> object:
    if isinstance(value, SeedData | Curve | RowData):
        return value.to_plain()
    if dataclasses.is_dataclass(value):
        return fields_to_plain(value)
    if isinstance(value, Mapping):
        return {key: _to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    return value
