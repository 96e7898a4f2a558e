"""Small plans, records as a run would write them, and an engine that executes a script instead of jobs."""

from __future__ import annotations

import dataclasses
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from seqbench.sweep.engines.engine import FinishedJob, Job, JobFailure
from seqbench.sweep.planning import sweep_plan
from seqbench.sweep.planning.plan_request import PlanRequest
from seqbench.sweep.planning.sweep_plan import Cell, Group, Plan
from seqbench.sweep.workers.run_cell import CellOutcome
from tests.record_data import complete_record

ARGUMENTS = ["--task.delay", "2", "--task.samples", "40", "--arch.d_model", "8", "--optim.batch_size", "8"]
ARGUMENTS += ["--optim.steps", "20", "--optim.validate_every", "10"]
OPTIONS = {"tier": "smoke", "logger": "none"}
RATES = (1e-3, 2e-3, 5e-3, 1e-2)

Step = str | CellOutcome | JobFailure
"""What happens to a cell: a status for which a record is written, an outcome, or a failure of its process."""


def build_small_plan(
    runs: Path, archs: Sequence[str] = ("gru",), seeds: Sequence[int] | None = (0, 1), **grid: list[str]
) -> Plan:
    """Return a plan of runs that take a second; a double underscore in ``grid`` stands for a dot."""
    dotted = {key.replace("__", "."): values for key, values in grid.items()}
    return sweep_plan.build_plan(PlanRequest(archs, ["copy"], runs, seeds, dotted, OPTIONS, ARGUMENTS))


def build_tuned_plan(runs: Path, archs: Sequence[str] = ("gru",), seeds: Sequence[int] | None = (0, 1)) -> Plan:
    """Return a small plan whose card has the grid ``RATES``."""
    plan = build_small_plan(runs, archs, seeds)
    numbers = {_with_rates(group): plan.seeds[group] for group in plan.groups}
    return dataclasses.replace(plan, groups=tuple(numbers), seeds=numbers)


def _with_rates(group: Group) -> Group:
    config = group.config
    tier = dataclasses.replace(
        config.chosen, learning_rates=RATES, optim=dataclasses.replace(config.chosen.optim, lr=RATES[0]), optims={}
    )
    card = dataclasses.replace(config.card, tiers={config.tier: tier})
    return Group(dataclasses.replace(config, card=card), group.point)


def write_record(cell: Cell, status: str = "ok", value: float = 0.5, seconds: float = 1.0) -> None:
    """Write the record of a cell, with one score on both splits."""
    score = {"accuracy": {"value": value, "chance": 0.125, "best": 1.0}}
    results: dict[str, object] = {"status": status, "reason": None if status == "ok" else "as scripted", "curves": {}}
    if status == "ok":
        results["metrics"] = {"validation": score, "test": score}
    tuning = cell.config.tuning.to_dict() if cell.config.tuning else None
    config = {"parameters": 123, "tuning": tuning}
    complete_record(results, {"seconds": seconds, "started": time.time()}, config).write(cell.folder)


class ScriptedEngine:
    """An engine that looks up how each attempt at a cell ends.

    Args:
        script: returns how the n-th attempt at a cell ends.
        slots: jobs at once.

    Attributes:
        started: names of the cells in the order in which their jobs were started.
        most_at_once: largest number of jobs that ran at once.
        running: the jobs that have not ended.
    """

    def __init__(self, script: Callable[[Cell, int], Step], slots: int = 1) -> None:
        self.script, self.slots = script, slots
        self.cells: dict[Job, Cell] = {}
        self.attempts: Counter[str] = Counter()
        self.started: list[str] = []
        self.most_at_once = 0
        self.running: list[Job] = []

    def build_job(self, cell: Cell) -> Job:
        job = Job(lambda: None, ())
        self.cells[job] = cell
        return job

    def start(self, job: Job) -> None:
        self.running.append(job)
        self.most_at_once = max(self.most_at_once, len(self.running))
        self.started.append(self.cells[job].name)

    def wait(self, seconds: float) -> list[FinishedJob]:
        if not self.running:
            return []
        job = self.running.pop(0)
        cell = self.cells[job]
        self.attempts[cell.name] += 1
        step = self.script(cell, self.attempts[cell.name])
        if isinstance(step, JobFailure):
            return [FinishedJob(job, failure=step)]
        if isinstance(step, CellOutcome):
            return [FinishedJob(job, step)]
        write_record(cell, step)
        return [FinishedJob(job, CellOutcome(step, None if step == "ok" else "as scripted"))]

    def stop(self, number: int) -> list[FinishedJob]:
        finished = [
            FinishedJob(job, CellOutcome("interrupted", f"stopped by {signal.Signals(number).name}"))
            for job in self.running
        ]
        self.running = []
        return finished

    def close(self) -> None:
        pass
