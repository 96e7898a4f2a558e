"""Learning-rate trials: the rate of each group is selected from the card's grid by one run per rate.

The trials use a seed of their own and are compared on the validation split. Every architecture gets the same number
of trials, and each record lists them (``config.tuning``).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

from seqbench.protocol import run_folder
from seqbench.protocol.logging_options import RunLabels
from seqbench.protocol.record_fields import Trial, Tuning
from seqbench.protocol.records import TUNING_SEED
from seqbench.sweep.planning.sweep_plan import Cell, Group, Plan
from seqbench.sweep.sweep_runner import SweepRunner
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted


def trial_cells(group: Group, runs: Path) -> list[Cell]:
    """Return one cell for each learning rate of the card's tier; an empty list for a card without a grid."""
    config = dataclasses.replace(group.config, seed=TUNING_SEED)
    cells = []
    for rate in config.chosen.learning_rates:
        point = (*group.point, f"optim.lr={rate:g}")
        trial = dataclasses.replace(
            config,
            optim=dataclasses.replace(config.optim, lr=rate),
            labels=RunLabels(sweep=True, trial=True, point=list(point)),
        )
        cells.append(Cell(Group(trial, point), trial, runs))
    return cells


def pending_trials(plan: Plan) -> dict[Group, list[Cell]]:
    """Return the unfinished trials by group; empty if all learning rates can be selected."""
    trials = {group: [cell for cell in trial_cells(group, plan.runs) if not cell.finished()] for group in plan.groups}
    return {group: cells for group, cells in trials.items() if cells}


def run_trials(
    plan: Plan, runner: SweepRunner, expected_seconds: Mapping[Group, float]
) -> tuple[Plan, dict[Group, float]]:
    """Run all trials and select the learning rates.

    Args:
        plan: plan of the sweep.
        runner: runs the trials.
        expected_seconds: expected seconds of one cell, by group.

    Returns:
        The plan with the selected rates, and the expected seconds by its groups.
    """
    trials = {group: trial_cells(group, plan.runs) for group in plan.groups}
    trial_seconds = {
        cell.group: expected_seconds[group] for group in trials if group in expected_seconds for cell in trials[group]
    }
    rounds = itertools.zip_longest(*trials.values())
    runner.run([cell for cells in rounds for cell in cells if cell], trial_seconds)
    tuned = apply_best_rates(plan)
    by_name = {group.name: seconds for group, seconds in expected_seconds.items()}
    return tuned, {group: by_name[group.name] for group in tuned.groups if group.name in by_name}


def apply_best_rates(plan: Plan) -> Plan:
    """Return the plan with the learning rate that the trials of each group select.

    A group is refused if none of its trials has a score. A group whose card has no grid is unchanged.
    """
    seeds: dict[Group, tuple[int, ...]] = {}
    refused = dict(plan.refused)
    for group in plan.groups:
        trials = trial_cells(group, plan.runs)
        if not trials:
            seeds[group] = plan.seeds[group]
            continue
        tuning = select_rate(trials)
        if tuning.lr is None:
            tried = counted(len(trials), "learning-rate trial")
            refused[group.name] = f"no learning rate has a score, after {tried}"
            continue
        optim = dataclasses.replace(group.config.optim, lr=tuning.lr)
        tuned = Group(dataclasses.replace(group.config, optim=optim, tuning=tuning), group.point)
        seeds[tuned] = plan.seeds[group]
    return Plan(tuple(seeds), seeds, plan.runs, refused, plan.notes)


def select_rate(trials: Sequence[Cell]) -> Tuning:
    """Return all trials, and the learning rate whose trial scored best on validation.

    If scores are equal, the first one is selected. A run that diverged or failed has no score.
    """
    metric = trials[0].config.card.metric
    rows = [_describe_trial(cell, metric.name) for cell in trials]
    rate, best = None, None
    for row in rows:
        if row.value is not None and (best is None or metric.better(row.value, best)):
            rate, best = row.lr, row.value
    return Tuning(seed=TUNING_SEED, split="validation", metric=metric.name, tried=rows, lr=rate)


def add_tuning_to_records(cells: Sequence[Cell]) -> list[str]:
    """Add the trials to the records of cells that were finished before the trials took place.

    The digest of a run does not cover the trials, so the runs stay the same.

    Returns:
        A message for each record that could not be written.
    """
    problems = []
    for cell in cells:
        record = cell.record()
        if cell.config.tuning is None or record is None or record.config.tuning:
            continue
        try:
            with run_folder.lock_folder(cell.folder):
                config = record.config.with_values(tuning=cell.config.tuning.to_dict())
                dataclasses.replace(record, config=config).write(cell.folder)
        except SeqbenchError as error:
            problems.append(f"the learning-rate trials are missing in the record of {cell.name}: {error}")
    return problems


def _describe_trial(cell: Cell, metric: str) -> Trial:
    record = cell.record()
    value = None
    if record is not None and record.status == "ok":
        value = record.results.metrics["validation"][metric].value
    status = record.results.status if record else None
    return Trial(lr=cell.config.optim.lr, value=value, status=status, run=cell.folder.name)
