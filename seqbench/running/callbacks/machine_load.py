"""The load of the machine while a run trains: the share of its processor time that other processes used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import lightning.pytorch as L

STATISTICS = Path("/proc/stat")
CHILDREN = "/proc/{process}/task/{process}/children"
TIMES = "/proc/{process}/stat"

IDLE = (3, 4)
"""Columns of ``/proc/stat`` that count idle time: idle, and waiting for input or output."""

COLUMNS = 8
"""Columns of ``/proc/stat`` that divide the time; the columns after them are counted in the others as well."""


class Times(NamedTuple):
    """Processor times since the start of the machine, in ticks: all time, busy time, and the time of the run."""

    all: int
    busy: int
    own: int


class MachineLoad(L.Callback):
    """Measure the load from the start to the end of training, with its validations.

    The processes that Lightning has started for other ranks on this machine count as the run itself.
    """

    def __init__(self) -> None:
        self._start: Times | None = None
        self._end: Times | None = None

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the times at the start of training."""
        self._start = self._end = read_times()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Note the times at the end of training."""
        self._end = read_times()

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        """Note the times at the end of training."""
        if self._start is not None and self._end == self._start:
            self._end = read_times()

    @property
    def share(self) -> float | None:
        """Share of the machine's processor time that other processes used, 0 to 1; None if it is unknown."""
        return None if self._start is None or self._end is None else share_of_others(self._start, self._end)


def share_of_others(start: Times, end: Times) -> float | None:
    """Return the share of the processor time between two readings that other processes used; None without time.

    Args:
        start: the first reading.
        end: the second reading.

    >>> share_of_others(Times(0, 0, 0), Times(200, 150, 100))
    0.25
    """
    passed = end.all - start.all
    if passed <= 0:
        return None
    others = (end.busy - start.busy) - (end.own - start.own)
    return min(max(others / passed, 0.0), 1.0)


def read_times() -> Times | None:
    """Return the processor times; None where the system does not tell, as on macOS."""
    try:
        columns = [int(text) for text in STATISTICS.read_text().split("\n", 1)[0].split()[1 : 1 + COLUMNS]]
        idle = sum(columns[number] for number in IDLE)
        return Times(sum(columns), sum(columns) - idle, sum(map(_ticks, _family(os.getpid()))))
    except (OSError, ValueError, IndexError):
        return None


def _family(process: int) -> list[int]:
    """Return a process and its descendants."""
    family = [process]
    for one in family:  # The list grows while it is read.
        try:
            family += [int(text) for text in Path(CHILDREN.format(process=one)).read_text().split()]
        except OSError:  # The process has ended, or the kernel does not list children.
            continue
    return family


def _ticks(process: int) -> int:
    """Return the time of a process and of its children that have ended; 0 if the process has ended."""
    try:
        fields = Path(TIMES.format(process=process)).read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(text) for text in fields[11:15])  # utime, stime, cutime and cstime, see proc(5).
