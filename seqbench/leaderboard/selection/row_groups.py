"""Groups of rows over the tasks of a board: in which tasks a row is among the first, and in which among the last."""

from __future__ import annotations

from collections.abc import Sequence

from seqbench.leaderboard.board_data import RowGroups
from seqbench.leaderboard.task_data import TaskData


def group_rows(tasks: Sequence[TaskData]) -> list[RowGroups]:
    """Return the ranks of each row over the tasks.

    A task whose rows all share one rank separates nobody, and counts neither as a first nor as a last. A row that is
    not clearly above chance is never among the first.

    Args:
        tasks: the tasks of a board, with their rows.

    Returns:
        The rows that have a record in some task: the most firsts first, then the fewest lasts, then by label.
    """
    ranks = {task.task: {row.label: row.rank for row in task.rows if row.rank is not None} for task in tasks}
    labels = {row.label for task in tasks for row in task.rows if row.seeds}
    at_chance = {(task.task, row.label) for task in tasks for row in task.rows if row.above_chance is False}
    divided = {task: max(known.values()) for task, known in ranks.items() if len(set(known.values())) > 1}
    groups = [
        RowGroups(
            label=label,
            ranks={task: known.get(label) for task, known in ranks.items()},
            firsts=sum(ranks[task].get(label) == 1 and (task, label) not in at_chance for task in divided),
            lasts=sum(ranks[task].get(label) == last for task, last in divided.items()),
        )
        for label in labels
    ]
    return sorted(groups, key=lambda row: (-row.firsts, row.lasts, row.label))
