"""Run the cells of a sweep through an engine, and keep track of their progress."""

from __future__ import annotations

import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from seqbench.protocol import run_folder
from seqbench.sweep.engines.engine import Engine, FinishedJob, Job
from seqbench.sweep.planning import sweep_plan
from seqbench.sweep.planning.sweep_plan import FINISHED_STATUSES, Cell, Group
from seqbench.sweep.workers import failure_records
from seqbench.sweep.workers.run_cell import CellOutcome
from seqbench.utils.errors import SeqbenchError

RECHECK_SECONDS = 5.0
"""Seconds until a cell that another process runs is checked again, and until a full queue is tried again."""

MAX_INTERRUPTIONS = 50
"""Largest number of times that one sweep resumes an interrupted cell: a plug-in may interrupt itself each time."""

POLL_SECONDS = 0.5
"""Longest wait for finished jobs, in seconds, before the progress is reported again."""


@dataclass
class SweepProgress:
    """The state of a sweep while it runs.

    Args:
        total: number of cells.
        statuses: status of each cell that has ended; ``refused`` for a cell that could not be started.
        reasons: reason of each status; None for ``ok``.
        running: start of each running cell, as ``time.monotonic()``.
        waiting: cells that have not started.
        locked: cells that another process runs, with the time of the next check, as ``time.monotonic()``.
        expected_seconds: expected duration of one cell, by group.
        measured_seconds: durations of the cells that were run from their first step, by group.
        slots: number of cells that run at once.
    """

    total: int
    statuses: dict[Cell, str] = field(default_factory=dict)
    reasons: dict[Cell, str | None] = field(default_factory=dict)
    running: dict[Cell, float] = field(default_factory=dict)
    waiting: deque[Cell] = field(default_factory=deque)
    locked: dict[Cell, float] = field(default_factory=dict)
    expected_seconds: dict[Group, float] = field(default_factory=dict)
    measured_seconds: dict[Group, list[float]] = field(default_factory=dict)
    slots: int = 1

    def count_statuses(self) -> Counter[str]:
        """Return how many cells ended with each status."""
        return Counter(self.statuses.values())

    def remaining_seconds(self) -> float | None:
        """Return the estimated seconds until all cells have ended; None before any estimate is possible."""
        means = {group: sum(seconds) / len(seconds) for group, seconds in self.measured_seconds.items()}
        # Groups without a finished cell: their estimate is scaled by how wrong the other estimates were.
        pairs = [(means[group], self.expected_seconds[group]) for group in means if self.expected_seconds.get(group)]
        scale = sum(mean for mean, _ in pairs) / sum(expected for _, expected in pairs) if pairs else 1.0
        estimates = {group: scale * seconds for group, seconds in self.expected_seconds.items()} | means
        if not estimates:
            return None
        mean, now = sum(estimates.values()) / len(estimates), time.monotonic()
        ahead = [estimates.get(cell.group, mean) for cell in (*self.waiting, *self.locked)]
        # A cell that exceeds its estimate is assumed to end soon.
        current = [
            max(estimates.get(cell.group, mean) - (now - start), 0.05 * mean) for cell, start in self.running.items()
        ]
        return max([(sum(ahead) + sum(current)) / self.slots, *ahead, *current])


FollowUp = Callable[[Cell], Mapping[Cell, float | None]]
"""Returns the cells to run after a cell has ended, with their expected seconds; None where they are unknown."""


def ignore_progress(progress: SweepProgress, cell: Cell | None) -> None:
    """Report nothing; the default of ``SweepRunner``."""


