"""The rows of one task: the results of each configuration of an architecture, computed from its records."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.checked_records import CheckedRecord, MetricScore
from seqbench.leaderboard.selection import row_costs, secondary_metrics, task_ranks
from seqbench.leaderboard.selection.record_eligibility import Cells
from seqbench.leaderboard.stats import interquartile_mean, intervals
from seqbench.leaderboard.stats.expected_best import expected_best
from seqbench.leaderboard.task_data import (
    INCOMPLETE,
    MISSING,
    NOT_APPLICABLE,
    OUTDONE,
    RANKED,
    STATES,
    CardVersion,
    Curve,
    PublishedFigure,
    RowData,
    RowState,
    SecondaryMetric,
    SeedData,
    TaskData,
)
from seqbench.protocol.cards import Card
from seqbench.protocol.chance import above_chance

SOLVED = 0.99
"""Share of the way from chance to the best possible score from which a seed has solved its task."""

UNVERIFIED_DIVERGENCE = "it says that training diverged, which nobody has verified, so it does not count"


@dataclass(frozen=True)
class _Task:
    """What the rows of one task have in common.

    Args:
        name: name of the task on the board.
        board: the board.
        card: the task's card.
        cells: the records that count, by row label and seed.
        reference: a score with the chance score and the best possible score of the task.
        anchor: score that counts as 1 if the best possible one is unknown.
        secondary: the secondary metrics that some record has.
        configurations: number of rows of each architecture.
    """

    name: str
    board: Board
    card: Card
    cells: Cells
    reference: MetricScore
    anchor: float | None
    secondary: Sequence[SecondaryMetric]
    configurations: Counter[tuple[str, str]]

    @property
    def direction(self) -> str:
        """``min`` or ``max``: which scores are better."""
        return self.card.metric.direction

    @property
    def top(self) -> float | None:
        """The score that counts as 1: the best possible one, or the anchor if that is unknown."""
        return self.anchor if self.reference.best is None else self.reference.best


def build_task_data(board: Board, task: str, card: Card, cells: Cells, labels: Mapping[str, str]) -> TaskData:
    """Return one task of a board with its rows, best first.

    Args:
        board: the board.
        task: name of the task on the board.
        card: the task's card.
        cells: the records that count, by row label and seed.
        labels: all row labels of the board with their architectures; those without a record here become missing rows.
    """
    rules, reference = board.tasks[task], _reference(cells)
    anchor = rules.anchor if reference.best is None else None
    problems = []
    if anchor is not None and reference.chance is not None and not card.metric.better(anchor, reference.chance):
        problems.append(f"its anchor {anchor} is no better than chance")
        anchor = None
    named = rules.secondary or card.secondary
    secondary = secondary_metrics.find_secondary_metrics(named, cells)
    problems += secondary_metrics.secondary_problems(rules.secondary, cells)
    configurations = Counter(_configured(next(iter(seeds.values()))) for seeds in cells.values())
    common = _Task(task, board, card, cells, reference, anchor, secondary, configurations)
    ranked, test = task_ranks.rank_rows(_rows_with_records(common), card.metric.direction)
    rows = [*ranked, *_rows_without_records(common, labels)]
    return TaskData(
        task=task,
        name=card.name,
        summary=card.summary,
        card=CardVersion(card.version, card.digest(board.tier)),
        metric=card.metric.name,
        direction=card.metric.direction,
        size=board.size_for(task),
        chance=reference.chance,
        best=reference.best,
        best_unknown=reference.best_unknown,
        anchor=anchor,
        anchor_source=rules.anchor_source if anchor is not None else "",
        problems=problems,
        baselines=_baselines(cells),
        published=_published_figures(card, board),
        secondary=secondary,
        rows=sorted(rows, key=lambda row: _sort_key(row, card.metric.direction)),
        test=test,
        limits=card.limits.strip(),
    )


def own_title(board: Board, architecture: str) -> str:
    """Return the title that a board's card gives to an architecture; empty if it gives none."""
    title = board.title_of(architecture)
    return "" if title == architecture else title


def rescale_score(value: float | None, chance: float | None, best: float | None) -> float | None:
    """Return ``value`` on a scale where ``chance`` is 0 and ``best`` is 1; None if that is unknown.

    The result is negative if the value is worse than chance.

    Args:
        value: the score, or None.
        chance: score of a predictor that knows nothing, or None.
        best: best possible score or an anchor, or None.

    >>> rescale_score(0.75, 0.5, 1.0)
    0.5
    """
    if value is None or chance is None or best is None or chance == best:
        return None
    return interquartile_mean.normalise_score(value, chance, best)


