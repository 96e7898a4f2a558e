"""Against submitit's executor of this machine; what Slurm itself would say is played."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path
from typing import Any

import pytest

from seqbench.sweep.engines.engine import FinishedJob, Job
from seqbench.sweep.engines.slurm_engine import SlurmEngine
from seqbench.utils.errors import SeqbenchError

pytest.importorskip("submitit", reason="submitit is not installed: pip install seqbench[slurm]")
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


def all_of(engine: SlurmEngine, jobs: list[Job]) -> dict[Job, FinishedJob]:
    ended: dict[Job, FinishedJob] = {}
    until = time.monotonic() + 60
    while len(ended) < len(jobs) and time.monotonic() < until:
        ended |= {one.job: one for one in engine.wait(1.0)}
    return ended


def test_jobs_answer_or_say_how_they_died(engine: SlurmEngine) -> None:
    jobs = [Job(double, (21,)), Job(segfault, ()), Job(fail, ())]
    for job in jobs:
        engine.start(job)
    ended = all_of(engine, jobs)
    assert (ended[jobs[0]].value, ended[jobs[0]].failure) == (42, None)
    failures: list[Any] = [ended[job].failure for job in jobs[1:]]
    assert [failure.status for failure in failures] == ["failed", "failed"]
    assert "without an answer" in failures[0].reason
    assert "worse than expected" in failures[1].output


def test_a_job_ends_when_its_time_is_up(engine: SlurmEngine) -> None:
    job = Job(sleep, (), limit=1.0)
    engine.start(job)
    ended = all_of(engine, [job])[job]
    assert ended.failure is not None
    assert (ended.failure.status, ended.failure.reason) == ("timeout", "ended after 1 s, its limit")


def test_stopping_cancels_what_runs(engine: SlurmEngine) -> None:
    job = Job(sleep, ())
    engine.start(job)
    time.sleep(1.0)
    start = time.monotonic()
    (ended,) = engine.stop()
    assert time.monotonic() - start < 30
    assert ended.job is job
    assert ended.failure is not None


class Played:
    """A job of Slurm's as submitit tells of it."""

    job_id = "7"

    def __init__(self, state: str, answer: Any = None) -> None:
        self.state, self.answer = state, answer

    def done(self) -> bool:
        return True

    def task(self, rank: int) -> Played:
        assert rank == 0
        return self

    def exception(self) -> Exception | None:
        return None if self.answer is not None else RuntimeError("Job has not produced any output")

    def result(self) -> Any:
        return False, self.answer

    def stderr(self) -> str:
        return "slurmstepd: error"


@pytest.mark.parametrize(
    ("state", "status"),
    [("TIMEOUT", "timeout"), ("OUT_OF_MEMORY", "out_of_memory"), ("NODE_FAIL", "failed"), ("CANCELLED by 0", "failed")],
)
def test_what_slurm_says_of_a_job_becomes_its_status(engine: SlurmEngine, state: str, status: str) -> None:
    job = Job(double, (1,), devices=2)
    engine._jobs[job] = Played(state)
    (ended,) = engine.wait(0.1)
    assert ended.failure is not None
    assert (ended.failure.status, "slurmstepd" in ended.failure.output) == (status, True)


def test_resources_are_asked_for(engine: SlurmEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}
    engine = SlurmEngine(tmp_path, 1, threads=4, gpus=1, options={"cluster": "local", "slurm_partition": "long"})
    monkeypatch.setattr(engine._executor, "update_parameters", lambda **given: asked.update(given))
    monkeypatch.setattr(engine._executor, "submit", lambda *_: Played("COMPLETED", 1))
    engine.start(Job(double, (1,), limit=100.0, devices=2, nodes=3))
    assert asked == {
        "cpus_per_task": 4, "name": "seqbench", "nodes": 3, "tasks_per_node": 2, "gpus_per_node": 2, "timeout_min": 4,
        "slurm_partition": "long",
    }  # fmt: skip


def test_refusals_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SeqbenchError, match="jobs cannot be submitted to 'nowhere'"):
        SlurmEngine(tmp_path, options={"cluster": "nowhere"})
    for wrong in ({"no_such_parameter": 1}, {"timeout_min": "5"}):
        with pytest.raises(SeqbenchError, match=f"jobs cannot be submitted to 'local': .*{next(iter(wrong))}"):
            SlurmEngine(tmp_path, options={"cluster": "local", **wrong})
    engine = SlurmEngine(tmp_path, options={"cluster": "local"})

    def full(*_: Any) -> None:
        raise RuntimeError("sbatch: error: QOSMaxSubmitJobPerUserLimit")

    monkeypatch.setattr(engine._executor, "submit", full)
    with pytest.raises(SeqbenchError, match="Slurm refuses a job: sbatch: error: QOSMax"):
        engine.start(Job(double, (1,)))
    monkeypatch.setitem(__import__("sys").modules, "submitit", None)
    with pytest.raises(SeqbenchError, match=r"needs submitit; install it with `pip install seqbench\[slurm\]`"):
        SlurmEngine(tmp_path)
