"""Across tasks: rows that have all of them, compared by scores between chance (0) and the best possible (1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.selection import task_rows
from seqbench.leaderboard.stats import aggregate


def compare_across_tasks(board: Board, tasks: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The section that compares whole rows; None where fewer than two tasks have a scale.

    The interquartile mean with its stratified bootstrap interval, and the probability of improvement between each two
    rows (Agarwal et al. 2021, arXiv 2108.13264). A row without all tasks has no place in it: means over different
    tasks cannot be compared.

    Args:
        board: its rules.
        tasks: the sections of ``rows.of_task``.
    """
    asked = [task for task in tasks if not board.overall or task["task"] in board.overall]
    used = [task for task in asked if any(_scores(row) for row in task["rows"])]
    if len(used) < 2:
        return None
    left_out = {task["task"]: _why(task) for task in asked if task not in used}
    by_label: dict[str, list[list[float]]] = {}
    lacking: dict[str, list[str]] = {}
    for task in used:
        for row in task["rows"]:
            scores = _scores(row)
            if scores is None:
                lacking.setdefault(row["label"], []).append(task["task"])
            else:
                by_label.setdefault(row["label"], []).append(scores)
    whole = {label: scores for label, scores in by_label.items() if label not in lacking and len(scores) == len(used)}
    estimates = {label: aggregate.iqm_interval(scores) for label, scores in whole.items()}
    order = sorted(whole, key=lambda label: (-estimates[label].value, label))
    return {
        "tasks": [task["task"] for task in used],
        "left_out": left_out,
        "rows": [
            {
                "label": label,
                "iqm": estimates[label].value,
                "low": estimates[label].low,
                "high": estimates[label].high,
                "means": [sum(scores) / len(scores) for scores in whole[label]],
                "first_beats": _beats(whole[order[0]], whole[label]) if label != order[0] else None,
            }
            for label in order
        ],
        "improvement": aggregate.improvement_matrix([whole[label] for label in order]),
        "incomplete": {
            label: f"no place without {', '.join(tasks)}"
            for label, tasks in sorted(lacking.items())
            if label not in whole
        },
    }


def _scores(row: dict[str, Any]) -> list[float] | None:
    """The scores of a row's seeds; None unless it has all of them."""
    scores = [seed["score"] for seed in row["seeds"]]
    whole = row["state"] in (task_rows.RANKED, task_rows.OUTDONE)
    return scores if whole and None not in scores else None


def _why(task: dict[str, Any]) -> str:
    """Why a task has no scores to compare."""
    if not any(row["seeds"] for row in task["rows"]):
        return "no record that counts"
    if task["best"] is None and task["anchor"] is None:
        return "the best possible is unknown, and it has no anchor"
    return "no row has all its seeds" if task["chance"] is not None else "chance is unknown"


def _beats(first: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> dict[str, float | None]:
    """With which probability a run of the first row is better than one of another, on a task drawn at random."""
    estimate = aggregate.improvement_interval(first, other)
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
