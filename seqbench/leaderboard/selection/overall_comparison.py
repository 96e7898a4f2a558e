"""Comparison across tasks: interquartile means of normalised scores, for the rows that have all tasks."""

from __future__ import annotations

from collections.abc import Sequence

from seqbench.leaderboard.board_data import OverallData, OverallRow
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.stats import interquartile_mean
from seqbench.leaderboard.task_data import OUTDONE, RANKED, RowData, TaskData

LEAST_TASKS = 2
"""Number of tasks from which rows are compared across tasks."""


def compare_across_tasks(board: Board, tasks: Sequence[TaskData]) -> OverallData | None:
    """Return the comparison of rows across tasks; None if fewer than ``LEAST_TASKS`` tasks have normalised scores.

    It holds the interquartile mean of each row with its stratified bootstrap interval, and the probability of
    improvement of each row over each other row (Agarwal et al. 2021, arXiv 2108.13264). A row that lacks one of the
    tasks is left out, because means over different tasks cannot be compared.

    Args:
        board: the board.
        tasks: its tasks with their rows.
    """
    chosen = [task for task in tasks if not board.overall or task.task in board.overall]
    compared = [task for task in chosen if any(_scores(row) for row in task.rows)]
    if len(compared) < LEAST_TASKS:
        return None
    scores = _scores_by_label(compared)
    missing = _missing_tasks(compared)
    complete = {label: runs for label, runs in scores.items() if label not in missing and len(runs) == len(compared)}
    estimates = {label: interquartile_mean.iqm_interval(runs) for label, runs in complete.items()}
    order = sorted(complete, key=lambda label: (-estimates[label].value, label))
    return OverallData(
        tasks=[task.task for task in compared],
        left_out={task.task: _reason_left_out(task) for task in chosen if task not in compared},
        rows=[
            OverallRow(
                label=label,
                iqm=estimates[label].value,
                low=estimates[label].low,
                high=estimates[label].high,
                means=[sum(runs) / len(runs) for runs in complete[label]],
                first_beats=interquartile_mean.improvement_interval(complete[order[0]], complete[label])
                if label != order[0]
                else None,
            )
            for label in order
        ],
        improvement=interquartile_mean.improvement_matrix([complete[label] for label in order]),
        incomplete={
            label: f"no scores on {', '.join(names)}"
            for label, names in sorted(missing.items())
            if label not in complete
        },
    )


def _scores_by_label(tasks: Sequence[TaskData]) -> dict[str, list[list[float]]]:
    """Return the normalised scores of each row, by task and seed."""
    scores: dict[str, list[list[float]]] = {}
    for task in tasks:
        for row in task.rows:
            runs = _scores(row)
            if runs is not None:
                scores.setdefault(row.label, []).append(runs)
    return scores


def _missing_tasks(tasks: Sequence[TaskData]) -> dict[str, list[str]]:
    """Return the tasks on which a row has no normalised scores, by label."""
    missing: dict[str, list[str]] = {}
    for task in tasks:
        for row in task.rows:
            if _scores(row) is None:
                missing.setdefault(row.label, []).append(task.task)
    return missing


def _scores(row: RowData) -> list[float] | None:
    """Return the normalised scores of a row's seeds; None unless it has a score for every seed."""
    scores = [seed.score for seed in row.seeds if seed.score is not None]
    complete = row.state in (RANKED, OUTDONE) and len(scores) == len(row.seeds)
    return scores if complete else None


def _reason_left_out(task: TaskData) -> str:
    """Return why a task has no normalised scores."""
    if not any(row.seeds for row in task.rows):
        return "no record that counts"
    if task.best is None and task.anchor is None:
        return "the best possible is unknown, and it has no anchor"
    return "no row has all its seeds" if task.chance is not None else "chance is unknown"
