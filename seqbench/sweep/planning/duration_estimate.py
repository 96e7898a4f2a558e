"""How long the cells of each group will take, from a few steps of one: before anything is started."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from seqbench.protocol.config import RunConfig
from seqbench.sweep.engines.engine import Engine, Job
from seqbench.sweep.planning.sweep_plan import Group
from seqbench.utils.errors import SeqbenchError

LIMIT = 120.0
"""Seconds after which a probe is given up."""


def estimate_durations(groups: Sequence[Group], engine: Engine) -> tuple[dict[Group, float], dict[Group, str]]:
    """Seconds of one cell of each group, measured in the engine's workers, and why others cannot be run at all.

    A group whose probe breaks otherwise is in neither: its cells will tell.
    """
    waiting, jobs = deque(groups), dict[Job, Group]()
    found: dict[Group, float] = {}
    refused: dict[Group, str] = {}
    while waiting or jobs:
        while waiting and len(jobs) < engine.slots:
            group = waiting.popleft()
            job = Job(measure_run, (group.config,), LIMIT)
            jobs[job] = group
            engine.start(job)
        for ended in engine.wait(1.0):
            group = jobs.pop(ended.job)
            if isinstance(ended.value, str):
                refused[group] = ended.value
            elif ended.value is not None:
                found[group] = ended.value
    return found, refused


def measure_run(config: RunConfig) -> float | str:
    """In a worker: ``probe.seconds``, or the sentence with which the run is refused."""
    from seqbench.sweep.planning.step_timing import (
        estimate_seconds,  # torch, which the process that plans does without.
    )

    try:
        return estimate_seconds(config)
    except SeqbenchError as error:
        return str(error)
