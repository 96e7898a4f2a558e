"""A Ray cluster of two raylets on this machine."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqbench.sweep.engines import ray_engine as ours
from seqbench.sweep.engines.engine import FinishedJob, Job
from seqbench.sweep.engines.ray_engine import RayEngine
from seqbench.utils.errors import SeqbenchError

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install seqbench[ray]")


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
    made = RayEngine(options={"address": address})
    yield made
    made.close()


def where() -> tuple[str, str]:
    time.sleep(1.0)  # So that one worker cannot do both.
    return ray.get_runtime_context().get_node_id(), str(Path.cwd())


def segfault() -> None:
    ctypes.string_at(0)


def leave() -> None:
    os._exit(3)


def fail() -> None:
    raise RuntimeError("worse than expected")


def sleep() -> None:
    time.sleep(60)


def all_of(engine: RayEngine, jobs: list[Job]) -> dict[Job, FinishedJob]:
    for job in jobs:
        engine.start(job)
    ended: dict[Job, FinishedJob] = {}
    until = time.monotonic() + 90
    while len(ended) < len(jobs) and time.monotonic() < until:
        ended |= {one.job: one for one in engine.wait(1.0)}
    return ended


pytestmark = pytest.mark.slow


def test_jobs_run_on_both_raylets_where_the_command_was_given(engine: RayEngine) -> None:
    assert engine.slots == 2
    jobs = [Job(where, ()), Job(where, ())]
    ended = all_of(engine, jobs)
    answers: list[Any] = [ended[job].value for job in jobs]
    assert len({node for node, _ in answers}) == 2
    assert {folder for _, folder in answers} == {str(Path.cwd())}


def test_deaths_are_told_and_time_is_up(engine: RayEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "GRACE_SECONDS", 2.0)
    jobs = [Job(segfault, ()), Job(leave, ()), Job(fail, ()), Job(sleep, (), limit=1.0)]
    ended = all_of(engine, jobs)
    failures: list[Any] = [ended[job].failure for job in jobs]
    assert [failure.status for failure in failures] == ["failed", "failed", "failed", "timeout"]
    assert failures[0].reason == "the process died while at work"
    assert "worse than expected" in failures[2].output
    assert failures[3].reason == "ended after 1 s, its limit"


def test_stopping_ends_what_runs(engine: RayEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "GRACE_SECONDS", 2.0)
    job = Job(sleep, ())
    engine.start(job)
    time.sleep(2.0)
    start = time.monotonic()
    (ended,) = engine.stop()
    assert time.monotonic() - start < 30
    assert ended.failure is not None
    assert ended.failure.status == "interrupted"


def test_several_processes_are_refused(engine: RayEngine) -> None:
    with pytest.raises(SeqbenchError, match="each cell on one device"):
        engine.start(Job(where, (), devices=2))


def test_no_cluster_and_no_room_are_sentences(address: str) -> None:
    with pytest.raises(SeqbenchError, match="no machine of the Ray cluster has 64 cores"):
        RayEngine(threads=64, options={"address": address})
    ray.shutdown()
    with pytest.raises(SeqbenchError, match="Ray could not be reached"):
        RayEngine(options={"address": "auto", "no_such_option": "1"})
