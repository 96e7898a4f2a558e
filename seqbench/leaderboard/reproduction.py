"""Comparison of published figures with ours: for each cell of a published table a difference and a verdict."""

from __future__ import annotations

import shlex
import statistics
from collections.abc import Iterable, Mapping, Sequence

from seqbench.leaderboard.board_data import PublishedCell
from seqbench.leaderboard.data.board_card import Board, PublishedRow
from seqbench.leaderboard.data.checked_records import CheckedRecord, MetricScore, OptionValue, short_option_value
from seqbench.leaderboard.selection.record_eligibility import Selection
from seqbench.leaderboard.selection.task_rows import diverged_score, own_title
from seqbench.leaderboard.stats import intervals
from seqbench.leaderboard.verdicts import OTHER_SIZE, SIZE_TOLERANCE, is_other_size, judge_difference
from seqbench.protocol.cards import Tier

NO_TASK, NOT_RUN = "no such task yet", "not run"

OURS = "seqbench"
"""Distribution whose architecture is used for a published row if several distributions offer that name."""


def compare_with_published(board: Board, selection: Selection) -> list[PublishedCell]:
    """Return the cells of a board's published table, row by row; an empty list for a board without a published table.

    Our figure is over the seeds of one configuration, that of the tier's recipe: the mean, or the best if the board
    says so. A diverged seed counts as chance. A cell without a figure states the reason.

    Args:
        board: the board.
        selection: its records.
    """
    return [
        _cell(board, selection, row, architecture, float(value))
        for row in board.published
        for architecture, value in row.values.items()
    ]


def run_arguments(board: Board, task: str, architecture: str, size: int | None = None) -> list[str]:
    """Return the arguments with which ``seqbench run`` or ``sweep`` runs a cell of the board.

    Args:
        board: the board, for its tier.
        task: name of the task.
        architecture: name of the architecture, followed by ``+`` and its encoder's if it has one.
        size: number of parameters for which the width is chosen; None for the width of the tier.
    """
    arch, _, encoder = architecture.partition("+")
    named = ["--arch", arch, *(["--encoder", encoder] if encoder else []), "--task", task, "--tier", board.tier]
    # A published size is rounded. The tolerance keeps the number of layers of the recipe where widths are far apart.
    return [
        *named,
        *([] if size is None else ["--match-params", str(size), "--match-tolerance", f"{SIZE_TOLERANCE:g}"]),
    ]


def count_verdicts(cells: Iterable[PublishedCell]) -> dict[str, int]:
    """Return the number of cells with each verdict; reasons for a missing figure are shortened to their kind."""
    counts: dict[str, int] = {}
    for cell in cells:
        kind = cell.verdict.partition(":")[0] if cell.ours is None else cell.verdict
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _cell(board: Board, selection: Selection, row: PublishedRow, architecture: str, published: float) -> PublishedCell:
    records, aside = _recipe_records(board, selection, row, architecture)
    score = _first_score(row, records)
    best = score.best if score else None
    chance = row.chance if row.chance is not None else score.chance if score else None
    values = _seed_values(row, records, chance)
    ours, half_width = _our_figure(board.statistic, row.direction, values)
    parameters = _median_cost(records, "parameters")
    card = selection.cards.get(row.task or "")
    ended = {record.seed for record in records if record.status == "ok" or record.diverged}
    return PublishedCell(
        row=row.name,
        setting=row.setting,
        metric=row.metric,
        direction=row.direction,
        architecture=architecture,
        task=row.task,
        published=published,
        statistic=board.statistic,
        ours=ours,
        half_width=half_width,
        seeds=len(values),
        lacking=[seed for seed in range(board.seeds) if seed not in ended] if card else [],
        diverged=sum(record.diverged for record in records),
        difference=None if ours is None else ours - published,
        chance=chance,
        best=best,
        parameters=_rounded(parameters),
        seconds=_median_cost(records, "seconds"),
        needs=row.needs,
        verdict=_missing_reason(board, selection, row, records)
        if ours is None
        else OTHER_SIZE
        if is_other_size(row, parameters)
        else judge_difference(row, ours, published, chance, best, half_width, row.spread.get(architecture)),
        aside=aside,
        deviations=card.tier(board.tier).deviations if card else (),
        command=_command(board, row, architecture),
        title=own_title(board, architecture),
        size=row.parameters,
    )


