"""Real processes: each test starts some, and the first starts the one that they are forked from."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from seqbench.sweep.engines import local_engine
from seqbench.sweep.engines.engine import FinishedJob, Job
from seqbench.sweep.engines.local_engine import LocalEngine
from seqbench.utils.errors import SeqbenchError


@pytest.fixture
def engine() -> Iterator[LocalEngine]:
    made = LocalEngine(2, threads=1)
    yield made
    made.close()


def all_of(engine: LocalEngine, *jobs: Job) -> dict[Job, FinishedJob]:
    """Run the jobs, never more than there are slots."""
    waiting, ended, running = list(jobs), {}, 0
    while len(ended) < len(jobs):
        while waiting and running < engine.slots:
            engine.start(waiting.pop(0))
            running += 1
        for one in engine.wait(5.0):
            ended[one.job] = one
            running -= 1
    return ended


def where_am_i() -> tuple[int, int, bool, str | None]:
    warm = "seqbench.running.runner" in sys.modules
    return os.getpid(), torch.get_num_threads(), warm, os.environ.get("CUDA_VISIBLE_DEVICES")


def segfault() -> None:
    ctypes.string_at(0)


def leave(code: int) -> None:
    os._exit(code)


def fail() -> None:
    raise RuntimeError("worse than expected")


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


def hog() -> str:
    return str(len(bytearray(8 * 2**30)))


def much(number: int) -> bytes:
    return bytes(number)


def gpus_seen() -> str | None:
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def be_deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def test_each_job_has_a_process_of_its_own_that_has_imported_everything(engine: LocalEngine) -> None:
    jobs = [Job(where_am_i, ()) for _ in range(4)]
    start = time.monotonic()
    ended = all_of(engine, jobs[0])
    first = time.monotonic() - start
    ended |= all_of(engine, *jobs[1:])
    rest = (time.monotonic() - start - first) / 3
    answers = [ended[job].value for job in jobs]
    assert len({pid for pid, *_ in answers}) == 4
    assert [answer[1:] for answer in answers] == [(1, True, None)] * 4
    assert rest < 1.0


def test_a_death_is_told_by_its_kind_with_the_last_words(engine: LocalEngine) -> None:
    jobs = [Job(segfault, ()), Job(leave, (3,)), Job(fail, ()), Job(where_am_i, ())]
    ended = all_of(engine, *jobs)
    failures: list[Any] = [ended[job].failure for job in jobs]
    assert [failure and failure.status for failure in failures] == ["failed", "failed", "failed", None]
    assert failures[0].reason == "the process was ended by SIGSEGV"
    assert "Segmentation fault" in failures[0].output
    assert "in segfault" in failures[0].output
    assert failures[1].reason == "the process ended with exit status 3 and no word"
    assert failures[2].reason == "RuntimeError: worse than expected"
    assert "in fail" in failures[2].output


def test_what_takes_too_long_is_ended_also_if_it_does_not_listen(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_engine, "GRACE_SECONDS", 1.0)
    jobs = [Job(sleep, (60,), limit=0.5), Job(be_deaf, (), limit=0.5)]
    start = time.monotonic()
    ended = all_of(engine, *jobs)
    assert time.monotonic() - start < 30
    assert [ended[job].failure.status for job in jobs] == ["timeout", "timeout"]  # type: ignore[union-attr]
    assert ended[jobs[0]].failure.reason == "ended after 0.5 s, its limit"  # type: ignore[union-attr]


def test_memory_can_be_limited() -> None:
    engine = LocalEngine(1, memory=4 * 2**30)
    try:
        job = Job(hog, ())
        failure = all_of(engine, job)[job].failure
        assert failure is not None
        assert failure.status == "out_of_memory"
        assert "in hog" in failure.output
    finally:
        engine.close()


def test_a_process_killed_as_memory_ran_out_is_told_from_one_killed_by_hand() -> None:
    assert local_engine._describe_exit(-signal.SIGKILL, "", True).status == "out_of_memory"
    assert local_engine._describe_exit(-signal.SIGKILL, "", False).reason == "the process was ended by SIGKILL"
    assert local_engine._describe_exit(-signal.SIGSEGV, "", True).status == "failed"


def test_stopping_ends_all_that_run(engine: LocalEngine) -> None:
    jobs = [Job(sleep, (60,)), Job(sleep, (60,))]
    for job in jobs:
        engine.start(job)
    start = time.monotonic()
    stopped = engine.stop()
    assert {ended.job for ended in stopped} == set(jobs)
    assert {ended.failure.status for ended in stopped if ended.failure} == {"interrupted"}
    assert time.monotonic() - start < 30


def test_workers_and_threads_share_the_cores_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_engine, "_cores", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def shares(*args: Any, **options: Any) -> tuple[int, int]:
        made = LocalEngine(*args, **options)
        made.close()
        return made.slots, made.threads

    assert shares() == (8, 1)
    assert shares(2) == (2, 4)
    assert shares(2, threads=3) == (2, 3)
    assert shares(devices=2) == (4, 1)
    assert shares(gpus=4) == (4, 2)
    assert shares(gpus=4, devices=2) == (2, 4)
    assert shares(8, gpus=4) == (8, 1)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert (shares(1), shares(2), shares(4)) == ((1, 3), (2, 3), (4, 2))


def test_an_answer_may_be_larger_than_a_pipe(engine: LocalEngine) -> None:
    assert len(local_engine.call_in_worker(much, 10**6)) == 10**6
    job = Job(much, (10**6,))
    assert len(all_of(engine, job)[job].value) == 10**6


def test_what_broke_a_question_is_told() -> None:
    with pytest.raises(SeqbenchError, match="planning broke off, RuntimeError: worse than expected"):
        local_engine.call_in_worker(fail)


def test_a_file_of_the_current_folder_is_not_taken_for_the_standard_librarys(tmp_path: Path) -> None:
    (tmp_path / "tarfile.py").write_text("raise SystemExit('executed')")
    program = tmp_path / "bin" / "program.py"
    program.parent.mkdir()
    program.write_text(
        "from seqbench.sweep.engines import local_engine as local\n"
        "from tests.sweep.engines import test_local_engine as here\n"
        "if __name__ == '__main__':\n"
        "    print(len(local.call_in_worker(here.much, 7)))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])}
    words = [sys.executable, str(program)]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert (done.stdout.strip(), "executed" in done.stderr) == ("7", False), done.stderr


def test_gpus_of_a_share_go_by_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,5")
    made = LocalEngine(gpus=3)
    assert [made._gpus(slot) for slot in range(4)] == ["GPU-a", "GPU-b", "5", "GPU-a"]
    made.close()
    engine = LocalEngine(1, gpus=3)
    try:
        job = Job(gpus_seen, ())
        assert all_of(engine, job)[job].value == "GPU-a"
    finally:
        engine.close()


def test_gpus_are_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    pairs, shared = LocalEngine(gpus=4, devices=2), LocalEngine(6, gpus=4)
    assert [pairs._gpus(slot) for slot in range(2)] == ["0,1", "2,3"]
    assert [shared._gpus(slot) for slot in range(6)] == ["0", "1", "2", "3", "0", "1"]
    for made in (pairs, shared):
        made.close()
    one = LocalEngine(1, gpus=2)
    try:
        job = Job(where_am_i, ())
        assert all_of(one, job)[job].value[3] == "0"
    finally:
        one.close()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"workers": 0}, "--workers must be at least 1, got 0"),
        ({"threads": 0}, "--trainer.threads must be at least 1"),
        ({"gpus": 2, "devices": 4}, "asks for more GPUs than the 2 of this machine"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, int], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        LocalEngine(**options)


def test_a_worker_ends_with_its_sweep(tmp_path: Path) -> None:
    """Its parent is killed, and can tell it nothing."""
    code = (
        "import sys, time\n"
        "from seqbench.sweep.engines.engine import Job\n"
        "from seqbench.sweep.engines.local_engine import LocalEngine\n"
        "from tests.sweep.engines import test_local_engine as here\n"
        "if __name__ == '__main__':\n"
        "    engine = LocalEngine(1)\n"
        "    engine.start(Job(here.say_and_sleep, (sys.argv[1],)))\n"
        "    time.sleep(60)\n"
    )
    script, said = tmp_path / "sweep.py", tmp_path / "pid"
    script.write_text(code)
    root = str(Path(__file__).resolve().parents[3])
    with subprocess.Popen([sys.executable, str(script), str(said)], env={**os.environ, "PYTHONPATH": root}) as process:
        until = time.monotonic() + 60
        while not said.exists() and time.monotonic() < until:
            time.sleep(0.1)
        process.kill()
    pid = int(said.read_text())
    until = time.monotonic() + 15
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()


def say_and_sleep(path: str) -> None:
    part = Path(f"{path}.part")
    part.write_text(str(os.getpid()))
    part.rename(path)
    time.sleep(60)