def diverged_score(chance: float | None, scores: Sequence[float], direction: str) -> float | None:
    """Return the score that a diverged run counts as: chance, or the worst score of all seeds if that is unknown.

    Args:
        chance: score of a predictor that knows nothing, or None.
        scores: the scores of the seeds that ended with the status ``ok``.
        direction: ``min`` or ``max``: which scores are better.

    >>> diverged_score(None, [0.5, 0.75], "max")
    0.5
    """
    if chance is not None or not scores:
        return chance
    return min(scores) if direction == "max" else max(scores)


def _reference(cells: Cells) -> MetricScore:
    """Return any score of the task's deciding metric; all records of a task agree on chance and best possible."""
    for record in _records(cells):
        if record.metric in record.test:
            return record.test[record.metric]
    return MetricScore(math.nan, None, None, "")


def _records(cells: Cells) -> Iterable[CheckedRecord]:
    return (record for seeds in cells.values() for record in seeds.values())


def _baselines(cells: Cells) -> dict[str, float]:
    record = next((record for record in _records(cells) if record.baselines), None)
    return dict(sorted(record.baselines.items())) if record else {}


def _published_figures(card: Card, board: Board) -> list[PublishedFigure]:
    """Return the figures that the card publishes for its deciding metric and the board's tier."""
    tier = board.tier
    return [
        PublishedFigure(
            reference.architecture,
            reference.value,
            reference.setting,
            reference.source,
            own_title(board, reference.architecture),
        )
        for reference in card.references
        if reference.metric == card.metric.name and (not reference.tiers or tier in reference.tiers)
    ]


def _rows_with_records(task: _Task) -> list[RowData]:
    """Return the rows that have records, without ranks."""
    scores = [r.test[r.metric].value for r in _records(task.cells) if r.status == "ok"]
    worst = diverged_score(task.reference.chance, scores, task.direction)
    return _mark_outdone([_row(task, label, worst) for label in task.cells], task)


def _row(task: _Task, label: str, worst: float | None) -> RowData:
    records = list(task.cells[label].values())
    seeds = [_seed(task, seed, task.cells[label].get(seed), worst) for seed in range(task.board.seeds)]
    values = [seed.value for seed in seeds if seed.value is not None]
    spread = intervals.mean_interval(values) if values else None
    mean, reference = spread.mean if spread else None, task.reference
    place = rescale_score(mean, reference.chance, task.top)
    missing = [f"seed {seed.seed}: {seed.reason or seed.status}" for seed in seeds if seed.value is None]
    solved = [seed.score >= SOLVED for seed in seeds if seed.score is not None and reference.best is not None]
    ended = [record for record in records if record.status == "ok"]
    costs = row_costs.row_costs(ended or records)
    return RowData(
        label=label,
        architecture=records[0].architecture,
        state=INCOMPLETE if missing else RANKED,
        reason="; ".join(missing),
        mean=mean,
        mean_score=None if place is None else max(place, 0.0),
        half_width=spread.half_width if spread else None,
        sample_half_width=_sample_half_width(task, label, seeds),
        secondary=secondary_metrics.row_secondary_means(seeds, task.secondary),
        above_chance=None if mean is None else above_chance(mean, reference.chance, reference.best, task.direction),
        below_chance=mean is not None
        and reference.chance is not None
        and task.card.metric.better(reference.chance, mean),
        solved=sum(solved) if solved else None,
        diverged=sum(record.diverged for record in records),
        seeds=seeds,
        costs=costs.figures,
        cost_ranges=costs.ranges,
        machines=costs.machines,
        counts_padding=costs.padding,
        curve=_curve("step", [zip(record.steps, record.curve, strict=True) for record in ended]),
        lengths=_curve("length", [zip(*record.lengths, strict=True) for record in ended]),
        budget=expected_best(records[0].search.tried, task.direction),
        configurations=task.configurations[_configured(records[0])],
        bound=next((record.search.bound for record in records if record.search.bound), ""),
        other_search=_other_search(records, task.cells),
    )


def _other_search(records: Sequence[CheckedRecord], cells: Cells) -> str:
    """Return how the search of a row differs from that of most rows of its task; empty if it does not.

    Args:
        records: the records of the row.
        cells: the records of the task.
    """
    usual, _ = Counter(
        rule for seeds in cells.values() for rule in {one.search.rule for one in seeds.values()}
    ).most_common(1)[0]
    own = sorted({record.search.rule for record in records})
    return "" if own == [usual] else f"its search: {'; '.join(own)}. That of most rows: {usual}"


