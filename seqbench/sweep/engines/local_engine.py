"""Cells on this machine: a process each, forked from one that has imported everything.

A forked process starts in milliseconds where a fresh one imports for seconds, and yet shares nothing with the cells
before it: what one leaks, breaks or sets is gone with it.
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
from pathlib import Path
from typing import Any

from seqbench.sweep.engines.engine import GRACE_SECONDS, FinishedJob, Job, JobFailure
from seqbench.sweep.workers.worker_process import SAFE_PATH, WorkerResources, run_worker
from seqbench.utils.errors import SeqbenchError

MAX_OUTPUT_CHARACTERS = 20_000
"""Characters kept of what a dying process wrote."""


_CONTEXT: Any = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["seqbench.sweep.workers.preload"])


def start_fork_server() -> None:
    """Start the process that workers are forked from, which then imports while this one plans.

    Without it the first job waits for that.
    """
    # It is started with `-c`, and would otherwise find a file of the current folder before the standard library's.
    earlier = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        with _no_main_module():
            forkserver.ensure_running()
    finally:
        if earlier is None:
            del os.environ[SAFE_PATH]


@contextlib.contextmanager
def _no_main_module() -> Iterator[None]:
    """Workers need nothing of the program that started them, and would run it again where it has no main guard."""
    program = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = program


def call_in_worker(call: Callable[..., Any], *args: Any) -> Any:
    """What a call answers in a worker of its own: where this process is to stay without what the call imports.

    Raises:
        SeqbenchError: the worker died, or the call raised one.
    """
    engine = LocalEngine(1)
    try:
        engine.start(Job(_answer, (call, args)))
        ended: Sequence[FinishedJob] = ()
        while not ended:
            ended = engine.wait(60.0)
    finally:
        engine.close()
    failure = ended[0].failure
    if failure is not None:
        last = failure.output.strip().splitlines()[-1:] or ["it said nothing"]
        raise SeqbenchError(f"planning broke off, {failure.reason}: {last[0]}.")
    value, error = ended[0].value
    if error is not None:
        raise error
    return value


def _answer(call: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, SeqbenchError | None]:
    try:
        return call(*args), None
    except SeqbenchError as error:
        return None, error


def count_gpus() -> int:
    """How many CUDA devices there are."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0


@dataclass
class _Worker:
    job: Job
    process: Any
    answer: Any
    log: Path
    slot: int
    started: float
    oom_kills: int
    asked: float | None = None  # When it was asked to end.
    late: bool = False  # Because it took too long.
    value: Any = None
    heard: bool = False

    def hear(self) -> None:
        """Take its answer, which it may still be sending: a pipe holds 64 KiB."""
        with contextlib.suppress(EOFError, OSError):
            self.value = self.answer.recv()
        self.heard = True


