"""Example records and boards for tests, built without training."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqbench.leaderboard import board_builder
from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data import record_collection
from seqbench.leaderboard.data.board_card import Board, parse_board
from seqbench.leaderboard.selection import overall_comparison
from seqbench.leaderboard.task_data import RowData, TaskData
from seqbench.protocol import cards
from seqbench.protocol.record_fields import VerificationStamp
from seqbench.protocol.records import TUNING_SEED, Record
from seqbench.utils.plain_data import json_digest
from tests.record_data import SECTIONS, complete_record

REFERENCES = {"copy": (0.125, 1.0), "parity": (0.5, 1.0), "music-jsb": (11.09, None), "adding": (1 / 6, 0.0)}
"""Chance and best possible score of the deciding metric on the test split."""

STATED = VerificationStamp(how="checkpoint scored again", by="submitter")
"""The stamp of a record that its submitter verified."""


def example_record(
    task: str = "copy",
    arch: str = "gru",
    seed: int = 0,
    value: float = 0.9,
    tier: str = "small",
    status: str = "ok",
    reason: str | None = None,
    distribution: str | None = "seqbench",
    version: str | None = "0.1.0",
    arch_options: Mapping[str, object] | None = None,
    parameters: int = 100_000,
    matched: int | None = 100_000,
    modified: tuple[str, ...] = (),
    tuning: Mapping[str, Any] | None = None,
    lr: float = 5e-3,
    secondary: Mapping[str, float] | None = None,
    verified: VerificationStamp | None = STATED,
    standard_error: float | None = None,
    sample_groups: Sequence[float] = (),
    **measured: object,
) -> Record:
    """Return a record as a submitter writes it after a run with this outcome; its secondary metrics are in [0, 1]."""
    card = cards.load_card(task)
    options = {
        "arch": {"name": arch, "d_model": 128, "num_layers": 1, **(arch_options or {})},
        "task": {"name": task},
        "tier": tier,
        "seed": seed,
        "optim": {**SECTIONS["config"]["options"]["optim"], "lr": lr},
        "body": {"dropout": 0.0},
        "trainer": SECTIONS["config"]["options"]["trainer"],
        "logger": "none",
    }
    results: dict[str, Any] = {"status": status, "reason": reason, "curves": {"train": {}, "validation": {}}}
    if status == "ok":
        weights = json_digest([task, arch, distribution, seed, value, arch_options or {}, lr])
        results |= {"weights": weights, **_scores(task, card.metric.name, value, secondary or {})}
        if standard_error is not None:
            line = results["metrics"]["test"][card.metric.name]
            results["metrics"]["test"][card.metric.name] = {
                **line,
                "standard_error": standard_error,
                **({"sample_groups": list(sample_groups)} if sample_groups else {}),
            }
    record = complete_record(
        results,
        {
            "seconds": 60.0 + seed,
            "tokens_per_second": 10_000.0,
            "decode_tokens_per_second": 900.0,
            "peak_memory_bytes": 400_000_000,
            "device": "a processor, 1 thread",
            "started": 1.0,
            **measured,
        },
        {
            "architecture": {"name": arch, "class": f"x:{arch}", "distribution": distribution, "version": version},
            "card": {
                "name": task,
                "version": card.version,
                "tier": tier,
                "digest": card.digest(tier, [arch]),
                "metric": card.metric.name,
                "direction": card.metric.direction,
            },
            "modified": list(modified),
            "options": options,
            "seed": seed,
            "digest": json_digest(options),
            "match_params": matched,
            "tuning": _complete_tuning(tuning, card.metric.name),
            "data": {},
            "parameters": parameters,
            "state_bytes": 512,
            "flops_per_token": 200_000.0,
        },
    )
    return replace(record, verified=verified)


def _scores(task: str, metric: str, value: float, secondary: Mapping[str, float]) -> dict[str, Any]:
    """Return the results of a run that ended well: scores, baselines and curves."""
    chance, best = REFERENCES.get(task, (0.5, 1.0))
    line: dict[str, object] = {"value": value, "chance": chance, "best": best}
    if best is None:
        line["best_unknown"] = "nobody knows"
    others = {name: {"value": score, "chance": 0.0, "best": 1.0} for name, score in secondary.items()}
    steps = list(range(500, 4001, 500))
    curve = [chance + (value - chance) * (1 - 0.5 ** (k + 1)) for k in range(len(steps))]
    results: dict[str, Any] = {
        "best_step": 4000,
        "metrics": {"validation": {metric: line}, "test": {metric: line, **others}},
        "baselines": {"validation": {}, "test": {"repeat": {metric: chance}}},
        "above_chance": value != chance,
        "curves": {"train": {}, "validation": {"step": steps, metric: curve}},
    }
    if task == "parity":
        results["lengths"] = {"length": [20, 40, 100, 500], "accuracy": [value, value, 0.5 + value / 2, 0.5]}
    return results


def _complete_tuning(tuning: Mapping[str, Any] | None, metric: str) -> dict[str, Any] | None:
    """Return how a learning rate was selected with every field; ``tried`` may leave out fields of its rows."""
    if tuning is None:
        return None
    rows = [{"status": "ok", "run": "a run", **row} for row in tuning.get("tried", ())]
    fixed = {"seed": TUNING_SEED, "split": "validation", "metric": metric, "lr": None}
    return {**fixed, **tuning, "tried": rows}


def write_records(folder: Path, *records: Record) -> Path:
    """Write records as runs do, each into a folder of its own; return the folder that holds them."""
    for record in records:
        config = record.config
        name = f"{config.card.tier}-s{config.seed}-{record.digest()[:8]}"
        record.write(folder / config.card.name / json_digest(config.architecture.to_dict())[:8] / name)
    return folder


def example_board(**changes: object) -> Board:
    """Return a board of copy and parity; keyword arguments replace or add keys of its card."""
    card = {
        "name": "test",
        "version": 1,
        "title": "A test",
        "summary": "Nothing real.",
        "tier": "small",
        "seeds": 3,
        "size": {"parameters": 100_000},
        "tasks": {"copy": None, "parity": None},
    }
    return parse_board({**card, **changes}, "test.yaml")


def board_data(board: Board, *folders: Path) -> BoardData:
    """Return the data of a board over the records of folders."""
    return board_builder.build_board_data(board, record_collection.collect_records(folders))


def with_overall_order(data: BoardData) -> BoardData:
    """Return a board as if its tasks were enough for an overall order."""
    least = overall_comparison.LEAST_ORDERED_TASKS
    overall_comparison.LEAST_ORDERED_TASKS = 2
    try:
        overall = overall_comparison.compare_across_tasks(example_board(), data.tasks, data.groups)
    finally:
        overall_comparison.LEAST_ORDERED_TASKS = least
    return replace(data, overall=overall)


def task_data(data: BoardData, name: str) -> TaskData:
    """Return a board's task by its name."""
    return next(task for task in data.tasks if task.task == name)


def example_task_data(board: Board, folder: Path, task: str = "copy") -> TaskData:
    """Return one task of a board over the records of a folder."""
    return task_data(board_data(board, folder), task)


def row_data(task: TaskData, label: str) -> RowData:
    """Return a task's row by its label."""
    (row,) = (row for row in task.rows if row.label == label)
    return row


def change_rows(task: TaskData, change: Callable[[RowData], RowData]) -> TaskData:
    """Return a task whose rows went through a function."""
    return replace(task, rows=[change(row) for row in task.rows])


def change_row(task: TaskData, label: str, **changes: Any) -> TaskData:
    """Return a task with changed fields in one of its rows."""
    return change_rows(task, lambda row: replace(row, **changes) if row.label == label else row)


def change_task(data: BoardData, changed: TaskData) -> BoardData:
    """Return a board in which a task replaces the one of the same name."""
    return replace(data, tasks=[changed if task.task == changed.task else task for task in data.tasks])
