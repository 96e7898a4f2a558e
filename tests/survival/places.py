"""Where a process is killed: inside the write of a file, at the beginning of a step, or at any moment.

A process arms a place in itself and dies there by SIGKILL, without a word: no ``finally`` is run, nothing is flushed.
Files are met at the system's calls (``fsync``, ``rename``), not in the functions that happen to make them today.
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
"""Tasks: whole sequences; a stream whose state is carried on, with files of its own; one with a prepared cache."""


@dataclass(frozen=True)
class Place:
    """Where a process dies.

    Args:
        what: the file that is written (part of its path), or the step that is begun.
        moment: ``half`` of the bytes are written; all are, under another name (``whole``); the file is ``renamed``;
            a step is ``begun``; or ``random``: whenever the parent likes.
        most: how often a run comes by, at least; which time it is, is drawn.
        only: the tasks whose runs come by.
    """

    what: str
    moment: str
    most: int = 1
    only: tuple[str, ...] = tuple(RUNS)

    def __str__(self) -> str:
        return f"{self.what}, {self.moment}"


AT_RANDOM = Place("a moment", "random")
# Between two steps of training the last checkpoint is written too: one step before each validation.
_WRITTEN = {"last.ckpt": (6, tuple(RUNS)), "best.ckpt": (1, tuple(RUNS)), "result.json": (1, tuple(RUNS))}
_WRITTEN |= {"config.yaml": (1, tuple(RUNS)), "prepared": (1, ("sentences",))}
_WRITTEN |= {"vocabulary.json": (1, ("text",)), "sample.txt": (1, ("text",))}
_STEPS = {"training_step": 55, "validation_step": 3, "test_step": 1, "decode_tokens_per_second": 1}
PLACES = (
    *(Place(name, how, most, only) for name, (most, only) in _WRITTEN.items() for how in ("half", "whole", "renamed")),
    *(Place(name, "begun", most) for name, most in _STEPS.items()),
)
"""Best checkpoint ``renamed`` is between it and the last one; record ``renamed`` is between it and the run's end."""


def arm(place: Place, nth: int) -> None:
    """Die when this process comes by the place for the nth time (from 1)."""
    times = itertools.count(1)

    def come_by() -> bool:
        return next(times) == nth

    if place.moment == "begun":
        _arm_step(place.what, come_by)
    elif place.moment == "half":
        _arm_flush(place.what, come_by)
    elif place.moment in ("whole", "renamed"):
        for name in ("rename", "replace"):
            _arm_rename(name, place, come_by)


def die() -> None:
    """By the signal that nobody hears."""
    os.kill(os.getpid(), signal.SIGKILL)


def _arm_step(name: str, come_by: Callable[[], bool]) -> None:
    from seqbench.models.module import SequenceModule
    from seqbench.running.diagnostics import cost

    owner: Any = SequenceModule if hasattr(SequenceModule, name) else cost
    original = getattr(owner, name)

    def begin(*args: Any, **options: Any) -> Any:
        if come_by():
            die()
        return original(*args, **options)

    setattr(owner, name, begin)


def _arm_flush(what: str, come_by: Callable[[], bool]) -> None:
    """What is flushed is whole by then: it is cut in half, as if the rest had never come."""
    original = os.fsync

    def flush(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if _is(what, path) and come_by():
            os.truncate(path, path.stat().st_size // 2)
            die()
        original(handle)

    os.fsync = flush  # type: ignore[assignment]


def _arm_rename(name: str, place: Place, come_by: Callable[[], bool]) -> None:
    original = getattr(os, name)

    def rename(source: Any, target: Any, **options: Any) -> None:
        due = _is(place.what, target) and come_by()
        if due and place.moment == "whole":
            die()
        original(source, target, **options)
        if due:
            die()

    setattr(os, name, rename)


def _is(what: str, path: Any) -> bool:
    # The cache's entries are folders, two levels below the one that they all lie in.
    return any(what in part for part in Path(path).parts[-3:])
