"""What an engine is asked and what it answers: a call, made in a process of its own, that may die in any way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

GRACE_SECONDS = 20.0
"""Seconds that a call has to save its state once it is asked to end."""


@dataclass(frozen=True, eq=False)
class Job:
    """A call of a module's function with plain arguments.

    Args:
        call: what is called.
        args: with what; both are pickled.
        limit: seconds after which it is ended; None for never.
        devices: how many devices of a machine it takes.
        nodes: how many machines.
    """

    call: Callable[..., Any]
    args: tuple[Any, ...]
    limit: float | None = None
    devices: int = 1
    nodes: int = 1


@dataclass(frozen=True)
class JobFailure:
    """How a process ended that gave no answer: a record's ``status`` and ``reason``, and its last words."""

    status: str
    reason: str
    output: str = ""


@dataclass(frozen=True)
class FinishedJob:
    """A job that has ended: with what its call returned, or by a failure."""

    job: Job
    value: Any = None
    failure: JobFailure | None = None


class Engine(Protocol):
    """Where jobs run."""

    slots: int
    """How many may run at once."""

    def start(self, job: Job) -> None:
        """Begin a job; there is a free slot."""

    def wait(self, seconds: float) -> Sequence[FinishedJob]:
        """The jobs that have ended, after so long at most."""

    def stop(self) -> Sequence[FinishedJob]:
        """Ask all jobs to end, wait for those that save their state, end the others."""

    def close(self) -> None:
        """Give back what the engine holds."""
