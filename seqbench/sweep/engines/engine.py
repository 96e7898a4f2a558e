"""The interface of an engine: it calls functions in separate processes, which may fail in any way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

GRACE_SECONDS = 20.0
"""Seconds that a job has to save its state after it was asked to stop; then its process is killed."""


@dataclass(frozen=True, eq=False)
class Job:
    """A function call to be executed in a separate process.

    Args:
        function: function of a module; it is pickled.
        args: positional arguments; they are pickled.
        limit: time limit in seconds; None for no limit.
        devices: devices that the job uses on each machine.
        nodes: machines that the job uses.
    """

    function: Callable[..., object]
    args: tuple[object, ...]
    limit: float | None = None
    devices: int = 1
    nodes: int = 1


@dataclass(frozen=True)
class JobFailure:
    """The failure of a job that returned no value.

    Args:
        status: status of the run's record: ``failed``, ``timeout``, ``out_of_memory`` or ``interrupted``.
        reason: one sentence for the record.
        output: last part of the output of the process.
    """

    status: str
    reason: str
    output: str = ""


@dataclass(frozen=True)
class FinishedJob:
    """A job that has ended.

    Args:
        job: the job.
        value: return value of its function.
        failure: its failure; None for a job that returned a value in time.
    """

    job: Job
    value: object = None
    failure: JobFailure | None = None


class Engine(Protocol):
    """Executes jobs in separate processes.

    Attributes:
        slots: number of jobs that may run at once.
    """

    slots: int

    def start(self, job: Job) -> None:
        """Start a job; a slot must be free.

        Raises:
            SeqbenchError: the job cannot be started.
        """

    def wait(self, seconds: float) -> Sequence[FinishedJob]:
        """Wait until a job has ended, for at most ``seconds`` seconds; return the jobs that have ended."""

    def stop(self, number: int) -> Sequence[FinishedJob]:
        """Ask all jobs to stop, kill those that do not, and return all of them.

        Args:
            number: the signal that stopped the sweep, SIGINT or SIGTERM. The jobs get the same one where the engine
                can send it, so that their records name it.
        """

    def close(self) -> None:
        """Release the resources of the engine."""
