"""Points at which a process is killed: inside the write of a file, at the beginning of a step, or at a random moment.

A process kills itself by SIGKILL at such a point: no ``finally`` block runs, and nothing is flushed. Points inside a
write are found by the system's calls (``fsync``, ``rename``), not by the functions that write a file today.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNS: dict[str, dict[str, Any]] = {
    "copy": {"name": "copy", "delay": 2, "samples": 40},
    "text": {"name": "char-lm", "length": 16, "window": 32},
    "sentences": {"name": "sentiment"},
}
"""Options of three tasks: whole sequences, a stream with carried state, and a task with a cache of prepared data."""


@dataclass(frozen=True)
class KillPoint:
    """A point at which a process is killed.

    Args:
        what: the file that is written (part of its path), or the name of the step.
        moment: ``half``: half of the bytes are written; ``whole``: all bytes are written to a temporary file;
            ``renamed``: the file has its final name; ``begun``: the step begins; ``random``: chosen by the parent.
        most: how often each run reaches the point, at least; one of these times is drawn.
        only: the tasks whose runs reach the point.
    """

    what: str
    moment: str
    most: int = 1
    only: tuple[str, ...] = tuple(RUNS)

    def __str__(self) -> str:
        return f"{self.what}, {self.moment}"


AT_RANDOM = KillPoint("a moment", "random")
# The last checkpoint is also written one step before each validation.
_WRITTEN = {"last.ckpt": (6, tuple(RUNS)), "best.ckpt": (1, tuple(RUNS)), "result.json": (1, tuple(RUNS))}
_WRITTEN |= {"config.yaml": (1, tuple(RUNS)), "prepared": (1, ("sentences",))}
_WRITTEN |= {"vocabulary.json": (1, ("text",)), "sample.txt": (1, ("text",))}
_STEPS = {"training_step": 55, "validation_step": 3, "test_step": 1, "decode_tokens_per_second": 1}
KILL_POINTS = (
    *(
        KillPoint(name, how, most, only)
        for name, (most, only) in _WRITTEN.items()
        for how in ("half", "whole", "renamed")
    ),
    *(KillPoint(name, "begun", most) for name, most in _STEPS.items()),
)
"""At ``best.ckpt, renamed`` the last checkpoint is older; at ``result.json, renamed`` the run has not ended."""


def arm_kill(point: KillPoint, nth: int) -> None:
    """Kill this process when it reaches a point for the nth time, counted from 1."""
    times = itertools.count(1)

    def is_due() -> bool:
        return next(times) == nth

    if point.moment == "begun":
        _arm_step(point.what, is_due)
    elif point.moment == "half":
        _arm_flush(point.what, is_due)
    elif point.moment in ("whole", "renamed"):
        for name in ("rename", "replace"):
            _arm_rename(name, point, is_due)


def kill_this_process() -> None:
    """Send SIGKILL, which no process can handle."""
    os.kill(os.getpid(), signal.SIGKILL)


def _arm_step(name: str, is_due: Callable[[], bool]) -> None:
    from seqbench.models.module import SequenceModule
    from seqbench.running.diagnostics import cost

    owner: Any = SequenceModule if hasattr(SequenceModule, name) else cost
    original = getattr(owner, name)

    def begin(*args: Any, **options: Any) -> Any:
        if is_due():
            kill_this_process()
        return original(*args, **options)

    setattr(owner, name, begin)


def _arm_flush(what: str, is_due: Callable[[], bool]) -> None:
    """Kill this process when it flushes a file; the file is cut in half first, as if the rest had not been written."""
    original = os.fsync

    def flush(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if _is(what, path) and is_due():
            os.truncate(path, path.stat().st_size // 2)
            kill_this_process()
        original(handle)

    os.fsync = flush  # type: ignore[assignment]


def _arm_rename(name: str, point: KillPoint, is_due: Callable[[], bool]) -> None:
    original = getattr(os, name)

    def rename(source: Any, target: Any, **options: Any) -> None:
        due = _is(point.what, target) and is_due()
        if due and point.moment == "whole":
            kill_this_process()
        original(source, target, **options)
        if due:
            kill_this_process()

    setattr(os, name, rename)


def _is(what: str, path: Any) -> bool:
    # The entries of the cache are folders, two levels below the folder of the cache.
    return any(what in part for part in Path(path).parts[-3:])
