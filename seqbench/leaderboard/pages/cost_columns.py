"""The columns of costs and provenance on a board's pages: titles, units, ranges, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from seqbench.leaderboard.task_data import TaskData
from seqbench.utils import number_format
from seqbench.utils.visible_text import visible_line

Group = Literal["result", "cost", "provenance"]
"""Groups of columns that a page shows or hides together."""


@dataclass(frozen=True)
class Column:
    """A column of costs in a board's tables.

    Args:
        key: its name in a board's card and in the CSV file.
        title: its title on the pages.
        meaning: what its values are, in a few words.
        format_value: turns a value into text; None for a column of text.
        group: the columns with which it is shown or hidden.
        timed: whether its values depend on the machine and on its load.
    """

    key: str
    title: str
    meaning: str
    format_value: Callable[[float], str] | None = None
    group: Group = "cost"
    timed: bool = False


def _format_share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _format_runs(value: float) -> str:
    return f"{value:.3g} runs"


def _provenance(key: str, title: str, meaning: str, format_value: Callable[[float], str] | None = None) -> Column:
    return Column(key, title, meaning, format_value, "provenance")


COLUMNS = {
    column.key: column
    for column in (
        Column("parameters", "Parameters", "trainable parameters of the whole model", number_format.format_count),
        Column("state_bytes", "State", "memory that one sequence keeps from step to step", number_format.format_bytes),
        Column(
            "flops_per_token",
            "FLOPs/token",
            "floating-point operations of a forward pass for each token; a token is a time step of a sequence",
            number_format.format_count,
        ),
        Column(
            "tokens_per_second",
            "Training tokens/s",
            "median speed of training on the named machine; a token is a time step of a sequence",
            number_format.format_count,
            timed=True,
        ),
        Column(
            "decode_tokens_per_second",
            "Decode tokens/s",
            "median speed of decoding step by step on the named machine",
            number_format.format_count,
            timed=True,
        ),
        Column(
            "peak_memory_bytes",
            "Peak memory",
            "median of the largest memory use of a run",
            number_format.format_bytes,
            timed=True,
        ),
        Column(
            "seconds",
            "Time",
            "median duration of a run, including evaluation",
            number_format.format_time,
            timed=True,
        ),
        _provenance("device", "Device", "device of the run"),
        _provenance("processor", "Processor", "model of the machine's processor"),
        _provenance(
            "load",
            "Load",
            "median share of the machine's processor time that other processes used while the run was timed",
            _format_share,
        ),
        _provenance("lr", "Learning rate", "learning rate of the run"),
        _provenance(
            "tried",
            "Rates tried",
            "learning rates, and values of further options, that were tried on validation",
            number_format.format_count,
        ),
        _provenance(
            "search_cost",
            "Search cost",
            "training steps of all trials, as a multiple of those of a whole run",
            _format_runs,
        ),
        _provenance("search", "Search", "rule by which the learning rate was searched"),
        _provenance(
            "attempts",
            "Attempts",
            "largest number of attempts in the folder of a seed, as its submitter's machine counted them",
            number_format.format_count,
        ),
        _provenance("distribution", "Distribution", "package that offers the architecture, and its version"),
    )
}
"""The columns of a page, by key. Times, speeds and memory are medians over seeds."""

ALWAYS = ("processor", "load", "attempts", "search_cost", "search")
"""Columns that a page shows wherever a record states them: a board's card cannot leave them out."""


def page_columns(columns: Sequence[str]) -> list[str]:
    """Return the columns of a page, in their order: those of the board's card, and those that no card can leave out."""
    return [name for name in COLUMNS if name in columns or name in ALWAYS]


def format_cost(column: str, value: float | str | None) -> str:
    """Return a value of one of the board's columns in human units; an empty string where it is unknown.

    >>> format_cost("peak_memory_bytes", 4.0e8), format_cost("parameters", 99586)
    ('381 MiB', '99,586')
    """
    if value is None or isinstance(value, str):
        return visible_line(value or "")
    if column in ("parameters", "tried", "attempts") and abs(value) < number_format.LARGE:
        return f"{value:,.0f}"
    return (COLUMNS[column].format_value or number_format.format_count)(value)


def format_range(column: str, ends: tuple[float, float] | None) -> str:
    """Return the lowest and the highest seed of a cost, as ``4.4 to 4.9 min``; an empty string if both look equal.

    >>> format_range("seconds", (264.0, 296.0)), format_range("seconds", (50.0, 190.0)), format_range("seconds", None)
    ('4.4 to 4.9 min', '50.0 s to 3.2 min', '')
    """
    if ends is None:
        return ""
    low, high = (format_cost(column, value) for value in ends)
    if low == high:
        return ""
    number, _, unit = low.partition(" ")
    return f"{number if unit and high.endswith(f' {unit}') else low} to {high}"


def machine_notes(task: TaskData, columns: Sequence[str]) -> list[str]:
    """Return phrases on what a reader must know before comparing the times of a task's rows.

    Args:
        task: the task.
        columns: the columns of the page.
    """
    rows = [row for row in task.rows if row.costs]
    timed = [name for name in columns if COLUMNS[name].timed and any(name in row.costs for row in rows)]
    machines = {machine for row in rows for machine in row.machines}
    notes = []
    if timed and len(machines) > 1:
        notes.append(f"times, speeds and memory come from {len(machines)} different machines: not compared")
    padded = {row.counts_padding for row in rows if "tokens_per_second" in row.costs}
    if "tokens_per_second" in timed and padded == {True}:
        notes.append("training tokens/s count padding")
    elif "tokens_per_second" in timed and len(padded) > 1:
        notes.append("training tokens/s count padding in some rows only: not compared")
    return notes


def shared_costs(task: TaskData, columns: Sequence[str]) -> dict[str, str]:
    """Return the columns whose value is the same in all rows of a task, with that value; none for fewer than two rows.

    The pages state such a value once, outside the table. One attempt is not worth a statement.
    """
    costs = [row.costs for row in task.rows if row.costs]
    if len(costs) < 2:
        return {}
    values = {column: {format_cost(column, cells.get(column)) for cells in costs} for column in columns}
    shared = {column: next(iter(texts)) for column, texts in values.items() if len(texts) == 1}
    return shared | ({"attempts": ""} if shared.get("attempts") == "1" else {})
