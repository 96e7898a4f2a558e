"""The Ray engine on a cluster of two nodes on this machine."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqbench.sweep.engines import ray_engine
from seqbench.sweep.engines.engine import FinishedJob, Job, JobFailure
from seqbench.sweep.engines.ray_engine import RayEngine
from seqbench.utils.errors import SeqbenchError

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'seqbench[ray]'")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()


@pytest.fixture
def engine(address: str) -> Iterator[RayEngine]:
    engine = RayEngine(options={"address": address})
    yield engine
    engine.close()


def node_and_folder() -> tuple[str, str]:
    time.sleep(1.0)  # So long that one worker cannot execute both jobs.
    return ray.get_runtime_context().get_node_id(), str(Path.cwd())


def segfault() -> None:
    ctypes.string_at(0)


def exit_at_once() -> None:
    os._exit(3)


def fail() -> None:
    raise RuntimeError("worse than expected")


def sleep() -> None:
    time.sleep(60)


def run_jobs(engine: RayEngine, jobs: list[Job]) -> dict[Job, FinishedJob]:
    for job in jobs:
        engine.start(job)
    finished: dict[Job, FinishedJob] = {}
    deadline = time.monotonic() + 400  # A busy machine takes minutes to start the workers.
    while len(finished) < len(jobs) and time.monotonic() < deadline:
        finished |= {one.job: one for one in engine.wait(1.0)}
    return finished


def failure_of(finished: FinishedJob) -> JobFailure:
    assert finished.failure is not None
    return finished.failure


@pytest.mark.timeout(600)
def test_jobs_run_on_both_nodes_in_the_folder_of_the_command(engine: RayEngine) -> None:
    assert engine.slots == 2
    jobs = [Job(node_and_folder, ()), Job(node_and_folder, ())]
    finished = run_jobs(engine, jobs)
    values = [finished[job].value for job in jobs]
    pairs = [value for value in values if isinstance(value, tuple)]
    assert len({node for node, _ in pairs}) == 2
    assert {folder for _, folder in pairs} == {str(Path.cwd())}


@pytest.mark.timeout(600)
def test_each_failure_has_a_status_and_a_reason(engine: RayEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "GRACE_SECONDS", 2.0)
    jobs = [Job(segfault, ()), Job(exit_at_once, ()), Job(fail, ()), Job(sleep, (), limit=1.0)]
    finished = run_jobs(engine, jobs)
    failures = [failure_of(finished[job]) for job in jobs]
    assert [failure.status for failure in failures] == ["failed", "failed", "failed", "timeout"]
    assert failures[0].reason == "the process ended without a result"
    assert "worse than expected" in failures[2].output
    assert "after 1 s" in failures[3].reason


def test_stop_ends_a_running_job(engine: RayEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "GRACE_SECONDS", 2.0)
    job = Job(sleep, ())
    engine.start(job)
    time.sleep(2.0)
    start = time.monotonic()
    (finished,) = engine.stop(signal.SIGTERM)
    assert time.monotonic() - start < 30
    assert failure_of(finished).status == "interrupted"


def test_a_job_of_several_devices_is_refused(engine: RayEngine) -> None:
    with pytest.raises(SeqbenchError, match="each cell on one device"):
        engine.start(Job(node_and_folder, (), devices=2))


def test_a_cluster_that_is_too_small_or_missing_is_an_error(address: str) -> None:
    with pytest.raises(SeqbenchError, match="no machine of the Ray cluster has 64 cores"):
        RayEngine(threads=64, options={"address": address})
    ray.shutdown()
    with pytest.raises(SeqbenchError, match="cannot connect to Ray"):
        RayEngine(options={"address": "auto", "no_such_option": "1"})
