"""Who is first on a task: the rows of rank 1, where the task separates any rows at all."""

from __future__ import annotations

from collections.abc import Sequence

from seqbench.leaderboard.task_data import RowData, TaskData


def ranked_rows(task: TaskData) -> list[RowData]:
    """Return the rows of a task that have a rank, best first."""
    return [row for row in task.rows if row.rank is not None]


def first_group(task: TaskData) -> list[str]:
    """Return the labels of the rows that no other row beats significantly, best first.

    The group is empty if the task separates no rows: if fewer than two rows are ranked, or all ranked rows share
    rank 1. A row that is not clearly above chance is not in the group.
    """
    ranked = ranked_rows(task)
    if all(row.rank == 1 for row in ranked):
        return []
    return [row.label for row in ranked if row.rank == 1 and row.above_chance is not False]


def is_at_chance(task: TaskData) -> bool:
    """Return whether the task has scores, and none of them is clearly above chance."""
    known = [row.above_chance for row in task.rows if row.mean is not None]
    return bool(known) and all(above is False for above in known)


def name_list(labels: Sequence[str], most: int = 4) -> str:
    """Return labels as a list in words; labels beyond the largest number are counted.

    >>> name_list(["gru", "lstm", "rnn"]), name_list(["a", "b", "c", "d"], most=2)
    ('gru, lstm and rnn', 'a, b and 2 more')
    """
    shown = list(labels) if len(labels) <= most else [*labels[:most], f"{len(labels) - most} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
