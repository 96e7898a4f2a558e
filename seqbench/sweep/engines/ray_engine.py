"""Cells as tasks of Ray: on a cluster that is there, or on this machine alone.

Ray's workers import once and serve many cells. The run folders must lie where all machines see them.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seqbench.sweep.engines.engine import GRACE_SECONDS, FinishedJob, Job, JobFailure
from seqbench.sweep.workers import time_limit
from seqbench.utils.errors import SeqbenchError, one_line


class RayEngine:
    """Tasks of Ray, which decides where each runs.

    Args:
        workers: tasks at once; None for as many as the cluster has cores (or GPUs) for.
        threads: CPU cores of each task.
        gpus: GPUs of each task, 0 or 1.
        options: of ``ray.init``; ``address`` is that of a cluster (``auto``: one that runs on this machine), without
            it ``RAY_ADDRESS`` is taken, or else a cluster of this machine alone is started, and ended with the sweep.

    Raises:
        SeqbenchError: Ray is not installed, or there is no cluster at the address.
    """

    def __init__(
        self,
        workers: int | None = None,
        threads: int | None = None,
        gpus: int = 0,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        try:
            import ray
        except ImportError:
            raise SeqbenchError("--engine ray needs Ray; install it with `pip install seqbench[ray]`.") from None
        self._ray: Any = ray
        self._ours = not ray.is_initialized()
        if self._ours:
            try:
                settings = {"log_to_driver": False, "include_dashboard": False, "logging_level": logging.ERROR}
                ray.init(**{**settings, **dict(options or {})})
            # A connection that fails, an option that is unknown: each of another class.
            except Exception as error:
                raise SeqbenchError(f"Ray could not be reached: {one_line(error, 300)}") from error
        cores = threads or 1
        have = ray.cluster_resources()
        fit = int(have.get("GPU", 0) // gpus) if gpus else int(have.get("CPU", 1) // cores)
        if fit < 1:
            raise SeqbenchError(f"no machine of the Ray cluster has {cores} cores and {gpus} GPUs for a cell.")
        self.slots = workers or fit
        self._options = {"num_cpus": cores, "num_gpus": gpus, "max_retries": 0}
        self._jobs: dict[Job, Any] = {}
        self._started: dict[Job, float] = {}
        self._asked: dict[Job, float] = {}

    def start(self, job: Job) -> None:
        """Hand a task to Ray.

        Raises:
            SeqbenchError: the job takes several processes, which Ray's worker cannot start.
        """
        if job.devices * job.nodes > 1:
            raise SeqbenchError("--engine ray runs each cell on one device; for several take --engine local or slurm.")
        call = self._ray.remote(**self._options)(_call)
        self._jobs[job] = call.remote(job.call, job.args, self._options["num_cpus"], str(Path.cwd()), job.limit)
        self._started[job] = time.monotonic()

    def wait(self, seconds: float) -> Sequence[FinishedJob]:
        """The tasks that have ended, after so long at most."""
        if not self._jobs:
            time.sleep(seconds)
            return []
        by_reference = {reference: job for job, reference in self._jobs.items()}
        over, _ = self._ray.wait(list(by_reference), num_returns=1, timeout=seconds)
        now = time.monotonic()
        for reference, job in by_reference.items():
            if job in self._asked and now - self._asked[job] > GRACE_SECONDS:
                self._ray.cancel(reference, force=True)
        return [self._ended(by_reference[reference]) for reference in over]

    def stop(self) -> Sequence[FinishedJob]:
        """Ask all tasks to end; those that have not after ``GRACE_SECONDS`` seconds are killed."""
        for job in self._jobs:
            if job not in self._asked:
                self._ask(job)
        ended: list[FinishedJob] = []
        while self._jobs:
            ended += self.wait(1.0)
        return ended

    def close(self) -> None:
        """Leave the cluster; one that was started for the sweep ends."""
        if self._ours:
            self._ray.shutdown()

    def _ask(self, job: Job) -> None:
        # Comes to the task as Ctrl-C.
        self._asked[job] = time.monotonic()
        self._ray.cancel(self._jobs[job], force=False)

    def _ended(self, job: Job) -> FinishedJob:
        reference = self._jobs.pop(job)
        took, asked = time.monotonic() - self._started.pop(job), self._asked.pop(job, None) is not None
        errors, value, late, failure = self._ray.exceptions, None, False, None
        try:
            late, value = self._ray.get(reference)
        except errors.OutOfMemoryError:
            failure = JobFailure("out_of_memory", "ended by Ray, as its machine ran out of memory")
        except errors.TaskCancelledError:
            failure = JobFailure("interrupted", f"cancelled after {took:.0f} s")
        except errors.WorkerCrashedError as error:
            # One that does not listen when its time is up ends like this; what waits in Ray's queue does not run yet.
            late = job.limit is not None and took > job.limit
            failure = JobFailure("failed", "the process died while at work", str(error))
            if asked:
                failure = JobFailure("interrupted", "ended with its sweep")
        except errors.RayError as error:
            failure = JobFailure("failed", f"{type(error).__name__} of Ray's", str(error))
        if late:
            failure = JobFailure(
                "timeout", f"ended after {job.limit:g} s, its limit", failure.output if failure else ""
            )
        return FinishedJob(job, value, failure)


def _call(call: Any, args: tuple[Any, ...], threads: int, folder: str, limit: float | None) -> tuple[bool, Any]:
    """In Ray's worker, which starts in a folder of Ray's: a user's own backbone or data lies beside the command."""
    import torch

    if Path(folder).is_dir():
        os.chdir(folder)
        sys.path[:0] = [folder] if folder not in sys.path else []
    torch.set_num_threads(threads)
    return time_limit.call_with_limit(call, args, limit)
