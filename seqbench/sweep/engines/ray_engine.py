"""Engine for Ray: each job is a task of a Ray cluster, or of a cluster that is started on this machine.

A worker process of Ray imports its modules once and executes many jobs. All machines must see the run folders.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seqbench.sweep.engines.engine import GRACE_SECONDS, FinishedJob, Job, JobFailure
from seqbench.sweep.workers import time_limit
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.redaction import redact


class RayEngine:
    """Executes jobs as tasks of Ray, which decides on which machine each one runs.

    Args:
        workers: number of tasks at once; None for as many as the cores (or GPUs) of the cluster allow.
        threads: CPU cores of each task.
        gpus: GPUs of each task, 0 or 1.
        options: keyword arguments of ``ray.init``. ``address`` names a running cluster (``auto``: one on this
            machine); without it ``RAY_ADDRESS`` is used; without both, a cluster is started on this machine and
            stopped by ``close``.

    Raises:
        SeqbenchError: Ray is not installed, the cluster cannot be reached, or no machine has enough cores or GPUs.
    """

    def __init__(
        self,
        workers: int | None = None,
        threads: int | None = None,
        gpus: int = 0,
        options: Mapping[str, object] | None = None,
    ) -> None:
        try:
            ray = importlib.import_module("ray")
        except ImportError:
            raise SeqbenchError("--engine ray needs Ray; install it with `pip install 'seqbench[ray]'`.") from None
        self._ray = ray
        self._owns_connection = not ray.is_initialized()
        if self._owns_connection:
            try:
                defaults = {"log_to_driver": False, "include_dashboard": False, "logging_level": logging.ERROR}
                ray.init(**{**defaults, **(options or {})})
            # Ray raises a different class for each cause: a failed connection, an unknown option.
            except Exception as error:
                raise SeqbenchError(f"cannot connect to Ray: {redact(one_line(error))[:300]}") from error
        cores = threads or 1
        available = ray.cluster_resources()
        capacity = int(available.get("GPU", 0) // gpus) if gpus else int(available.get("CPU", 1) // cores)
        if capacity < 1:
            raise SeqbenchError(f"no machine of the Ray cluster has {cores} cores and {gpus} GPUs for a cell.")
        self.slots = workers or capacity
        self._task = ray.remote(num_cpus=cores, num_gpus=gpus, max_retries=0)(_run_task)
        self._threads = cores
        self._references: dict[Job, object] = {}
        self._started: dict[Job, float] = {}
        self._stop_requested: dict[Job, float] = {}

    def start(self, job: Job) -> None:
        """Submit a job to Ray.

        Raises:
            SeqbenchError: the job uses several processes, which a worker of Ray cannot start.
        """
        if job.devices * job.nodes > 1:
            raise SeqbenchError(
                "--engine ray runs each cell on one device; use --engine local or slurm for several devices."
            )
        folder = str(Path.cwd())
        self._references[job] = self._task.remote(job.function, job.args, self._threads, folder, job.limit)
        self._started[job] = time.monotonic()

    def wait(self, seconds: float) -> Sequence[FinishedJob]:
        """Wait until a task has ended, for at most ``seconds`` seconds; return the jobs that have ended."""
        if not self._references:
            time.sleep(seconds)
            return []
        jobs = {reference: job for job, reference in self._references.items()}
        ended, _ = self._ray.wait(list(jobs), num_returns=1, timeout=seconds)
        now = time.monotonic()
        for reference, job in jobs.items():
            if job in self._stop_requested and now - self._stop_requested[job] > GRACE_SECONDS:
                self._ray.cancel(reference, force=True)
        return [self._finish(jobs[reference]) for reference in ended]

    def stop(self, number: int = signal.SIGTERM) -> Sequence[FinishedJob]:
        """Ask all tasks to stop, kill those that still run after ``GRACE_SECONDS`` seconds, and return all jobs.

        Args:
            number: the signal that stopped the sweep; Ray cancels a task as Ctrl-C does, whatever it is.
        """
        for job, reference in self._references.items():
            if job not in self._stop_requested:
                self._stop_requested[job] = time.monotonic()
                self._ray.cancel(reference, force=False)  # Raises KeyboardInterrupt in the task.
        finished: list[FinishedJob] = []
        while self._references:
            finished += self.wait(1.0)
        return finished

    def close(self) -> None:
        """Disconnect from the cluster; a cluster that was started for the sweep is stopped."""
        if self._owns_connection:
            self._ray.shutdown()

    def _finish(self, job: Job) -> FinishedJob:
        reference = self._references.pop(job)
        seconds = time.monotonic() - self._started.pop(job)
        stop_requested = self._stop_requested.pop(job, None) is not None
        errors = self._ray.exceptions
        timed_out, value, failure = False, None, None
        try:
            timed_out, value = self._ray.get(reference)
        except errors.OutOfMemoryError:
            failure = JobFailure("out_of_memory", "stopped by Ray because its machine ran out of memory")
        except errors.TaskCancelledError:
            failure = JobFailure("interrupted", f"cancelled after {seconds:.0f} s")
        except errors.WorkerCrashedError as error:
            # A task that ignores the signal at its time limit ends its own process. The seconds include the time in
            # Ray's queue, which is short because there are no more tasks than slots.
            timed_out = job.limit is not None and seconds > job.limit
            failure = JobFailure("failed", "the process ended without a result", str(error))
            if stop_requested:
                failure = JobFailure("interrupted", "stopped with the sweep")
        except errors.RayError as error:
            failure = JobFailure("failed", f"Ray raised {type(error).__name__}", str(error))
        if timed_out:
            output = failure.output if failure else ""
            failure = JobFailure("timeout", f"stopped after {job.limit:g} s, the time limit", output)
        return FinishedJob(job, value, failure)


def _run_task(
    function: Callable[..., object], args: tuple[object, ...], threads: int, folder: str, limit: float | None
) -> tuple[bool, object]:
    """Call a function in a worker of Ray, in the folder in which the sweep was started.

    Args:
        function: the function to call.
        args: its arguments.
        threads: CPU threads for PyTorch.
        folder: folder of the sweep's command, from which a user's own modules are imported.
        limit: time limit in seconds; None for no limit.

    Returns:
        Whether the time limit was reached, and the function's value.
    """
    import torch

    if Path(folder).is_dir():
        os.chdir(folder)
        sys.path[:0] = [folder] if folder not in sys.path else []
    torch.set_num_threads(threads)
    return time_limit.call_with_limit(function, args, limit)
