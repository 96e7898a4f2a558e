"""Engine for this machine: each job runs in its own process, forked from a server that has imported everything.

A forked process starts in milliseconds, where a new interpreter needs seconds to import PyTorch. Processes share no
state with each other, so a job that leaks memory or changes global settings does not affect the next one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import connection, forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar, TypeVarTuple, cast

from seqbench.sweep.engines.engine import GRACE_SECONDS, FinishedJob, Job, JobFailure
from seqbench.sweep.workers.worker_process import SAFE_PATH, WorkerResources, run_worker
from seqbench.utils.errors import SeqbenchError

MAX_OUTPUT_CHARACTERS = 20_000
"""Characters that are kept from the end of a worker's output."""

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["seqbench.sweep.workers.preload"])

ResultT = TypeVar("ResultT")
ArgsT = TypeVarTuple("ArgsT")


def start_fork_server() -> None:
    """Start the fork server, if it does not run yet; it then imports its modules in the background.

    The first job starts earlier if this function was called some seconds before.
    """
    # The server is started with `python -c`, which would put the current folder in front of the standard library.
    earlier = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        with _hidden_main_module():
            forkserver.ensure_running()
    finally:
        if earlier is None:
            del os.environ[SAFE_PATH]


@contextlib.contextmanager
def _hidden_main_module() -> Iterator[None]:
    """Replace ``__main__`` by an empty module.

    multiprocessing would import the main program in each worker, and execute a program without a main guard again.
    """
    program = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def call_in_worker(function: Callable[[*ArgsT], ResultT], *args: *ArgsT) -> ResultT:
    """Call a function in a worker process and return its value, so that only the worker imports its modules.

    Raises:
        SeqbenchError: the function raised this error, or the worker failed.
    """
    engine = LocalEngine(1)
    try:
        engine.start(Job(_call_for_value_or_error, (function, args)))
        finished: Sequence[FinishedJob] = ()
        while not finished:
            finished = engine.wait(60.0)
    finally:
        engine.close()
    failure = finished[0].failure
    if failure is not None:
        last_line = failure.output.strip().splitlines()[-1:] or ["no output"]
        raise SeqbenchError(f"the worker process failed: {failure.reason}: {last_line[0]}.")
    value, error = cast("tuple[ResultT, SeqbenchError | None]", finished[0].value)
    if error is not None:
        raise error
    return value


def _call_for_value_or_error(
    function: Callable[..., object], args: tuple[object, ...]
) -> tuple[object, SeqbenchError | None]:
    """Return the function's value and None, or None and the ``SeqbenchError`` that it raised."""
    try:
        return function(*args), None
    except SeqbenchError as error:
        return None, error


