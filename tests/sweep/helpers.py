"""Small plans, and an engine that runs jobs in this very process, as its script says."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from seqbench.protocol.records import Record
from seqbench.sweep.engines.engine import FinishedJob, Job
from seqbench.sweep.planning import sweep_plan
from seqbench.sweep.planning.sweep_plan import Cell, Plan
from seqbench.sweep.workers.run_cell import CellOutcome

WORDS = ["--task.delay", "2", "--task.samples", "40", "--arch.d_model", "8", "--optim.batch_size", "8"]
WORDS += ["--optim.steps", "20", "--optim.validate_every", "10"]
GIVEN = {"tier": "smoke", "logger": "none"}


def build_small_plan(
    runs: Path, archs: Sequence[str] = ("gru",), seeds: Sequence[int] | None = (0, 1), **grid: list[str]
) -> Plan:
    """A plan of runs that take a second."""
    dotted = {key.replace("__", "."): values for key, values in grid.items()}
    return sweep_plan.build_plan(GIVEN, WORDS, archs, ["copy"], seeds, dotted, runs)


def write_record(cell: Cell, status: str = "ok", value: float = 0.5, seconds: float = 1.0) -> None:
    """A record as a run would leave it."""
    line = {"accuracy": {"value": value, "chance": 0.125, "best": 1.0}}
    results: dict[str, Any] = {"status": status, "reason": None if status == "ok" else "as scripted", "curves": {}}
    if status == "ok":
        results["metrics"] = {"validation": line, "test": line}
    config = {"parameters": 123, "tuning": cell.config.tuning}
    Record(results, {"seconds": seconds, "started": time.time()}, config).write(cell.folder)


class ScriptedEngine:
    """Runs each job when it is waited for; ``script`` says what becomes of a cell at its nth try."""

    def __init__(self, script: Callable[[Cell, int], Any], slots: int = 1) -> None:
        self.script, self.slots = script, slots
        self.cells: dict[Job, Cell] = {}
        self.tries: Counter[str] = Counter()
        self.order: list[str] = []
        self.most = 0
        self.waiting: list[Job] = []

    def job(self, cell: Cell) -> Job:
        job = Job(lambda: None, ())
        self.cells[job] = cell
        return job

    def start(self, job: Job) -> None:
        self.waiting.append(job)
        self.most = max(self.most, len(self.waiting))
        self.order.append(self.cells[job].name)

    def wait(self, seconds: float) -> list[FinishedJob]:
        if not self.waiting:
            return []
        job = self.waiting.pop(0)
        cell = self.cells[job]
        self.tries[cell.name] += 1
        found = self.script(cell, self.tries[cell.name])
        if isinstance(found, FinishedJob):
            return [FinishedJob(job, found.value, found.failure)]
        write_record(cell, found)
        return [FinishedJob(job, CellOutcome(found, None if found == "ok" else "as scripted"))]

    def stop(self) -> list[FinishedJob]:
        over = [FinishedJob(job, CellOutcome("interrupted", "stopped")) for job in self.waiting]
        self.waiting = []
        return over

    def close(self) -> None:
        pass
