"""The local engine with real processes; the first test also waits for the fork server."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from seqbench.sweep.engines import local_engine
from seqbench.sweep.engines.engine import FinishedJob, Job, JobFailure
from seqbench.sweep.engines.local_engine import LocalEngine
from seqbench.utils.errors import SeqbenchError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    engine = LocalEngine(2, threads=1)
    yield engine
    engine.close()


def run_jobs(engine: LocalEngine, *jobs: Job) -> dict[Job, FinishedJob]:
    """Run jobs in the slots of an engine until all have ended."""
    waiting, running = list(jobs), 0
    finished: dict[Job, FinishedJob] = {}
    while len(finished) < len(jobs):
        while waiting and running < engine.slots:
            engine.start(waiting.pop(0))
            running += 1
        for one in engine.wait(5.0):
            finished[one.job] = one
            running -= 1
    return finished


def failure_of(finished: FinishedJob) -> JobFailure:
    assert finished.failure is not None
    return finished.failure


# Functions that the jobs call.


def describe_process() -> tuple[int, int, bool]:
    """Return the process id, the number of threads, and whether the runner was imported before the job."""
    return os.getpid(), torch.get_num_threads(), "seqbench.running.runner" in sys.modules


def read_visible_gpus() -> str | None:
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def segfault() -> None:
    ctypes.string_at(0)


def exit_at_once(code: int) -> None:
    os._exit(code)


def fail() -> None:
    raise RuntimeError("worse than expected")


def refuse() -> None:
    raise SeqbenchError("no such data")


def wait_for_signal(ready: str) -> int:
    """Return the number of the signal that this process gets, as a run does."""
    received: list[int] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    assert handlers[signal.SIGINT] is signal.default_int_handler  # A background shell would have SIGINT ignored.
    for number in handlers:
        signal.signal(number, lambda number, frame: received.append(number))
    Path(ready).touch()
    while not received:
        time.sleep(0.01)
    return received[0]


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


def ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def allocate() -> str:
    return str(len(bytearray(8 * 2**30)))


def return_bytes(number: int) -> bytes:
    return bytes(number)


def write_pid_and_sleep(path: str) -> None:
    temporary = Path(f"{path}.part")
    temporary.write_text(str(os.getpid()))
    temporary.rename(path)
    time.sleep(60)


def test_each_job_has_its_own_process_with_all_modules_imported(engine: LocalEngine) -> None:
    jobs = [Job(describe_process, ()) for _ in range(4)]
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import seqbench.running.runner"], check=True)
    with_imports = time.monotonic() - start
    finished = run_jobs(engine, jobs[0])
    start = time.monotonic()
    finished |= run_jobs(engine, *jobs[1:])
    seconds = (time.monotonic() - start) / 3
    values = [finished[job].value for job in jobs]
    processes = [value for value in values if isinstance(value, tuple)]
    assert len({pid for pid, *_ in processes}) == 4
    assert [process[1:] for process in processes] == [(1, True)] * 4
    assert seconds < with_imports / 2  # A new process would import all modules.


def test_a_failed_job_has_a_reason_and_the_output_of_its_process(engine: LocalEngine) -> None:
    jobs = [Job(segfault, ()), Job(exit_at_once, (3,)), Job(fail, ()), Job(describe_process, ())]
    finished = run_jobs(engine, *jobs)
    assert finished[jobs[3]].failure is None
    crash, exit_, error = (failure_of(finished[job]) for job in jobs[:3])
    assert [failure.status for failure in (crash, exit_, error)] == ["failed"] * 3
    assert crash.reason == "the process was ended by SIGSEGV"
    assert "Segmentation fault" in crash.output
    assert "in segfault" in crash.output
    assert exit_.reason.startswith("the process ended with exit status 3")
    assert error.reason == "RuntimeError: worse than expected"
    assert "in fail" in error.output


def test_a_job_is_stopped_at_its_time_limit_even_if_it_ignores_the_signal(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_engine, "GRACE_SECONDS", 1.0)
    jobs = [Job(sleep, (60,), limit=0.5), Job(ignore_sigterm, (), limit=0.5)]
    start = time.monotonic()
    finished = run_jobs(engine, *jobs)
    assert time.monotonic() - start < 30
    assert [failure_of(finished[job]).status for job in jobs] == ["timeout", "timeout"]
    assert "after 0.5 s" in failure_of(finished[jobs[0]]).reason


def test_a_job_that_exceeds_its_memory_fails() -> None:
    engine = LocalEngine(1, memory=4 * 2**30)
    try:
        job = Job(allocate, ())
        failure = failure_of(run_jobs(engine, job)[job])
        assert failure.status == "out_of_memory"
        assert "in allocate" in failure.output
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("code", "memory_exhausted", "status"),
    [(-signal.SIGKILL, True, "out_of_memory"), (-signal.SIGKILL, False, "failed"), (-signal.SIGSEGV, True, "failed")],
)
def test_only_a_kill_for_lack_of_memory_is_out_of_memory(code: int, memory_exhausted: bool, status: str) -> None:
    assert local_engine._describe_exit(code, "", memory_exhausted).status == status


def test_stop_ends_all_running_jobs(engine: LocalEngine) -> None:
    jobs = [Job(sleep, (60,)), Job(sleep, (60,))]
    for job in jobs:
        engine.start(job)
    start = time.monotonic()
    stopped = engine.stop(signal.SIGTERM)
    assert {finished.job for finished in stopped} == set(jobs)
    assert {failure_of(finished).status for finished in stopped} == {"interrupted"}
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_job_gets_the_signal_that_stopped_the_sweep_even_if_the_shell_ignores_ctrl_c(
    engine: LocalEngine, number: int, tmp_path: Path
) -> None:
    ready = tmp_path / "ready"
    engine.start(Job(wait_for_signal, (str(ready),)))
    while not ready.exists():
        time.sleep(0.01)
    (finished,) = engine.stop(number)
    assert finished.value == number


def test_the_cores_are_divided_among_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_engine, "_count_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def slots_and_threads(
        workers: int | None = None, threads: int | None = None, gpus: int = 0, devices: int = 1
    ) -> tuple[int, int]:
        engine = LocalEngine(workers, threads, gpus, devices)
        engine.close()
        return engine.slots, engine.threads

    assert slots_and_threads() == (8, 1)
    assert slots_and_threads(2) == (2, 4)
    assert slots_and_threads(2, threads=3) == (2, 3)
    assert slots_and_threads(devices=2) == (4, 1)
    assert slots_and_threads(gpus=4) == (4, 2)
    assert slots_and_threads(gpus=4, devices=2) == (2, 4)
    assert slots_and_threads(8, gpus=4) == (8, 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert (slots_and_threads(1), slots_and_threads(2), slots_and_threads(4)) == ((1, 3), (2, 3), (4, 2))


def test_a_value_may_be_larger_than_the_buffer_of_a_pipe(engine: LocalEngine) -> None:
    assert len(local_engine.call_in_worker(return_bytes, 10**6)) == 10**6
    job = Job(return_bytes, (10**6,))
    assert run_jobs(engine, job)[job].value == bytes(10**6)


def test_an_error_in_a_call_in_a_worker_is_raised_here() -> None:
    with pytest.raises(SeqbenchError, match="no such data"):
        local_engine.call_in_worker(refuse)
    with pytest.raises(SeqbenchError, match="worker process failed: RuntimeError: worse than expected"):
        local_engine.call_in_worker(fail)


def test_a_file_of_the_current_folder_does_not_hide_the_standard_library(tmp_path: Path) -> None:
    (tmp_path / "tarfile.py").write_text("raise SystemExit('executed')")
    program = tmp_path / "bin" / "program.py"
    program.parent.mkdir()
    program.write_text(
        "from seqbench.sweep.engines import local_engine\n"
        "from tests.sweep.engines import test_local_engine as here\n"
        "if __name__ == '__main__':\n"
        "    print(len(local_engine.call_in_worker(here.return_bytes, 7)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, str(program)]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert (done.stdout.strip(), "executed" in done.stderr) == ("7", False), done.stderr


def test_gpus_keep_the_names_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,5")
    engine = LocalEngine(1, gpus=3)
    try:
        assert [engine._gpu_names(slot) for slot in range(4)] == ["GPU-a", "GPU-b", "5", "GPU-a"]
        job = Job(read_visible_gpus, ())
        assert run_jobs(engine, job)[job].value == "GPU-a"
    finally:
        engine.close()


def test_gpus_are_divided_among_the_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    pairs, shared, none = LocalEngine(gpus=4, devices=2), LocalEngine(6, gpus=4), LocalEngine(1)
    assert [pairs._gpu_names(slot) for slot in range(2)] == ["0,1", "2,3"]
    assert [shared._gpu_names(slot) for slot in range(6)] == ["0", "1", "2", "3", "0", "1"]
    assert none._gpu_names(0) is None
    for engine in (pairs, shared, none):
        engine.close()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "--workers must be at least 1, got 0"),
        ({"threads": 0}, "--trainer.threads must be at least 1"),
        ({"gpus": 2, "devices": 4}, "needs more GPUs than the 2 of this machine"),
    ],
)
def test_an_impossible_number_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        LocalEngine(**options)


def test_a_worker_ends_after_its_sweep_was_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from seqbench.sweep.engines.engine import Job\n"
        "from seqbench.sweep.engines.local_engine import LocalEngine\n"
        "from tests.sweep.engines import test_local_engine as here\n"
        "if __name__ == '__main__':\n"
        "    engine = LocalEngine(1)\n"
        "    engine.start(Job(here.write_pid_and_sleep, (sys.argv[1],)))\n"
        "    time.sleep(60)\n"
    )
    script, pid_file = tmp_path / "sweep.py", tmp_path / "pid"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, str(script), str(pid_file)], env=environment) as process:
        deadline = time.monotonic() + 60
        while not pid_file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.kill()
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + 15
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()
