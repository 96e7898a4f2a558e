"""What a page's table says of a task, row by row and cell by cell, each with the number by which it is sorted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from seqbench.leaderboard.board_data import MISSING, NOT_APPLICABLE
from seqbench.leaderboard.pages import wording
from seqbench.leaderboard.pages.series_style import rows_with_scores
from seqbench.leaderboard.pages.wording import COLUMNS, Column
from seqbench.utils import number_format


@dataclass(frozen=True)
class Cell:
    """What a cell says, and the number by which it is sorted (None: by its text)."""

    text: str = ""
    number: float | None = None
    title: str = ""


@dataclass
class Row:
    """One row of a task's table.

    Args:
        label: its name.
        distribution: that offers its architecture.
        state: one of ``rows``' states.
        reason: why it has no score at all, where it has none.
        notes: what else must be seen beside its name.
        rank: its rank, if it has one.
        score: mean and half width.
        seeds: every seed's score, in words.
        cells: all further cells, in the order of the columns.
        source: the row of the document.
    """

    label: str
    distribution: str
    state: str
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    rank: Cell = Cell()
    score: Cell = Cell()
    half_width: str = ""
    seeds: list[str] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """A line that scores are compared with: chance, the best possible, a baseline or a published figure."""

    name: str
    value: str
    note: str = ""


def shown_columns(task: Mapping[str, Any], chosen: Sequence[str]) -> tuple[list[Column], list[str]]:
    """The columns of a task's table, and what all its rows have in common instead of a column.

    A device or distribution that is the same everywhere is said once; a column without any value is left out.
    """
    once = wording.shared_costs(task, [key for key in chosen if key in ("device", "distribution")])
    common = [f"{COLUMNS[key].title.lower()} {words}" for key, words in once.items() if words]
    known = {key for row in rows_with_scores(task) for key, value in row["costs"].items() if value not in (None, "")}
    return [COLUMNS[key] for key in chosen if key in known and key not in once], common


def table_rows(task: Mapping[str, Any], shown: Sequence[Column]) -> list[Row]:
    """The rows of a task's table, in the order of the document.

    Args:
        task: a section of ``rows.of_task``.
        shown: the columns of costs.
    """
    places = number_format.decimal_places(row["mean"] for row in rows_with_scores(task))
    return [_row(task, row, shown, places) for row in task["rows"]]


def _row(task: Mapping[str, Any], row: Mapping[str, Any], shown: Sequence[Column], places: int) -> Row:
    if row.get("mean") is None:
        lacking = row["state"] if row["state"] in (MISSING, NOT_APPLICABLE) else "no score"
        return Row(row["label"], "", row["state"], f"{lacking}: {row['reason']}")
    rank = Cell("–", None, "not ranked") if row["rank"] is None else Cell(str(row["rank"]), row["rank"])
    half = row["half_width"]
    return Row(
        label=row["label"],
        distribution=row["costs"].get("distribution", ""),
        state=row["state"],
        notes=_notes(row),
        rank=rank,
        score=Cell(number_format.format_score(row["mean"], places), row["mean"]),
        half_width=f"± {number_format.format_half_width(half, places)}" if half is not None else "one seed",
        seeds=[_seed(seed) for seed in row["seeds"]],
        cells=[
            Cell(wording.format_solved(row), row["solved"]),
            _normalised(row),
            _published(task, row),
            *(_secondary(row, line["metric"]) for line in task["secondary"]),
            *(_cost(row["costs"].get(column.key), column) for column in shown),
        ],
        source=row,
    )


def _notes(row: Mapping[str, Any]) -> list[str]:
    """What a reader must not overlook."""
    return [": ".join(filter(None, mark)) for mark in wording.row_remarks(row)]


def _seed(seed: Mapping[str, Any]) -> str:
    said = "no score" if seed["value"] is None else f"{seed['value']:.6g}"
    return f"seed {seed['seed']}: {said}{'' if seed['status'] == 'ok' else ', ' + seed['status']}"


def _normalised(row: Mapping[str, Any]) -> Cell:
    scores = [seed["score"] for seed in row["seeds"] if seed["score"] is not None]
    if not scores:
        return Cell()
    mean = sum(scores) / len(scores)
    return Cell(number_format.format_score(mean, 3) if mean else "0.000", mean)


def _published(task: Mapping[str, Any], row: Mapping[str, Any]) -> Cell:
    found = [item for item in task["published"] if item["architecture"] == row["architecture"]]
    if not found:
        return Cell()
    words = wording.published_figures(task)[row["architecture"]]
    return Cell(words, found[0]["value"], "; ".join(f"{item['setting']}: {item['source']}" for item in found))


def _secondary(row: Mapping[str, Any], metric: str) -> Cell:
    found = row["secondary"].get(metric)
    return Cell(wording.format_secondary(row, metric), found["mean"]) if found else Cell()


def _cost(value: Any, column: Column) -> Cell:
    if value is None or value == "":
        return Cell()
    return Cell(str(value)) if column.format_value is None else Cell(column.format_value(value), value)


def references(task: Mapping[str, Any]) -> list[Reference]:
    """The lines with which a task's rows are compared."""
    known = [value for value in (task["chance"], task["best"], task["anchor"]) if value is not None]
    places = number_format.decimal_places([*(row["mean"] for row in rows_with_scores(task)), *known])

    def line(name: str, value: float | None, note: str = "") -> Reference:
        return Reference(name, "unknown" if value is None else number_format.format_score(value, places), note)

    lines = [line("chance", task["chance"]), line("best possible", task["best"], task["best_unknown"])]
    if task["anchor"] is not None:
        lines.append(line("anchor", task["anchor"], f"counts as 1: {task['anchor_source']}"))
    lines += [line(f"baseline {name}", value) for name, value in task["baselines"].items()]
    for item in task["published"]:
        note = "; ".join(filter(None, (item["setting"], item["source"])))
        lines.append(
            Reference(f"published {item['architecture']}", number_format.format_published(item["value"]), note)
        )
    return lines