def _sample_half_width(task: _Task, label: str, seeds: Sequence[SeedData]) -> float | None:
    """Return half the width of the interval of a row's mean over seeds and test samples.

    It is None unless every seed of the row ended with a score and its error over the test samples.

    Args:
        task: the task.
        label: name of the row.
        seeds: the seeds of the row.
    """
    records = [task.cells[label].get(seed.seed) for seed in seeds if seed.value is not None]
    scores = [record.test.get(task.card.metric.name) for record in records if record is not None]
    errors = [score.standard_error for score in scores if score is not None and score.standard_error is not None]
    if not errors or len(errors) < len(records):
        return None
    values = (seed.value for seed in seeds if seed.value is not None)
    shared = intervals.shared_share([score.sample_groups for score in scores if score is not None])
    return intervals.sampled_mean_interval(values, errors, shared).half_width


def _seed(task: _Task, seed: int, record: CheckedRecord | None, worst: float | None) -> SeedData:
    """Return the result of one seed; a diverged run counts as ``worst``, whatever scores its record has.

    A diverged run that nobody verified has no value: anybody could write such a record of a rival.
    """
    if record is None:
        return SeedData(seed, MISSING, "no record", None, None)
    value, reason = None, record.reason if record.status != "ok" else ""
    if record.status == "ok":
        value = record.test[task.card.metric.name].value
    elif record.diverged:
        value = worst
    elif record.status == "diverged":
        reason = f"{UNVERIFIED_DIVERGENCE}: {reason}"
    return SeedData(
        seed=seed,
        status=record.status,
        reason=reason,
        value=value,
        score=rescale_score(value, task.reference.chance, task.top),
        secondary=secondary_metrics.seed_secondary_values(record, task.secondary),
        record=record.origin,
        checksum=record.checksum,
        verified=record.verified,
        verification=record.verification,
    )


def _curve(axis: str, curves: Iterable[Iterable[tuple[float, float]]]) -> Curve | None:
    """Return mean, lowest and highest score at each step or length, over the seeds that have it."""
    scores: dict[float, list[float]] = {}
    for curve in curves:
        for x, score in curve:
            scores.setdefault(x, []).append(score)
    if not scores:
        return None
    order = sorted(scores)
    return Curve(
        axis="step" if axis == "step" else "length",
        x=order,
        mean=[statistics.fmean(scores[x]) for x in order],
        low=[min(scores[x]) for x in order],
        high=[max(scores[x]) for x in order],
    )


def _mark_outdone(rows: Sequence[RowData], task: _Task) -> list[RowData]:
    """Keep one ranked row for each architecture: the configuration with the best validation score.

    If many configurations of an architecture could rank, one of them would often rank high by chance.
    """
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for row in rows:
        records = list(task.cells[row.label].values())
        scores = [record.validation for record in records if record.validation is not None]
        if row.state != RANKED or len(scores) < len(records):
            continue
        key, mean = _configured(records[0]), statistics.fmean(scores)
        if key not in best or task.card.metric.better(mean, best[key][0]):
            best[key] = mean, row.label
    marked = []
    for row in rows:
        first = next(iter(task.cells[row.label].values()))
        chosen = best.get(_configured(first))
        if row.state == RANKED and chosen and chosen[1] != row.label:
            row = replace(
                row, state=OUTDONE, reason=f"{chosen[1]} has the better validation score; one configuration ranks"
            )
        marked.append(row)
    return marked


def _configured(record: CheckedRecord) -> tuple[str, str]:
    """Return what the rows of an architecture's configurations have in common: its name and its distribution."""
    return record.architecture, record.distribution


def _rows_without_records(task: _Task, labels: Mapping[str, str]) -> list[RowData]:
    """Return the rows of the board that have no record on this task: not applicable, or missing."""
    reasons = {item.architecture: item.reason for item in task.board.not_applicable if item.task == task.name}
    unknown = {task.board.title_of(name): name for name in reasons if name not in labels.values()}
    rows = []
    for label, architecture in {**labels, **unknown}.items():
        if label not in task.cells:
            state: RowState = NOT_APPLICABLE if architecture in reasons else MISSING
            rows.append(RowData(label, architecture, state, reasons.get(architecture, "no record that counts")))
    return rows


def _sort_key(row: RowData, direction: str) -> tuple[int, float, str]:
    """Return the key that sorts rows by state, then best first, then by label."""
    worse = math.inf if row.mean is None else row.mean if direction == "min" else -row.mean
    return STATES.index(row.state), worse, row.label