class LocalEngine:
    """Workers on this machine.

    Args:
        workers: cells at once; None for one on each GPU that they take, or else on each core.
        threads: CPU threads of each; None shares the cores out (to ``OMP_NUM_THREADS`` at most).
        gpus: how many GPUs there are to share out; 0 for a sweep on CPUs.
        devices: GPUs that one cell takes.
        memory: bytes of data that a cell may hold; None for no limit. On CUDA, limit nothing: it reserves what it
            never uses.

    Raises:
        SeqbenchError: a number is below 1, or a cell asks for more GPUs than there are.
    """

    def __init__(
        self,
        workers: int | None = None,
        threads: int | None = None,
        gpus: int = 0,
        devices: int = 1,
        memory: int | None = None,
    ) -> None:
        for name, number in (("--workers", workers), ("--trainer.threads", threads)):
            if number is not None and number < 1:
                raise SeqbenchError(f"{name} must be at least 1, got {number}.")
        if gpus and devices > gpus:
            raise SeqbenchError(f"--trainer.devices {devices} asks for more GPUs than the {gpus} of this machine.")
        cores = _cores()
        self._places = gpus // devices if gpus else 0
        # Of a share in a machine, those of the share, whatever they are called.
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        self._visible = visible.split(",") if visible else [str(gpu) for gpu in range(gpus)]
        self.slots = workers or self._places or max(1, cores // devices)
        share = max(1, cores // self.slots // (1 if gpus else devices))
        asked = os.environ.get("OMP_NUM_THREADS", "")
        self.threads = threads or (min(share, int(asked)) if asked.isdecimal() and int(asked) else share)
        self._devices, self._memory = devices, memory
        self._workers: list[_Worker] = []
        self._folder = tempfile.TemporaryDirectory(prefix="seqbench-sweep-")

    def start(self, job: Job) -> None:
        """Begin a job in the first free slot."""
        slot = min(set(range(self.slots)) - {worker.slot for worker in self._workers})
        handle, log = tempfile.mkstemp(dir=self._folder.name)
        os.close(handle)
        ours, theirs = _CONTEXT.Pipe(duplex=False)
        place = WorkerResources(log, self.threads, self._gpus(slot), self._memory, SAFE_PATH in os.environ)
        start_fork_server()
        process = _CONTEXT.Process(target=run_worker, args=(job.call, job.args, theirs, place))
        with _no_main_module():
            process.start()
        theirs.close()
        self._workers.append(_Worker(job, process, ours, Path(log), slot, time.monotonic(), _oom_kills()))

    def wait(self, seconds: float) -> Sequence[FinishedJob]:
        """The jobs that have ended, after so long at most; those that took too long are ended here."""
        ends = [worker.process.sentinel for worker in self._workers]
        answers = [worker.answer for worker in self._workers if not worker.heard]
        ready = connection.wait([*ends, *answers], timeout=seconds)
        for worker in self._workers:
            if not worker.heard and worker.answer in ready:
                worker.hear()
        now = time.monotonic()
        for worker in self._workers:
            if worker.asked is None and worker.job.limit is not None and now - worker.started > worker.job.limit:
                worker.late = True
                self._ask(worker)
            elif worker.asked is not None and now - worker.asked > GRACE_SECONDS:
                _signal(worker.process, signal.SIGKILL)
        return self._collect()

    def stop(self) -> Sequence[FinishedJob]:
        """Ask all to end; those that have not after ``GRACE_SECONDS`` seconds are killed."""
        for worker in self._workers:
            if worker.asked is None:
                self._ask(worker)
        ended: list[FinishedJob] = []
        while self._workers:
            ended += self.wait(1.0)
        return ended

    def close(self) -> None:
        """Kill what still runs, and remove what it wrote aside."""
        for worker in self._workers:
            _signal(worker.process, signal.SIGKILL)
        self._folder.cleanup()

    def _ask(self, worker: _Worker) -> None:
        worker.asked = time.monotonic()
        _signal(worker.process, signal.SIGTERM)

    def _collect(self) -> list[FinishedJob]:
        over = [worker for worker in self._workers if worker.process.exitcode is not None]
        self._workers = [worker for worker in self._workers if worker not in over]
        return [self._ended(worker) for worker in over]

    def _ended(self, worker: _Worker) -> FinishedJob:
        if not worker.heard and worker.answer.poll():
            worker.hear()
        value, code = worker.value, worker.process.exitcode
        _signal(worker.process, signal.SIGKILL)  # What it started is in its process group, and ends with it.
        if code != 0:
            # If the server died, the worker dies only now: it is gone when nobody holds its end of the pipe.
            connection.wait([worker.answer], GRACE_SECONDS)
        worker.answer.close()
        worker.process.close()
        output = worker.log.read_text(encoding="utf-8", errors="replace")[-MAX_OUTPUT_CHARACTERS:]
        worker.log.unlink()
        if worker.late:
            reason = f"ended after {worker.job.limit:g} s, its limit"
            return FinishedJob(worker.job, value, JobFailure("timeout", reason, output))
        if isinstance(value, JobFailure):
            return FinishedJob(worker.job, None, dataclasses.replace(value, output=output))
        if value is not None:
            return FinishedJob(worker.job, value)
        if worker.asked is not None:
            return FinishedJob(worker.job, None, JobFailure("interrupted", "ended with its sweep", output))
        return FinishedJob(worker.job, None, _describe_exit(code, output, _oom_kills() > worker.oom_kills))

    def _gpus(self, slot: int) -> str | None:
        if not self._places:
            return None
        first = slot % self._places * self._devices
        return ",".join(self._visible[first : first + self._devices])


def _describe_exit(code: int, output: str, memory_ran_out: bool) -> JobFailure:
    if code == -signal.SIGKILL and memory_ran_out:
        return JobFailure("out_of_memory", "the system killed the process, as memory ran out", output)
    if code < 0:
        return JobFailure("failed", f"the process was ended by {signal.Signals(-code).name}", output)
    return JobFailure("failed", f"the process ended with exit status {code} and no word", output)


def _signal(process: Any, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError, ValueError):
        os.killpg(process.pid, number)
        return
    with contextlib.suppress(ProcessLookupError, ValueError):  # It has no group of its own yet.
        os.kill(process.pid, number)


def _cores() -> int:
    """Cores that this process may use: of a share in a machine, those alone."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _oom_kills() -> int:
    """How many processes this machine has killed for want of memory since it started; 0 where it does not say."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
