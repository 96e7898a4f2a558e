"""Comparison across tasks: profiles of normalised scores, and an overall order where there are tasks enough for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqbench.leaderboard.board_data import AverageRankTest, OverallData, OverallRow, RowGroups
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.stats import average_ranks, improvement, interquartile_mean, performance_profiles
from seqbench.leaderboard.task_data import OUTDONE, RANKED, RowData, TaskData

LEAST_TASKS = 2
"""Number of tasks from which rows are compared across tasks."""
LEAST_ORDERED_TASKS = 10
"""Number of tasks from which there is an overall order. With fewer, one task more or less reverses it."""

Complete = Mapping[str, list[list[float]]]
"""Normalised scores of the rows that have all tasks, by label, task and seed."""


def compare_across_tasks(board: Board, tasks: Sequence[TaskData], groups: Sequence[RowGroups]) -> OverallData | None:
    """Return the comparison of rows across tasks; None if fewer than ``LEAST_TASKS`` tasks have normalised scores.

    It holds the performance profile of each row. From ``LEAST_ORDERED_TASKS`` tasks on it also holds the interquartile
    mean, the optimality gap and the probability of improvement (Agarwal et al. 2021, arXiv 2108.13264), and the test of
    the average ranks (Demsar 2006). A row that lacks one of the tasks is left out, because figures over different
    tasks cannot be compared.

    Args:
        board: the board.
        tasks: its tasks with their rows.
        groups: the rows in the order that they have without an overall order.
    """
    chosen = [task for task in tasks if not board.overall or task.task in board.overall]
    compared = [task for task in chosen if any(_scores(row) for row in task.rows)]
    if len(compared) < LEAST_TASKS:
        return None
    scores = _scores_by_label(compared)
    missing = _missing_tasks(compared)
    complete = {label: runs for label, runs in scores.items() if label not in missing and len(runs) == len(compared)}
    means = {
        row.label: [_mean_score(task, row.label) for task in compared]
        for row in compared[0].rows
        if row.label in complete
    }
    ordered = len(compared) >= LEAST_ORDERED_TASKS
    if ordered:
        rows = _ordered_rows(complete, means)
    else:
        places = {row.label: place for place, row in enumerate(groups)}
        labels = sorted(complete, key=places.__getitem__)
        rows = [_unordered_row(label, complete[label], means[label]) for label in labels]
    return OverallData(
        tasks=[task.task for task in compared],
        left_out={task.task: _reason_left_out(task) for task in chosen if task not in compared},
        rows=rows,
        improvement=improvement.improvement_matrix([complete[row.label] for row in rows]) if ordered else [],
        incomplete={
            label: f"no scores on {', '.join(names)}"
            for label, names in sorted(missing.items())
            if label not in complete
        },
        ordered=ordered,
        least_tasks=LEAST_ORDERED_TASKS,
        thresholds=list(performance_profiles.THRESHOLDS),
        rank_test=_rank_test([means[row.label] for row in rows]) if ordered and len(rows) > 1 else None,
    )


def _unordered_row(label: str, runs: list[list[float]], means: list[float]) -> OverallRow:
    """Return a row without the figures of an overall order."""
    profile = performance_profiles.performance_profile(runs)
    return OverallRow(label, None, None, None, means, None, None, None, profile)


def _ordered_rows(complete: Complete, means: Mapping[str, list[float]]) -> list[OverallRow]:
    """Return the rows with all figures, best interquartile mean first.

    Args:
        complete: normalised scores of the rows that have all tasks.
        means: mean normalised score of these rows, by task.
    """
    estimates = {label: interquartile_mean.iqm_interval(runs) for label, runs in complete.items()}
    order = sorted(complete, key=lambda label: (-estimates[label].value, label))
    places = average_ranks.average_ranks([means[label] for label in order])
    return [
        OverallRow(
            label=label,
            iqm=estimates[label].value,
            low=estimates[label].low,
            high=estimates[label].high,
            means=means[label],
            first_beats=improvement.improvement_interval(complete[order[0]], complete[label])
            if label != order[0]
            else None,
            gap=interquartile_mean.optimality_gap(complete[label]),
            average_rank=place,
            profile=performance_profiles.performance_profile(complete[label]),
        )
        for label, place in zip(order, places, strict=True)
    ]


def _rank_test(means: Sequence[Sequence[float]]) -> AverageRankTest:
    """Return the test of the average ranks of rows, given their mean scores by task."""
    statistic, p = average_ranks.friedman_test(means)
    return AverageRankTest(statistic, p, average_ranks.critical_difference(len(means), len(means[0])))


def _mean_score(task: TaskData, label: str) -> float:
    """Return the normalised score of a row's mean in a task that it has."""
    (score,) = (row.mean_score for row in task.rows if row.label == label)
    assert score is not None, "a row whose seeds have normalised scores has a mean"
    return score


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
