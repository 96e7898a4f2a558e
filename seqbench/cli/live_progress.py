"""A sweep while it runs: a line for each cell that ended, and on a terminal where all of it stands."""

from __future__ import annotations

import sys
from typing import Any

from seqbench.sweep.planning.sweep_plan import FINISHED_STATUSES, Cell
from seqbench.sweep.sweep_runner import SweepProgress
from seqbench.utils.units import format_duration


class LiveProgress:
    """Shows a sweep's state on standard error.

    Attributes:
        what: what the cells are called.
        split: whose scores are shown: of trials that choose something, never those on test.
    """

    def __init__(self) -> None:
        self.what, self.split = "cells", "test"
        self._bar: Any = None
        self._elsewhere: set[Cell] = set()

    def __call__(self, state: SweepProgress, ended: Cell | None) -> None:
        """Take the state at a tick, or a cell that has ended."""
        if sys.stderr.isatty():
            self._show(state)
        else:
            for cell in state.elsewhere.keys() - self._elsewhere:
                self._write(f"{cell.name}: another process is at it; waiting for its end")
            self._elsewhere |= state.elsewhere.keys()
        if ended is None:
            return
        done = len(state.status)
        line = f"[{done}/{state.total}] {ended.name}: {_said(state, ended, self.split)}"
        if not sys.stderr.isatty():
            line += f" ({_standing(state)})"
        self._write(line)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _show(self, state: SweepProgress) -> None:
        if self._bar is None:
            from tqdm import tqdm

            shape = "{n_fmt}/{total_fmt} " + self.what + " |{bar}| {desc}"
            self._bar = tqdm(total=state.total, bar_format=shape, leave=False, dynamic_ncols=True)
        self._bar.n = len(state.status)
        self._bar.set_description_str(_standing(state))

    def _write(self, line: str) -> None:
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            print(line, file=sys.stderr, flush=True)


def _standing(state: SweepProgress) -> str:
    counts = state.counts()
    failed = sum(number for status, number in counts.items() if status not in (*FINISHED_STATUSES, "interrupted"))
    left = state.left()
    words = [f"{len(state.running)} running", f"{len(state.waiting)} waiting", f"{failed} failed"]
    if state.elsewhere:
        words.append(f"{len(state.elsewhere)} in another process")
    return ", ".join([*words, f"{format_duration(left)} left"] if left is not None else words)


def _said(state: SweepProgress, cell: Cell, split: str) -> str:
    status, reason = state.status[cell], state.reason[cell]
    record = cell.record()
    if status != "ok" or record is None:
        return f"{status}: {reason}" if reason else status
    metric = cell.config.card.metric.name
    value = record.results["metrics"][split][metric]["value"]
    return f"{split} {metric} {value:.4g} in {format_duration(record.measured['seconds'])}"