def count_gpus() -> int:
    """Return the number of visible CUDA devices."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@dataclass
class _Worker:
    """A running worker process.

    Args:
        job: the job that it executes.
        process: the process.
        receiver: end of the pipe through which it sends its answer.
        log: file that holds its output.
        slot: number of its slot.
        started: start, as ``time.monotonic()``.
        oom_kills: the machine's count of out-of-memory kills at the start.
        stop_requested: when it was asked to stop, as ``time.monotonic()``; None if it was not.
        timed_out: whether it was asked to stop because of its time limit.
        answer: the object that it sent.
        answer_received: whether it has sent its answer or closed the pipe.
    """

    job: Job
    process: BaseProcess
    receiver: connection.Connection
    log: Path
    slot: int
    started: float
    oom_kills: int
    stop_requested: float | None = None
    timed_out: bool = False
    answer: object = None
    answer_received: bool = False

    def receive_answer(self) -> None:
        """Receive the answer while the worker sends it, because a pipe buffers only 64 KiB."""
        with contextlib.suppress(EOFError, OSError):
            self.answer = self.receiver.recv()
        self.answer_received = True

    def request_stop(self, number: int = signal.SIGTERM) -> None:
        """Send a signal to the worker, which then saves its state and ends."""
        self.stop_requested = time.monotonic()
        _send_signal(self.process, number)


class LocalEngine:
    """Executes jobs in worker processes on this machine.

    Args:
        workers: number of jobs at once; None for one job on each group of ``devices`` GPUs, or on each core if there
            are no GPUs.
        threads: CPU threads of each job; None divides the cores among the workers (at most ``OMP_NUM_THREADS`` each).
        gpus: GPUs to divide among the workers; 0 for a sweep on the CPU.
        devices: GPUs that one job uses.
        memory: data that one job may allocate, in bytes; None for no limit. Set no limit for jobs on CUDA, which
            reserves much more address space than it uses.

    Raises:
        SeqbenchError: a number is below 1, or one job needs more GPUs than there are.
    """

    def __init__(
        self,
        workers: int | None = None,
        threads: int | None = None,
        gpus: int = 0,
        devices: int = 1,
        memory: int | None = None,
    ) -> None:
        for option, number in (("--workers", workers), ("--trainer.threads", threads)):
            if number is not None and number < 1:
                raise SeqbenchError(f"{option} must be at least 1, got {number}.")
        if gpus and devices > gpus:
            raise SeqbenchError(f"--trainer.devices {devices} needs more GPUs than the {gpus} of this machine.")
        cores = _count_cores()
        self._gpu_groups = gpus // devices
        # In a container or a Slurm job the visible GPUs may have any numbers or names.
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        self._visible = visible.split(",") if visible else [str(gpu) for gpu in range(gpus)]
        self.slots = workers or self._gpu_groups or max(1, cores // devices)
        share = max(1, cores // self.slots // (1 if gpus else devices))
        most_threads = os.environ.get("OMP_NUM_THREADS", "")
        if most_threads.isdecimal() and int(most_threads):
            share = min(share, int(most_threads))
        self.threads = threads or share
        self._devices, self._memory = devices, memory
        self._workers: list[_Worker] = []
        self._folder = tempfile.TemporaryDirectory(prefix="seqbench-sweep-")

    def start(self, job: Job) -> None:
        """Start a job in the first free slot."""
        slot = min(set(range(self.slots)) - {worker.slot for worker in self._workers})
        handle, log = tempfile.mkstemp(dir=self._folder.name)
        os.close(handle)
        receiver, sender = _CONTEXT.Pipe(duplex=False)
        resources = WorkerResources(log, self.threads, self._gpu_names(slot), self._memory, SAFE_PATH in os.environ)
        start_fork_server()
        process = _CONTEXT.Process(target=run_worker, args=(job.function, job.args, sender, resources))
        with _hidden_main_module():
            process.start()
        sender.close()
        self._workers.append(_Worker(job, process, receiver, Path(log), slot, time.monotonic(), _count_oom_kills()))

    def wait(self, seconds: float) -> Sequence[FinishedJob]:
        """Wait until a job has ended, for at most ``seconds`` seconds; return the jobs that have ended.

        Jobs that exceed their time limit are asked to stop here, and killed ``GRACE_SECONDS`` later.
        """
        ends = [worker.process.sentinel for worker in self._workers]
        answers = [worker.receiver for worker in self._workers if not worker.answer_received]
        ready = connection.wait([*ends, *answers], timeout=seconds)
        for worker in self._workers:
            if not worker.answer_received and worker.receiver in ready:
                worker.receive_answer()
        now = time.monotonic()
        for worker in self._workers:
            if worker.stop_requested is None and worker.job.limit is not None:
                worker.timed_out = now - worker.started > worker.job.limit
                if worker.timed_out:
                    worker.request_stop()
            elif worker.stop_requested is not None and now - worker.stop_requested > GRACE_SECONDS:
                _send_signal(worker.process, signal.SIGKILL)
        exited = [worker for worker in self._workers if worker.process.exitcode is not None]
        self._workers = [worker for worker in self._workers if worker not in exited]
        return [self._finish(worker) for worker in exited]

    def stop(self, number: int = signal.SIGTERM) -> Sequence[FinishedJob]:
        """Ask all jobs to stop, kill those that still run after ``GRACE_SECONDS`` seconds, and return all of them.

        Args:
            number: the signal that the workers get.
        """
        for worker in self._workers:
            if worker.stop_requested is None:
                worker.request_stop(number)
        finished: list[FinishedJob] = []
        while self._workers:
            finished += self.wait(1.0)
        return finished

    def close(self) -> None:
        """Kill all workers and remove their temporary files."""
        for worker in self._workers:
            _send_signal(worker.process, signal.SIGKILL)
        self._folder.cleanup()

    def _finish(self, worker: _Worker) -> FinishedJob:
        """Release the resources of a worker that has exited, and return its result."""
        if not worker.answer_received and worker.receiver.poll():
            worker.receive_answer()
        code = worker.process.exitcode or 0
        _send_signal(worker.process, signal.SIGKILL)  # This also ends the processes that the worker has started.
        if code != 0:
            # If the fork server was killed, its worker may still be alive; the pipe closes when the worker is gone.
            connection.wait([worker.receiver], GRACE_SECONDS)
        worker.receiver.close()
        worker.process.close()
        output = worker.log.read_text(encoding="utf-8", errors="replace")[-MAX_OUTPUT_CHARACTERS:]
        worker.log.unlink()
        failure = self._describe_failure(worker, code, output)
        value = None if isinstance(worker.answer, JobFailure) else worker.answer
        return FinishedJob(worker.job, value, failure)

    def _describe_failure(self, worker: _Worker, code: int, output: str) -> JobFailure | None:
        if worker.timed_out:
            return JobFailure("timeout", f"stopped after {worker.job.limit:g} s, the time limit", output)
        if isinstance(worker.answer, JobFailure):
            return dataclasses.replace(worker.answer, output=output)
        if worker.answer is not None:
            return None
        if worker.stop_requested is not None:
            return JobFailure("interrupted", "stopped with the sweep", output)
        return _describe_exit(code, output, _count_oom_kills() > worker.oom_kills)

    def _gpu_names(self, slot: int) -> str | None:
        """Return the value of ``CUDA_VISIBLE_DEVICES`` for a slot; None without GPUs."""
        if not self._gpu_groups:
            return None
        first = slot % self._gpu_groups * self._devices
        return ",".join(self._visible[first : first + self._devices])


def _describe_exit(code: int, output: str, memory_exhausted: bool) -> JobFailure:
    """Return the failure of a process that exited without an answer.

    Args:
        code: its exit status; negative for the signal that ended it.
        output: last part of its output.
        memory_exhausted: whether the system killed a process for lack of memory while it ran.
    """
    if code == -signal.SIGKILL and memory_exhausted:
        return JobFailure("out_of_memory", "the system ran out of memory and killed the process", output)
    if code < 0:
        return JobFailure("failed", f"the process was ended by {signal.Signals(-code).name}", output)
    return JobFailure("failed", f"the process ended with exit status {code} and returned no result", output)


def _send_signal(process: BaseProcess, number: int) -> None:
    """Send a signal to the process group of a worker, or to the worker while it has no group of its own yet."""
    pid = _process_id(process)
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _process_id(process: BaseProcess) -> int | None:
    with contextlib.suppress(ValueError):  # The process object is closed.
        return process.pid
    return None


def _count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _count_oom_kills() -> int:
    """Return how many processes the system has killed for lack of memory since it started; 0 if that is unknown."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
