"""A sweep under way: which cell is started when, what became of it, and what is told meanwhile."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from seqbench.protocol import run_folder
from seqbench.sweep.engines.engine import Engine, FinishedJob, Job
from seqbench.sweep.planning import sweep_plan
from seqbench.sweep.planning.sweep_plan import FINISHED_STATUSES, Cell, Group
from seqbench.sweep.workers import failure_records
from seqbench.utils.errors import SeqbenchError

RECHECK_SECONDS = 5.0
"""Seconds until a cell that another process is at is looked at again."""

MAX_INTERRUPTIONS = 50
"""How often a cell is gone on with that was interrupted: a stranger's code may send itself the signal every time."""

POLL_SECONDS = 0.5
"""Seconds between two looks at what has ended."""


@dataclass
class SweepProgress:
    """Where a sweep stands, for whoever shows it.

    Args:
        total: cells in all.
        status: of each cell that is done with, by cell; ``refused`` for one that could not be begun.
        running: when each was started (``time.monotonic``).
        elsewhere: cells that another process is at, and when each is looked at again.
        expected: seconds that a cell of a group is expected to take.
        took: seconds that cells took which began at their first step.
        slots: cells at once.
    """

    total: int
    status: dict[Cell, str] = field(default_factory=dict)
    reason: dict[Cell, str | None] = field(default_factory=dict)
    running: dict[Cell, float] = field(default_factory=dict)
    waiting: deque[Cell] = field(default_factory=deque)
    elsewhere: dict[Cell, float] = field(default_factory=dict)
    expected: dict[Group, float] = field(default_factory=dict)
    took: dict[Group, list[float]] = field(default_factory=dict)
    slots: int = 1

    def counts(self) -> Counter[str]:
        """How many cells ended in each status."""
        return Counter(self.status.values())

    def left(self) -> float | None:
        """Seconds until the end, as far as is known; None before anything is."""
        known = {group: sum(took) / len(took) for group, took in self.took.items()}
        # An estimate is set right by what others took against theirs.
        pairs = [(known[group], self.expected[group]) for group in known if self.expected.get(group)]
        right = sum(a for a, _ in pairs) / sum(b for _, b in pairs) if pairs else 1.0
        guesses = {group: right * seconds for group, seconds in self.expected.items()} | known
        if not guesses:
            return None
        usual, now = sum(guesses.values()) / len(guesses), time.monotonic()
        ahead = [guesses.get(cell.group, usual) for cell in (*self.waiting, *self.elsewhere)]
        # What is late is soon over, for all we know.
        at_work = [
            max(guesses.get(cell.group, usual) - (now - start), 0.05 * usual) for cell, start in self.running.items()
        ]
        return max([(sum(ahead) + sum(at_work)) / self.slots, *ahead, *at_work])


class SweepRunner:
    """Runs cells through an engine until none is left.

    Args:
        engine: where they run.
        work: makes a cell's job.
        retries: how often a cell that failed is begun again, within this sweep.
        show: told of the state at every tick, and of each cell that ended.
    """

    def __init__(
        self,
        engine: Engine,
        work: Callable[[Cell], Job],
        retries: int = 0,
        show: Callable[[SweepProgress, Cell | None], None] = lambda state, cell: None,
    ) -> None:
        self.engine, self.work, self.retries, self.show = engine, work, retries, show
        self._jobs: dict[Job, Cell] = {}
        self._tries: Counter[Cell] = Counter()
        self._interruptions: Counter[Cell] = Counter()
        self._anew: set[Cell] = set()
        self._pause = 0.0

    def run(self, cells: Sequence[Cell], expected: Mapping[Group, float] | None = None) -> SweepProgress:
        """Run the cells that are not finished; return when all have ended.

        An exception on the way (Ctrl-C above all) ends the running cells in good order before it goes on.
        """
        state = SweepProgress(len(cells), expected=dict(expected or {}), slots=self.engine.slots)
        for cell in cells:
            record = cell.record()
            if record is not None and record.status in FINISHED_STATUSES:
                state.status[cell] = record.status
            else:
                state.waiting.append(cell)
        try:
            while state.waiting or self._jobs or state.elsewhere:
                self._start(state)
                self.show(state, None)
                for ended in self.engine.wait(POLL_SECONDS):
                    self._take(ended, state)
        except BaseException:
            for ended in self.engine.stop():
                self._take(ended, state, again=False)
            raise
        return state

    def _start(self, state: SweepProgress) -> None:
        now = time.monotonic()
        for cell in [cell for cell, when in state.elsewhere.items() if when <= now]:
            del state.elsewhere[cell]
            state.waiting.append(cell)
        while state.waiting and len(self._jobs) < self.engine.slots and now >= self._pause:
            cell = state.waiting.popleft()
            record = cell.record()
            if sweep_plan.is_running(cell):
                state.elsewhere[cell] = now + RECHECK_SECONDS
            elif record is not None and record.status in FINISHED_STATUSES:  # By another sweep, meanwhile.
                self._end(cell, record.status, None, state)
            else:
                self._begin(cell, state, now)

    def _begin(self, cell: Cell, state: SweepProgress, now: float) -> None:
        job = self.work(cell)
        try:
            self.engine.start(job)
        except SeqbenchError:
            # A queue that is full, or does not answer: it may take the cell once others are through.
            if not self._jobs:
                raise
            state.waiting.appendleft(cell)
            self._pause = now + RECHECK_SECONDS
            return
        self._jobs[job] = cell
        state.running[cell] = now
        if not (cell.folder / run_folder.LAST).exists():
            self._anew.add(cell)

    def _take(self, ended: FinishedJob, state: SweepProgress, again: bool = True) -> None:
        cell = self._jobs.pop(ended.job)
        started = state.running.pop(cell)
        status, reason = self._outcome(ended, cell, time.time() - (time.monotonic() - started))
        if status == "busy":
            state.elsewhere[cell] = time.monotonic() + RECHECK_SECONDS
            return
        if again and status == "interrupted" and self._interruptions[cell] < MAX_INTERRUPTIONS:
            # Preempted: its checkpoint is there, and the rest is soon done.
            self._interruptions[cell] += 1
            state.waiting.append(cell)
            return
        if again and status not in (*FINISHED_STATUSES, "refused") and self._tries[cell] < self.retries:
            self._tries[cell] += 1
            state.waiting.append(cell)
            return
        if status in FINISHED_STATUSES and cell in self._anew:
            state.took.setdefault(cell.group, []).append(time.monotonic() - started)
        self._end(cell, status, reason, state)

    def _outcome(self, ended: FinishedJob, cell: Cell, since: float) -> tuple[str, str | None]:
        failure = ended.failure
        if failure is None:
            return ended.value.status, ended.value.reason
        record = cell.record()
        own = record is not None and record.measured.get("started", 0.0) >= since
        # A process that became a command of its own gives no answer, and yet its record is the truth. Of one that
        # took too long it only says that it was interrupted.
        if record is not None and (record.status in FINISHED_STATUSES or (own and failure.status != "timeout")):
            return record.status, record.results["reason"]
        try:
            failure_records.write_failure_record(cell, failure)
        except SeqbenchError as error:
            return failure.status, f"{failure.reason}; it has no record: {error}"
        return failure.status, failure.reason

    def _end(self, cell: Cell, status: str, reason: str | None, state: SweepProgress) -> None:
        state.status[cell], state.reason[cell] = status, reason
        self.show(state, cell)
