"""The Slurm engine with submitit's executor for this machine; what Slurm itself would return is simulated."""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from pathlib import Path

import pytest

from seqbench.sweep.engines.engine import FinishedJob, Job, JobFailure
from seqbench.sweep.engines.slurm_engine import SlurmEngine
from seqbench.utils.errors import SeqbenchError

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'seqbench[slurm]'")
pytestmark = pytest.mark.slow


def double(number: int) -> int:
    return 2 * number


def segfault() -> None:
    ctypes.string_at(0)


def fail() -> None:
    raise RuntimeError("worse than expected")


def sleep() -> None:
    time.sleep(60)


@pytest.fixture
def engine(tmp_path: Path) -> SlurmEngine:
    return SlurmEngine(tmp_path / "slurm", 3, options={"cluster": "local"})


def wait_for(engine: SlurmEngine, jobs: list[Job]) -> dict[Job, FinishedJob]:
    finished: dict[Job, FinishedJob] = {}
    deadline = time.monotonic() + 60
    while len(finished) < len(jobs) and time.monotonic() < deadline:
        finished |= {one.job: one for one in engine.wait(1.0)}
    return finished


def failure_of(finished: FinishedJob) -> JobFailure:
    assert finished.failure is not None
    return finished.failure


def test_jobs_return_a_value_or_a_failure(engine: SlurmEngine) -> None:
    jobs = [Job(double, (21,)), Job(segfault, ()), Job(fail, ())]
    for job in jobs:
        engine.start(job)
    finished = wait_for(engine, jobs)
    assert (finished[jobs[0]].value, finished[jobs[0]].failure) == (42, None)
    crash, error = (failure_of(finished[job]) for job in jobs[1:])
    assert [crash.status, error.status] == ["failed", "failed"]
    assert "without a result" in crash.reason
    assert "worse than expected" in error.output


def test_a_job_is_stopped_at_its_time_limit(engine: SlurmEngine) -> None:
    job = Job(sleep, (), limit=1.0)
    engine.start(job)
    failure = failure_of(wait_for(engine, [job])[job])
    assert failure.status == "timeout"
    assert "after 1 s" in failure.reason


def test_stop_cancels_a_running_job(engine: SlurmEngine) -> None:
    job = Job(sleep, ())
    engine.start(job)
    time.sleep(1.0)
    start = time.monotonic()
    (finished,) = engine.stop(signal.SIGTERM)
    assert time.monotonic() - start < 30
    assert finished.job is job
    assert finished.failure is not None


class SimulatedJob:
    """A job of Slurm as submitit presents it, in a given state and with or without a value."""

    job_id = "7"

    def __init__(self, state: str, value: object = None) -> None:
        self.state, self.value = state, value

    def done(self) -> bool:
        return True

    def task(self, rank: int) -> SimulatedJob:
        assert rank == 0
        return self

    def exception(self) -> Exception | None:
        return None if self.value is not None else RuntimeError("Job has not produced any output")

    def result(self) -> tuple[bool, object]:
        return False, self.value

    def stderr(self) -> str:
        return "slurmstepd: error"


@pytest.mark.parametrize(
    ("state", "status"),
    [("TIMEOUT", "timeout"), ("OUT_OF_MEMORY", "out_of_memory"), ("NODE_FAIL", "failed"), ("CANCELLED by 0", "failed")],
)
def test_the_state_of_a_slurm_job_becomes_a_status(engine: SlurmEngine, state: str, status: str) -> None:
    job = Job(double, (1,), devices=2)
    engine._jobs[job] = SimulatedJob(state)  # type: ignore[assignment]
    (finished,) = engine.wait(0.1)
    failure = failure_of(finished)
    assert (failure.status, "slurmstepd" in failure.output) == (status, True)


def test_a_job_requests_its_resources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    requested: dict[str, object] = {}
    engine = SlurmEngine(tmp_path, 1, threads=4, gpus=1, options={"cluster": "local", "slurm_partition": "long"})
    monkeypatch.setattr(engine._executor, "update_parameters", lambda **options: requested.update(options))
    monkeypatch.setattr(engine._executor, "submit", lambda *_: SimulatedJob("COMPLETED", 1))
    engine.start(Job(double, (1,), limit=100.0, devices=2, nodes=3))
    assert requested == {
        "cpus_per_task": 4, "name": "seqbench", "nodes": 3, "tasks_per_node": 2, "gpus_per_node": 2, "timeout_min": 4,
        "slurm_partition": "long",
    }  # fmt: skip


@pytest.mark.parametrize("options", [{"no_such_parameter": 1}, {"timeout_min": "5"}])
def test_an_option_that_submitit_refuses_is_an_error(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(SeqbenchError, match=f"jobs cannot be submitted to 'local': .*{next(iter(options))}"):
        SlurmEngine(tmp_path, options={"cluster": "local", **options})


def test_an_unknown_cluster_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="jobs cannot be submitted to 'nowhere'"):
        SlurmEngine(tmp_path, options={"cluster": "nowhere"})


def test_a_job_that_slurm_refuses_is_an_error(engine: SlurmEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("sbatch: error: QOSMaxSubmitJobPerUserLimit")

    monkeypatch.setattr(engine._executor, "submit", refuse)
    with pytest.raises(SeqbenchError, match="Slurm refuses a job: sbatch: error: QOSMax"):
        engine.start(Job(double, (1,)))


def test_a_missing_submitit_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(SeqbenchError, match=r"needs submitit; install it with `pip install 'seqbench\[slurm\]'`"):
        SlurmEngine(tmp_path)
