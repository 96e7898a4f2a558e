"""Progress of a sweep on the screen: a line for each cell that has ended, and a progress bar on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Never

from seqbench.sweep.planning.sweep_plan import FINISHED_STATUSES, Cell
from seqbench.sweep.sweep_runner import SweepProgress
from seqbench.utils.number_format import format_number
from seqbench.utils.units import format_duration

if TYPE_CHECKING:
    from tqdm import tqdm


class LiveProgress:
    """Writes the progress of a sweep to standard error.

    Attributes:
        noun: name of the cells in messages: ``cells`` or ``trials``.
        split: the split whose scores are shown; ``validation`` for trials, which select a learning rate.
    """

    def __init__(self) -> None:
        self.noun, self.split = "cells", "test"
        self._bar: tqdm[Never] | None = None
        self._reported_as_locked: set[Cell] = set()

    def __call__(self, progress: SweepProgress, ended: Cell | None) -> None:
        """Show the progress, and a line for the cell that has ended, if any."""
        on_terminal = sys.stderr.isatty()
        if on_terminal:
            self._update_bar(progress)
        else:
            for cell in progress.locked.keys() - self._reported_as_locked:
                self._write(f"{cell.name}: another process runs it; waiting for it to end")
            self._reported_as_locked |= progress.locked.keys()
        if ended is None:
            return
        done = len(progress.statuses)
        line = f"[{done}/{progress.total}] {ended.name}: {describe_result(progress, ended, self.split)}"
        self._write(line if on_terminal else f"{line} ({describe_progress(progress)})")

    def close(self) -> None:
        """Remove the progress bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _update_bar(self, progress: SweepProgress) -> None:
        if self._bar is None:
            from tqdm import tqdm

            layout = "{n_fmt}/{total_fmt} " + self.noun + " |{bar}| {desc}"
            self._bar = tqdm(total=progress.total, bar_format=layout, leave=False, dynamic_ncols=True)
        self._bar.n = len(progress.statuses)
        self._bar.set_description_str(describe_progress(progress))

    def _write(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr, flush=True)


def describe_progress(progress: SweepProgress) -> str:
    """Return the numbers of running, waiting and failed cells, and the estimated time left.

    >>> describe_progress(SweepProgress(total=2))
    '0 running, 0 waiting, 0 failed'
    """
    counts = progress.count_statuses()
    failed = sum(number for status, number in counts.items() if status not in (*FINISHED_STATUSES, "interrupted"))
    parts = [f"{len(progress.running)} running", f"{len(progress.waiting)} waiting", f"{failed} failed"]
    if progress.locked:
        parts.append(f"{len(progress.locked)} in another process")
    seconds = progress.remaining_seconds()
    if seconds is not None:
        parts.append(f"{format_duration(seconds)} left")
    return ", ".join(parts)


def describe_result(progress: SweepProgress, cell: Cell, split: str) -> str:
    """Return the score and the duration of a cell that ended ``ok``, or else its status with the reason.

    Args:
        progress: progress of the sweep.
        cell: a cell that has ended.
        split: split whose score is shown.
    """
    status, reason = progress.statuses[cell], progress.reasons[cell]
    record = cell.record()
    if status != "ok" or record is None:
        return f"{status}: {reason}" if reason else status
    metric = cell.config.card.metric.of_split(split)
    value = record.results.metrics[split][metric].value
    return f"{split} {metric} {format_number(value)} in {format_duration(record.measured.seconds or 0.0)}"
