"""Engine for Slurm: each job is submitted through submitit. All machines must see the run folders."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.sweep.engines.engine import FinishedJob, Job, JobFailure
from seqbench.sweep.workers import time_limit
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.redaction import redact

if TYPE_CHECKING:
    import submitit

MAX_QUEUED_JOBS = 1000
"""Default number of jobs in the queue at once."""

POLL_SECONDS = 2.0
"""Seconds between two queries of Slurm; submitit queries all jobs in one call."""

WARNING_SECONDS = 120.0
"""Seconds added to a cell's time limit for Slurm: submitit is warned 90 s before the end of a job."""

CANCEL_SECONDS = 60.0
"""Seconds to wait for the results of cancelled jobs."""


class SlurmEngine:
    """Executes jobs in Slurm's queue.

    A job that Slurm preempts, or warns before its time is up, saves its state and ends. The sweep submits it again.

    Args:
        folder: folder for the files of submitit and the output of the jobs.
        workers: number of jobs in the queue at once; None for ``MAX_QUEUED_JOBS``.
        threads: CPU cores of each process.
        gpus: GPUs of each process, 0 or 1.
        options: further parameters of submitit (``slurm_partition=gpu``, ``mem_gb=16``, ``timeout_min=60``);
            ``cluster=local`` runs the jobs on this machine, for a trial without Slurm.

    Raises:
        SeqbenchError: submitit is not installed, this machine has no Slurm, or submitit refuses an option.
    """

    def __init__(
        self,
        folder: Path,
        workers: int | None = None,
        threads: int | None = None,
        gpus: int = 0,
        options: Mapping[str, object] | None = None,
    ) -> None:
        try:
            import submitit
        except ImportError:
            raise SeqbenchError(
                "--engine slurm needs submitit; install it with `pip install 'seqbench[slurm]'`."
            ) from None
        self._options = dict(options or {})
        cluster = str(self._options.pop("cluster", "slurm"))
        self._common: dict[str, object] = {"cpus_per_task": threads or 1, "name": "seqbench"}
        try:
            self._executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
            self._executor.update_parameters(**self._common, **self._options)
        # submitit raises errors of several classes, among them AssertionError for a value of the wrong type.
        except Exception as error:
            raise SeqbenchError(f"jobs cannot be submitted to '{cluster}': {_error_text(error)}") from error
        self.slots = workers or MAX_QUEUED_JOBS
        self._gpus = gpus
        self._jobs: dict[Job, submitit.Job[tuple[bool, object]]] = {}

    def start(self, job: Job) -> None:
        """Submit a job.

        Raises:
            SeqbenchError: Slurm refuses the job.
        """
        parameters = {**self._common, "nodes": job.nodes, "tasks_per_node": job.devices, **self._options}
        if self._gpus:
            parameters.setdefault("gpus_per_node", self._gpus * job.devices)
        if job.limit is not None:
            # Slurm warns a job before the end of its time, and submitit treats the warning as a preemption.
            parameters.setdefault("timeout_min", math.ceil((job.limit + WARNING_SECONDS) / 60))
        try:
            self._executor.update_parameters(**parameters)
            self._jobs[job] = self._executor.submit(time_limit.call_with_limit, job.function, job.args, job.limit)
        # The class of the error depends on the version of submitit and on Slurm's command.
        except Exception as error:
            raise SeqbenchError(f"Slurm refuses a job: {_error_text(error)}") from error

    def wait(self, seconds: float) -> Sequence[FinishedJob]:
        """Wait until a job has ended, for about ``seconds`` seconds; return the jobs that have ended."""
        deadline = time.monotonic() + max(seconds, POLL_SECONDS)
        while True:
            ended = [job for job, submitted in self._jobs.items() if submitted.done()]
            if ended or time.monotonic() >= deadline:
                return [self._finish(job) for job in ended]
            time.sleep(min(POLL_SECONDS, 0.2 * seconds + 0.05))

    def stop(self, number: int = signal.SIGTERM) -> Sequence[FinishedJob]:
        """Cancel all jobs, wait until they have saved their state, and return all of them.

        Args:
            number: the signal that stopped the sweep; Slurm sends SIGTERM to the jobs, whatever it is.
        """
        for submitted in self._jobs.values():
            submitted.cancel(check=False)
        finished: list[FinishedJob] = []
        deadline = time.monotonic() + CANCEL_SECONDS
        while self._jobs and time.monotonic() < deadline:
            finished += self.wait(POLL_SECONDS)
        failure = JobFailure("interrupted", "cancelled with the sweep")
        finished += [FinishedJob(job, None, failure) for job in self._jobs]
        self._jobs.clear()
        return finished

    def close(self) -> None:
        """Do nothing: Slurm manages its jobs itself."""

    def _finish(self, job: Job) -> FinishedJob:
        submitted = self._jobs.pop(job)
        # In a run of several processes, the first process returns the outcome of the run.
        first = submitted.task(0) if job.devices * job.nodes > 1 else submitted
        error = first.exception()
        if error is None:
            timed_out, value = first.result()
            failure = JobFailure("timeout", f"stopped after {job.limit:g} s, the time limit") if timed_out else None
            return FinishedJob(job, value, failure)
        state = str(submitted.state).split()[0].upper()
        output = "\n".join(text for text in (first.stderr(), _error_text(error)) if text)
        if state == "TIMEOUT":
            return FinishedJob(job, None, JobFailure("timeout", "stopped by Slurm at its time limit", output))
        if state == "OUT_OF_MEMORY":
            reason = "stopped by Slurm because it exceeded its memory"
            return FinishedJob(job, None, JobFailure("out_of_memory", reason, output))
        reason = f"job {submitted.job_id} ended as {state} without a result"
        return FinishedJob(job, None, JobFailure("failed", reason, output))


def _error_text(error: BaseException) -> str:
    return redact(one_line(error))[:500]
