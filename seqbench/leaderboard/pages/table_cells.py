"""The cells of a task's table on the HTML page, each with its text and the number by which it is sorted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from seqbench.leaderboard.pages import cost_columns, score_text, statistics_wording, wording
from seqbench.leaderboard.pages.cost_columns import COLUMNS, Column
from seqbench.leaderboard.pages.series_style import rows_with_scores
from seqbench.leaderboard.task_data import RowData, SeedData, TaskData
from seqbench.utils import number_format

MOST_SEED_LINES = 10
"""Largest number of seeds that have a line each."""


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Args:
        text: text of the cell.
        number: the number by which it is sorted; None to sort by its text.
        title: text that a browser shows while the pointer is over it.
        note: text beside it in a muted colour: the lowest and the highest seed of a cost.
    """

    text: str = ""
    number: float | None = None
    title: str = ""
    note: str = ""


@dataclass
class TableRow:
    """One row of a task's table.

    Args:
        label: name of the row.
        source: the row of the board's data.
        distribution: the package that offers the architecture.
        remarks: remarks below the name.
        rank: its rank, or a dash.
        score: mean score.
        half_width: half width of the mean's interval.
        seeds: one line for each seed.
        cells: the cells after the score, in the order of the columns.
    """

    label: str
    source: RowData
    distribution: str = ""
    remarks: list[str] = field(default_factory=list)
    rank: Cell = Cell()
    score: Cell = Cell()
    half_width: str = ""
    seeds: list[str] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)


@dataclass(frozen=True)
class Reference:
    """A score with which rows are compared: chance, the best possible, an anchor, a baseline or a published figure."""

    name: str
    value: str
    note: str = ""


def choose_columns(task: TaskData, names: Sequence[str]) -> tuple[list[Column], list[str]]:
    """Choose the cost columns of a task's table.

    A column without any value is left out. A column of provenance, such as the device, that is the same in all rows
    becomes a phrase above the table.

    Args:
        task: the task.
        names: the columns of the board's card.

    Returns:
        The columns, and the phrases.
    """
    names = cost_columns.page_columns(names)
    shared = cost_columns.shared_costs(task, [name for name in names if COLUMNS[name].group == "provenance"])
    phrases = [f"{COLUMNS[name].title.lower()} {text}" for name, text in shared.items() if text]
    phrases += cost_columns.machine_notes(task, names)
    known = {name for row in rows_with_scores(task) for name, value in row.costs.items() if value not in (None, "")}
    return [COLUMNS[name] for name in names if name in known and name not in shared], phrases


def table_rows(task: TaskData, columns: Sequence[Column]) -> list[TableRow]:
    """Return the rows of a task's table that have a score, best first.

    Args:
        task: the task.
        columns: the cost columns of the table.
    """
    rows = rows_with_scores(task)
    places = number_format.decimal_places(row.mean for row in rows if row.mean is not None)
    return [_table_row(task, row, columns, places) for row in rows]


def _table_row(task: TaskData, row: RowData, columns: Sequence[Column], places: int) -> TableRow:
    mean = row.mean or 0.0
    return TableRow(
        label=row.label,
        source=row,
        distribution=str(row.costs.get("distribution", "")),
        remarks=[": ".join(filter(None, remark)) for remark in wording.row_remarks(row)],
        rank=_rank(row),
        score=Cell(number_format.format_score(mean, places), mean),
        half_width=score_text.spread_text(row, places),
        seeds=[*seed_lines(row.seeds), *filter(None, [statistics_wording.sample_interval(row)])],
        cells=[
            Cell(wording.format_solved(row), row.solved),
            _normalised_score(row),
            _published(task, row),
            *(_secondary(row, line.metric) for line in task.secondary),
            *(_cost(row, column) for column in columns),
        ],
    )


def seed_lines(seeds: Sequence[SeedData]) -> list[str]:
    """Return a line for each seed; for more than ``MOST_SEED_LINES`` seeds, their range and all scores in one line."""
    if len(seeds) <= MOST_SEED_LINES:
        return [_seed_line(seed) for seed in seeds]
    known = sorted((seed.value, seed.seed) for seed in seeds if seed.value is not None)
    ends = [f"lowest {known[0][0]:.6g} (seed {known[0][1]}), highest {known[-1][0]:.6g} (seed {known[-1][1]})"]
    other = Counter(seed.status for seed in seeds if seed.status != "ok")
    states = [f"{count} {status}" for status, count in sorted(other.items())]
    values = ", ".join("none" if seed.value is None else f"{seed.value:.4g}" for seed in seeds)
    return [*(ends if known else []), *states, f"seeds {seeds[0].seed} to {seeds[-1].seed}: {values}"]


def _rank(row: RowData) -> Cell:
    """Return the cell of a row's rank, with its p values as its title."""
    if row.rank is None:
        return Cell("–", None, "not ranked")
    return Cell(statistics_wording.format_rank(row), row.rank, statistics_wording.p_text(row))


def _seed_line(seed: SeedData) -> str:
    score = "no score" if seed.value is None else f"{seed.value:.6g}"
    return f"seed {seed.seed}: {score}{'' if seed.status == 'ok' else ', ' + seed.status}"


def _normalised_score(row: RowData) -> Cell:
    mean = row.mean_score
    if mean is None:
        return Cell()
    return Cell(number_format.format_score(mean, 3) if mean else "0.000", mean)


def _published(task: TaskData, row: RowData) -> Cell:
    figures = [figure for figure in task.published if figure.architecture == row.architecture]
    if not figures:
        return Cell()
    text = wording.published_figures(task)[row.architecture]
    sources = "; ".join(f"{figure.setting}: {figure.source}" for figure in figures)
    return Cell(text, figures[0].value, sources)


def _secondary(row: RowData, metric: str) -> Cell:
    interval = row.secondary.get(metric)
    return Cell(wording.format_secondary(row, metric), interval.mean) if interval else Cell()


def _cost(row: RowData, column: Column) -> Cell:
    value = row.costs.get(column.key)
    if value is None or value == "":
        return Cell()
    if column.format_value is None or isinstance(value, str):
        return Cell(str(value))
    ends = row.cost_ranges.get(column.key)
    note = cost_columns.format_range(column.key, ends) if column.timed else ""
    title = "median, and the lowest and the highest seed" if note else ""
    return Cell(column.format_value(value), value, title, note)


def reference_rows(task: TaskData) -> list[Reference]:
    """Return the scores with which a task's rows are compared, as rows at the end of its table."""
    known = [value for value in (task.chance, task.best, task.anchor) if value is not None]
    means = (row.mean for row in rows_with_scores(task) if row.mean is not None)
    places = number_format.decimal_places([*means, *known])

    def reference(name: str, value: float | None, note: str = "") -> Reference:
        return Reference(name, "unknown" if value is None else number_format.format_score(value, places), note)

    references = [reference("chance", task.chance), reference("best possible", task.best, task.best_unknown)]
    if task.anchor is not None:
        references.append(reference("anchor", task.anchor, f"counts as 1: {task.anchor_source}"))
    references += [reference(f"baseline {name}", value) for name, value in task.baselines.items()]
    for item in task.published:
        note = "; ".join(filter(None, (item.setting, item.source)))
        value = number_format.format_published(item.value)
        references.append(Reference(f"published {item.shown}", value, note))
    return references
