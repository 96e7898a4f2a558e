"""Cells as jobs of Slurm, through submitit: the run folders must lie where all machines see them."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqbench.sweep.engines.engine import FinishedJob, Job, JobFailure
from seqbench.sweep.workers import time_limit
from seqbench.utils.errors import SeqbenchError, one_line

MOST = 1000
"""Jobs in the queue at once, unless the user says otherwise."""

LOOK_SECONDS = 2.0
"""How often Slurm is asked: submitit asks it for all jobs in one call."""

WARNING = 120.0
"""Seconds that a job gets beyond a cell's limit: submitit's warning comes 90 s before the end."""

GRACE_SECONDS = 60.0
"""Seconds after which jobs that were cancelled are given up."""


class SlurmEngine:
    """Jobs in Slurm's queue.

    A job that Slurm preempts, or warns before its time is up, saves its state and ends; the sweep submits it again.

    Args:
        folder: for what submitit and Slurm write (each job's output).
        workers: jobs in the queue at once; None for ``MOST``.
        threads: CPU cores of each process.
        gpus: GPUs of each process, 0 or 1.
        options: further parameters of submitit (``slurm_partition=gpu``, ``mem_gb=16``, ``timeout_min=60``);
            ``cluster=local`` runs the jobs on this machine, to try them.

    Raises:
        SeqbenchError: submitit is not installed, there is no Slurm here, or it refuses the options.
    """

    def __init__(
        self,
        folder: Path,
        workers: int | None = None,
        threads: int | None = None,
        gpus: int = 0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import submitit
        except ImportError:
            raise SeqbenchError(
                "--engine slurm needs submitit; install it with `pip install seqbench[slurm]`."
            ) from None
        self._options = dict(options or {})
        cluster = str(self._options.pop("cluster", "slurm"))
        self._common = {"cpus_per_task": threads or 1, "name": "seqbench"}
        try:
            self._executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
            self._executor.update_parameters(**self._common, **self._options)
        # Of several classes, and an AssertionError for a value of the wrong type.
        except Exception as error:
            raise SeqbenchError(f"jobs cannot be submitted to '{cluster}': {_line(error)}") from error
        self.slots = workers or MOST
        self._gpus = gpus
        self._jobs: dict[Job, Any] = {}

    def start(self, job: Job) -> None:
        """Submit a job.

        Raises:
            SeqbenchError: Slurm refuses it.
        """
        parameters = {**self._common, "nodes": job.nodes, "tasks_per_node": job.devices, **self._options}
        if self._gpus:
            parameters.setdefault("gpus_per_node", self._gpus * job.devices)
        if job.limit is not None:
            # Slurm warns its jobs before the end, and submitit takes the warning for a preemption.
            parameters.setdefault("timeout_min", math.ceil((job.limit + WARNING) / 60))
        try:
            self._executor.update_parameters(**parameters)
            self._jobs[job] = self._executor.submit(time_limit.call_with_limit, job.call, job.args, job.limit)
        # Slurm's refusal comes as an error of submitit's or of the command's, whose classes differ by version.
        except Exception as error:
            raise SeqbenchError(f"Slurm refuses a job: {_line(error)}") from error

    def wait(self, seconds: float) -> Sequence[FinishedJob]:
        """The jobs that have ended, after so long at most."""
        until = time.monotonic() + max(seconds, LOOK_SECONDS)
        while True:
            over = [job for job, submitted in self._jobs.items() if submitted.done()]
            if over or time.monotonic() >= until:
                return [self._ended(job) for job in over]
            time.sleep(min(LOOK_SECONDS, 0.2 * seconds + 0.05))

    def stop(self) -> Sequence[FinishedJob]:
        """Cancel all jobs, which lets them save their state, and wait until they have."""
        for submitted in self._jobs.values():
            submitted.cancel(check=False)
        ended: list[FinishedJob] = []
        until = time.monotonic() + GRACE_SECONDS
        while self._jobs and time.monotonic() < until:
            ended += self.wait(LOOK_SECONDS)
        given_up = [FinishedJob(job, None, JobFailure("interrupted", "cancelled with the sweep")) for job in self._jobs]
        self._jobs.clear()
        return ended + given_up

    def close(self) -> None:
        """Nothing is held: Slurm keeps its jobs itself."""

    def _ended(self, job: Job) -> FinishedJob:
        submitted = self._jobs.pop(job)
        # Of several processes the first one's answer is the run's.
        first = submitted.task(0) if job.devices * job.nodes > 1 else submitted
        error = first.exception()
        if error is None:
            late, value = first.result()
            failure = JobFailure("timeout", f"ended after {job.limit:g} s, its limit") if late else None
            return FinishedJob(job, value, failure)
        state = str(submitted.state).split()[0].upper()
        output = "\n".join(text for text in (first.stderr(), _line(error)) if text)
        if state == "TIMEOUT":
            return FinishedJob(job, None, JobFailure("timeout", "ended by Slurm, as its time was up", output))
        if state == "OUT_OF_MEMORY":
            return FinishedJob(job, None, JobFailure("out_of_memory", "ended by Slurm, as its memory ran out", output))
        return FinishedJob(
            job, None, JobFailure("failed", f"job {submitted.job_id} ended as {state} without an answer", output)
        )


def _line(error: BaseException) -> str:
    return one_line(error, 500)