class SweepRunner:
    """Runs cells through an engine until all have ended.

    Args:
        engine: executes the jobs.
        build_job: returns the job of a cell.
        retries: number of times that a failed cell is started again.
        report: called with the progress every ``POLL_SECONDS``, and with each cell that has ended.
    """

    def __init__(
        self,
        engine: Engine,
        build_job: Callable[[Cell], Job],
        retries: int = 0,
        report: Callable[[SweepProgress, Cell | None], None] = ignore_progress,
    ) -> None:
        self.engine, self.build_job, self.retries, self.report = engine, build_job, retries, report
        self._jobs: dict[Job, Cell] = {}
        self._failures: Counter[Cell] = Counter()
        self._interruptions: Counter[Cell] = Counter()
        self._started_without_checkpoint: set[Cell] = set()
        self._queue_full_until = 0.0
        self._follow: FollowUp | None = None

    def run(
        self,
        cells: Sequence[Cell],
        expected_seconds: Mapping[Group, float] | None = None,
        follow: FollowUp | None = None,
    ) -> SweepProgress:
        """Run the cells that are not finished, and return the progress when all cells have ended.

        On an exception, Ctrl-C included, the running cells are asked to save their state before it is raised again.

        Args:
            cells: the cells.
            expected_seconds: expected seconds of one cell, by group.
            follow: called with each cell that ends in this run; returns further cells to run. None for no further ones.
        """
        self._follow = follow
        progress = SweepProgress(len(cells), expected_seconds=dict(expected_seconds or {}), slots=self.engine.slots)
        for cell in cells:
            record = cell.record()
            if record is not None and record.status in FINISHED_STATUSES:
                progress.statuses[cell] = record.status
            else:
                progress.waiting.append(cell)
        try:
            while progress.waiting or self._jobs or progress.locked:
                self._start_cells(progress)
                self.report(progress, None)
                for finished in self.engine.wait(POLL_SECONDS):
                    self._handle_finished_job(finished, progress)
        except BaseException as error:
            self._follow = None
            number = signal.SIGINT if isinstance(error, KeyboardInterrupt) else signal.SIGTERM
            for finished in self.engine.stop(number):
                self._handle_finished_job(finished, progress, may_repeat=False)
            raise
        return progress

    def _start_cells(self, progress: SweepProgress) -> None:
        """Start waiting cells in the free slots."""
        now = time.monotonic()
        for cell in [cell for cell, next_check in progress.locked.items() if next_check <= now]:
            del progress.locked[cell]
            progress.waiting.append(cell)
        while progress.waiting and len(self._jobs) < self.engine.slots and now >= self._queue_full_until:
            cell = progress.waiting.popleft()
            record = cell.record()
            if sweep_plan.is_running(cell):
                progress.locked[cell] = now + RECHECK_SECONDS
            elif record is not None and record.status in FINISHED_STATUSES:  # Another sweep has finished it.
                self._end_cell(cell, CellOutcome(record.status), progress)
            else:
                self._start_cell(cell, progress, now)

    def _start_cell(self, cell: Cell, progress: SweepProgress, now: float) -> None:
        job = self.build_job(cell)
        try:
            self.engine.start(job)
        except SeqbenchError:
            # A full queue, or one that does not answer, may accept the cell after others have ended.
            if not self._jobs:
                raise
            progress.waiting.appendleft(cell)
            self._queue_full_until = now + RECHECK_SECONDS
            return
        self._jobs[job] = cell
        progress.running[cell] = now
        if not (cell.folder / run_folder.LAST).exists():
            self._started_without_checkpoint.add(cell)

    def _handle_finished_job(self, finished: FinishedJob, progress: SweepProgress, may_repeat: bool = True) -> None:
        """Record how a job ended, or put its cell back into the queue."""
        cell = self._jobs.pop(finished.job)
        seconds = time.monotonic() - progress.running.pop(cell)
        outcome = _determine_outcome(finished, cell, time.time() - seconds)
        if outcome.status == "busy":
            progress.locked[cell] = time.monotonic() + RECHECK_SECONDS
        elif may_repeat and self._should_repeat(cell, outcome.status):
            progress.waiting.append(cell)
        else:
            # The time of a cell that was resumed is not the time of a whole cell.
            if outcome.status in FINISHED_STATUSES and cell in self._started_without_checkpoint:
                progress.measured_seconds.setdefault(cell.group, []).append(seconds)
            self._end_cell(cell, outcome, progress)

    def _should_repeat(self, cell: Cell, status: str) -> bool:
        """Return whether to start a cell again, and count the attempt."""
        if status == "interrupted" and self._interruptions[cell] < MAX_INTERRUPTIONS:
            self._interruptions[cell] += 1  # A preempted job has saved a checkpoint, from which it is resumed.
            return True
        if status not in (*FINISHED_STATUSES, "refused") and self._failures[cell] < self.retries:
            self._failures[cell] += 1
            return True
        return False

    def _end_cell(self, cell: Cell, outcome: CellOutcome, progress: SweepProgress) -> None:
        progress.statuses[cell], progress.reasons[cell] = outcome.status, outcome.reason
        further = self._follow(cell) if self._follow else {}
        progress.waiting.extend(further)
        progress.total += len(further)
        progress.expected_seconds |= {one.group: seconds for one, seconds in further.items() if seconds is not None}
        self.report(progress, cell)


def _determine_outcome(finished: FinishedJob, cell: Cell, started: float) -> CellOutcome:
    """Return how a cell ended, from the job's value or its record; write a record for a job that left none.

    Args:
        finished: the job of the cell.
        cell: the cell.
        started: start of the job, as ``time.time()``.
    """
    failure = finished.failure
    if failure is None and isinstance(finished.value, CellOutcome):
        return finished.value
    assert failure is not None, f"a cell returned {finished.value!r}"
    record = cell.record()
    # A cell of several processes returns no value, but its record is valid. The record of a cell that reached its
    # time limit says only that it was interrupted.
    if record is not None:
        by_this_job = (record.measured.started or 0.0) >= started
        if record.status in FINISHED_STATUSES or (by_this_job and failure.status != "timeout"):
            return CellOutcome(record.status, record.results.reason)
    try:
        failure_records.write_failure_record(cell, failure)
    except SeqbenchError as error:
        return CellOutcome(failure.status, f"{failure.reason}; it has no record: {error}")
    return CellOutcome(failure.status, failure.reason)