def _recipe_records(
    board: Board, selection: Selection, row: PublishedRow, architecture: str
) -> tuple[list[CheckedRecord], list[str]]:
    """Return the records of the tier's recipe, all of one configuration, and a sentence on each other record.

    The width may be that of the tier or the one that was chosen for the published size.
    """
    task = row.task or ""
    rows = {
        label: [record for record in seeds.values() if record.architecture == architecture]
        for label, seeds in selection.cells.get(task, {}).items()
    }
    rows = {label: records for label, records in rows.items() if records}
    if not rows:
        return [], []
    recipe = _recipe(selection.cards[task].tier(board.tier), architecture)
    kept: dict[str, list[CheckedRecord]] = {}
    aside = []
    for label, records in sorted(rows.items()):
        deviations = [(record, _deviation(record, recipe, row.parameters)) for record in records]
        kept[label] = [record for record, deviation in deviations if not deviation]
        aside += [f"{record.origin}: {deviation}" for record, deviation in deviations if deviation]
    # A mean over several configurations describes none of them. One is chosen: seqbench's own, of the published size,
    # with most seeds.
    order = sorted(
        kept,
        key=lambda label: (
            not _is_ours(kept[label]),
            not _has_size(kept[label], row.parameters),
            -len(kept[label]),
            label,
        ),
    )
    aside += [
        f"{record.origin}: it is of another configuration, {label}" for label in order[1:] for record in kept[label]
    ]
    return kept[order[0]], aside


def _is_ours(records: Sequence[CheckedRecord]) -> bool:
    return any(record.distribution == OURS for record in records)


def _has_size(records: Sequence[CheckedRecord], size: int | None) -> bool:
    """Return whether the width of some records was chosen for a number of parameters."""
    return any(record.matched is not None and record.matched == size for record in records)


def _recipe(tier: Tier, architecture: str) -> dict[str, OptionValue]:
    """Return the options that a tier sets for an architecture, by dotted name.

    Options of the optimiser are left out, because a record that changes them is modified and does not count.
    """
    arch = {**tier.arch, **tier.architectures.get(architecture, {})}
    options = {f"arch.{name}": value for name, value in arch.items()}
    options |= {f"body.{name}": value for name, value in tier.body.items()}
    return {name: short_option_value(value) for name, value in options.items()}


def _deviation(record: CheckedRecord, recipe: Mapping[str, OptionValue], size: int | None) -> str:
    """Return how the options of a record deviate from the recipe; empty if they do not.

    Options of the recipe that the architecture does not have are ignored, and so are options that were chosen for the
    published size.

    Args:
        record: the record.
        recipe: options of the recipe by dotted name.
        size: published number of parameters; None if unknown.
    """
    chosen = record.matched_options if _has_size([record], size) else ()
    options = {name: value for name, value in record.options.items() if name not in chosen}
    different = [name for name, value in sorted(recipe.items()) if name in options and options[name] != value]
    words = ", ".join(f"{name} is {options[name]}, the recipe's {recipe[name]}" for name in different)
    return f"it is not of the recipe: {words}" if words else ""


def _scores(row: PublishedRow, records: Sequence[CheckedRecord]) -> list[MetricScore]:
    return [record.test[row.metric] for record in records if record.status == "ok" and row.metric in record.test]


def _first_score(row: PublishedRow, records: Sequence[CheckedRecord]) -> MetricScore | None:
    return next(iter(_scores(row, records)), None)


def _seed_values(row: PublishedRow, records: Sequence[CheckedRecord], chance: float | None) -> list[float]:
    """Return one value for each seed; no values if no seed ended well, because chance scores alone are no result."""
    values = [score.value for score in _scores(row, records) if score.value is not None]
    diverged = sum(record.diverged for record in records)
    worst = diverged_score(chance, values, row.direction)
    return [*values, *[worst] * diverged] if values and worst is not None else values


def _our_figure(statistic: str, direction: str, values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return our figure and the half width of its interval: the mean of the seeds, or the best without an interval.

    Args:
        statistic: ``mean`` or ``best``.
        direction: ``min`` or ``max``: which figures are better.
        values: one figure for each seed.
    """
    if not values:
        return None, None
    if statistic == "best":
        return (max if direction == "max" else min)(values), None
    spread = intervals.mean_interval(values)
    return spread.mean, spread.half_width


def _missing_reason(board: Board, selection: Selection, row: PublishedRow, records: Sequence[CheckedRecord]) -> str:
    """Return why a cell has no figure of ours."""
    if row.task is None:
        return NO_TASK
    if any(record.status == "ok" for record in records):
        return f"not comparable: its records have no {row.metric}"
    if records:
        return f"{records[0].status}: {records[0].reason or 'no reason given'}"
    if row.task not in board.tasks:
        return f"{NOT_RUN}: the board does not name the task {row.task}"
    problem = next((text for text in selection.problems if text.startswith(f"{row.task}:")), None)
    if problem:
        return f"{NOT_RUN}: {problem}"
    return f"{NOT_RUN}: needs {row.needs}" if row.needs else NOT_RUN


def _median_cost(records: Sequence[CheckedRecord], name: str) -> float | None:
    """Return the median cost of the runs that ended well; None if no record has it."""
    costs = [record.costs[name] for record in records if record.status == "ok" and name in record.costs]
    return statistics.median(costs) if costs else None


def _rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def _command(board: Board, row: PublishedRow, architecture: str) -> str | None:
    """Return the command that runs a cell: one run, or a sweep over the board's seeds; None without a task."""
    if not row.task:
        return None
    several = ["--seeds", str(board.seeds)] if board.seeds > 1 else []
    arguments = [*run_arguments(board, row.task, architecture, row.parameters), *several]
    return shlex.join(["seqbench", "sweep" if several else "run", *arguments])
