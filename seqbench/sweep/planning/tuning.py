"""The learning rate of each group, from the card's grid: one run each on a seed of its own, chosen on validation.

Every architecture gets the same number of trials, and what was tried stands in each record (``config.tuning``).
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqbench.protocol import run_folder
from seqbench.protocol.records import TUNING_SEED
from seqbench.sweep.planning.sweep_plan import Cell, Group, Plan
from seqbench.sweep.sweep_runner import SweepRunner
from seqbench.utils.errors import SeqbenchError


def trial_cells(group: Group, runs: Path) -> list[Cell]:
    """A run for each learning rate of the card's tier; for a card without a grid, none."""
    config = dataclasses.replace(group.config, seed=TUNING_SEED)
    found = []
    for rate in config.chosen.learning_rates:
        tried = dataclasses.replace(config, optim=dataclasses.replace(config.optim, lr=rate))
        found.append(Cell(Group(tried, (*group.point, f"optim.lr={rate:g}")), tried, runs))
    return found


def pending_trials(plan: Plan) -> dict[Group, list[Cell]]:
    """The trials that are not finished, by group; empty when all learning rates can be chosen."""
    tried = {group: [trial for trial in trial_cells(group, plan.runs) if not trial.finished()] for group in plan.groups}
    return {group: left for group, left in tried.items() if left}


def run_trials(
    plan: Plan, sweep_runner: SweepRunner, expected: Mapping[Group, float]
) -> tuple[Plan, dict[Group, float]]:
    """Run all trials, and give the plan at the learning rates they chose, with what each group is expected to take."""
    tried = {group: trial_cells(group, plan.runs) for group in plan.groups}
    times = {trial.group: expected[group] for group in tried if group in expected for trial in tried[group]}
    turns = itertools.zip_longest(*tried.values())
    sweep_runner.run([trial for turn in turns for trial in turn if trial], times)
    tuned = apply_best_rates(plan)
    by_name = {group.name: seconds for group, seconds in expected.items()}
    return tuned, {group: by_name[group.name] for group in tuned.groups if group.name in by_name}


def apply_best_rates(plan: Plan) -> Plan:
    """The plan at the learning rates that its trials choose.

    A group of whose trials none has a score is refused; one whose card has no grid stays as it is.
    """
    seeds: dict[Group, tuple[int, ...]] = {}
    refused = dict(plan.refused)
    for group in plan.groups:
        tried = trial_cells(group, plan.runs)
        if not tried:
            seeds[group] = plan.seeds[group]
            continue
        rate, tuning = best_trial(tried)
        if rate is None:
            refused[group.name] = f"none of the {len(tried)} learning rates that were tried has a score"
        else:
            seeds[_at(group, rate, tuning)] = plan.seeds[group]
    return Plan(tuple(seeds), seeds, plan.runs, refused)


def best_trial(tried: Sequence[Cell]) -> tuple[float | None, dict[str, Any]]:
    """The learning rate whose run scored best on validation (the first of equals), and what was tried.

    A run that diverged or failed has no score; None if no run has one.
    """
    metric = tried[0].config.card.metric
    rows = [_row(trial, metric.name) for trial in tried]
    best: Mapping[str, Any] | None = None
    for row in rows:
        if row["value"] is not None and (best is None or metric.better(row["value"], best["value"])):
            best = row
    chosen = best["lr"] if best else None
    return chosen, {"seed": TUNING_SEED, "split": "validation", "metric": metric.name, "tried": rows, "lr": chosen}


def add_tuning_to_records(cells: Sequence[Cell]) -> list[str]:
    """Add what was tried to the records of finished runs that were made without tuning: they are the same runs.

    Returns:
        What could not be written, and why.
    """
    problems = []
    for cell in cells:
        record = cell.record()
        if cell.config.tuning is None or record is None or record.config.get("tuning"):
            continue
        try:
            with run_folder.lock_folder(cell.folder):
                config = {**record.config, "tuning": dict(cell.config.tuning)}
                dataclasses.replace(record, config=config).write(cell.folder)
        except SeqbenchError as error:
            problems.append(f"what was tried is missing in the record of {cell.name}: {error}")
    return problems


def _at(group: Group, rate: float, tuning: Mapping[str, Any]) -> Group:
    """The group at its learning rate."""
    optim = dataclasses.replace(group.config.optim, lr=rate)
    return Group(dataclasses.replace(group.config, optim=optim, tuning=tuning), group.point)


def _row(trial: Cell, metric: str) -> dict[str, Any]:
    record = trial.record()
    value = None
    if record is not None and record.status == "ok":
        value = record.results["metrics"]["validation"][metric]["value"]
    finite = isinstance(value, int | float) and math.isfinite(value)
    return {
        "lr": trial.config.optim.lr,
        "value": value if finite else None,
        "status": record.status if record else None,
        "run": trial.folder.name,
    }
