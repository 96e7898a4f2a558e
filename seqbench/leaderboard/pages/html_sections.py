"""The sections of the HTML page as data for its template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from seqbench.leaderboard.board_data import BoardData, OverallData, PublishedCell, RowGroups
from seqbench.leaderboard.pages import (
    charts,
    cost_columns,
    overall_charts,
    series_style,
    statistics_wording,
    table_cells,
    wording,
)
from seqbench.leaderboard.pages.charts import Chart
from seqbench.leaderboard.pages.table_cells import Reference, TableRow
from seqbench.leaderboard.task_data import RowData, SeedData, TaskData
from seqbench.utils import number_format

SOLVED_HEAD = ("Solved", "seeds that reached 99 % of the way from chance to the best possible score")
SCORE_HEAD = ("Score", "mean over seeds, rescaled from chance (0) to the best possible score or the anchor (1)")
PUBLISHED_HEAD = ("Published", "published figures of the same architecture; point at one for its setting and source")
SECONDARY_MEANING = "mean over seeds ± half width of its 95 % interval; not used for ranking"


@dataclass(frozen=True)
class Head:
    """The head of a column: its title, its meaning, whether its cells are numbers, and its group."""

    title: str
    meaning: str
    is_number: bool = True
    group: cost_columns.Group = "result"


@dataclass(frozen=True)
class RowsWithoutScore:
    """Rows that have no score for one reason.

    Args:
        reason: the reason.
        labels: their labels.
    """

    reason: str
    labels: list[str]

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.labels)


@dataclass(frozen=True)
class TaskSection:
    """The section of a task.

    Args:
        id: identifier of the section, for links.
        data: the task.
        size: the size of models, in words.
        heads: the columns after the score.
        common: phrases on what all rows have in common.
        test: sentences on what the ranks can show.
        rows: the rows of the table, all of them with a score.
        without_score: the other rows.
        strips: the drawing of each row's seeds, by label.
        references: the rows at the end of the table.
        charts: the charts.
        one_size: whether there are several models and all are about equally large.
        legend: labels of the rows that have a colour, each with its line and marker.
        grey: number of rows without a colour.
    """

    id: str
    data: TaskData
    size: str
    heads: list[Head]
    common: list[str]
    test: list[str]
    rows: list[TableRow]
    without_score: list[RowsWithoutScore]
    strips: dict[str, Markup]
    references: list[Reference]
    charts: list[Chart]
    one_size: bool
    legend: list[tuple[str, Markup]]
    grey: int


@dataclass(frozen=True)
class OverallSection:
    """The section that compares rows across tasks.

    Args:
        data: the comparison.
        charts: the charts across tasks.
        legend: labels of the rows that have a colour in these charts, each with its line and marker.
        matrix: each label with its line of the matrix of probabilities.
        labels: the labels of the rows, best first.
        groups: the groups of each row over the tasks, by label.
        no_order: why there is no overall order; empty if there is one.
        friedman: p value of the test of the average ranks, as text; empty without one.
    """

    data: OverallData
    charts: list[Chart]
    legend: list[tuple[str, Markup]]
    matrix: list[tuple[str, Sequence[float]]]
    labels: list[str]
    groups: Mapping[str, RowGroups]
    no_order: str
    friedman: str


@dataclass(frozen=True)
class PublishedRow:
    """A cell of a published table with its numbers as text.

    Args:
        cell: the cell.
        published: the published figure.
        ours: our figure; None without one.
        half_width: half width of its interval; None without one.
        difference: our figure minus the published one.
        setting: the setting of the published figure.
        parameters: number of parameters of our model.
        kind: first word of the verdict, or ``open`` without a figure of ours; chooses the colour.
    """

    cell: PublishedCell
    published: str
    ours: str | None
    half_width: str | None
    difference: str
    setting: str
    parameters: str
    kind: str


@dataclass(frozen=True)
class RecordRow:
    """A record that counts, with its task, its row and its seed."""

    task: str
    label: str
    seed: SeedData


def build_task_section(
    anchor: str, task: TaskData, columns: Sequence[str], slots: series_style.Slots, top: int
) -> TaskSection:
    """Return the section of a task.

    Args:
        anchor: anchor of the section.
        task: the task.
        columns: the cost columns of the board's card.
        slots: the slots of the task's rows, from `series_style.assign_slots`.
        top: number of rows that the charts show.
    """
    chosen, common = table_cells.choose_columns(task, columns)
    rows = table_cells.table_rows(task, chosen)
    fixed = [Head(*head) for head in (SOLVED_HEAD, SCORE_HEAD, PUBLISHED_HEAD)]
    # Columns that every task has are left out if they have no value.
    empty = {k for k in range(len(fixed)) if not any(row.cells[k].text for row in rows)}
    for row in rows:
        row.cells = [cell for k, cell in enumerate(row.cells) if k not in empty]
    shown = replace(task, rows=series_style.rows_with_scores(task)[:top])
    return TaskSection(
        id=anchor,
        data=task,
        size=str(task.size) if task.size else "any",
        heads=[
            *(head for k, head in enumerate(fixed) if k not in empty),
            *(Head(line.metric, SECONDARY_MEANING) for line in task.secondary),
            *(Head(column.title, column.meaning, column.format_value is not None, column.group) for column in chosen),
        ],
        common=[text for text in (wording.secondary_summary(task), *common) if text],
        test=statistics_wording.test_sentences(task.test),
        rows=rows,
        without_score=_rows_without_score(task),
        strips=_draw_strips(task, [row.source for row in rows], slots),
        references=table_cells.reference_rows(task),
        charts=charts.task_charts(shown, slots),
        one_size=len(slots) > 1 and charts.sizes_are_equal(task),
        legend=series_style.draw_legend(slots),
        grey=len(shown.rows) - len(slots),
    )


def _rows_without_score(task: TaskData) -> list[RowsWithoutScore]:
    """Return the rows without a score, grouped by the reason."""
    return [RowsWithoutScore(reason, labels) for reason, labels in wording.rows_without_score(task).items()]


def _draw_strips(task: TaskData, rows: Sequence[RowData], slots: series_style.Slots) -> dict[str, Markup]:
    axis = series_style.strip_axis(task)
    if axis is None:
        return {}
    return {row.label: series_style.draw_strip(task, row, axis, slots.get(row.label)) for row in rows}


def build_overall_section(data: BoardData, overall: OverallData, top: int) -> OverallSection:
    """Return the section that compares rows across tasks.

    Args:
        data: the board.
        overall: its comparison across tasks.
        top: number of rows that the charts and the matrix show.
    """
    shown = replace(overall, rows=overall.rows[:top], improvement=[line[:top] for line in overall.improvement[:top]])
    labels = [row.label for row in shown.rows]
    slots = series_style.board_slots(data)
    return OverallSection(
        data=overall,
        charts=overall_charts.draw_overall_charts(data.tasks, shown, slots) if labels else [],
        legend=series_style.draw_legend(slots),
        matrix=list(zip(labels, shown.improvement, strict=overall.ordered)),
        labels=labels,
        groups={row.label: row for row in data.groups},
        no_order=statistics_wording.order_sentence(overall),
        friedman=statistics_wording.format_p(overall.rank_test.p) if overall.rank_test else "",
    )


def format_published_row(cell: PublishedCell) -> PublishedRow:
    """Return a cell of a published table with its numbers as text."""
    places = number_format.decimal_places([value for value in (cell.published, cell.ours) if value is not None])
    half = cell.half_width
    return PublishedRow(
        cell=cell,
        published=number_format.format_published(cell.published),
        ours=None if cell.ours is None else number_format.format_score(cell.ours, places),
        half_width=None if half is None else number_format.format_half_width(half, places),
        difference=number_format.format_difference(cell.difference),
        setting=cell.setting,
        parameters=wording.format_parameters(cell),
        kind="open" if cell.ours is None else cell.verdict.partition(" ")[0].rstrip(":"),
    )


def list_records(data: BoardData) -> list[RecordRow]:
    """Return every seed that has a record, in the order of the tables."""
    return [
        RecordRow(task.task, row.label, seed)
        for task in data.tasks
        for row in task.rows
        for seed in row.seeds
        if seed.record is not None
    ]
