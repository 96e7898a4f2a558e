"""Estimated duration of the cells of a sweep, measured from a few steps of one cell of each group."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from seqbench.protocol.config import RunConfig
from seqbench.sweep.engines.engine import Engine, Job
from seqbench.sweep.planning.sweep_plan import Group
from seqbench.utils.errors import SeqbenchError

PROBE_LIMIT_SECONDS = 120.0
"""Time limit of the measurement of one group, in seconds."""


def estimate_durations(groups: Sequence[Group], engine: Engine) -> tuple[dict[Group, float], dict[Group, str]]:
    """Estimate how long one cell of each group takes, in the workers of an engine.

    Returns:
        Seconds of one cell by group, and for the groups that cannot be run the reason by group. A group whose
        measurement fails for another cause is in neither; its cells will report the error.
    """
    waiting, jobs = deque(groups), dict[Job, Group]()
    seconds: dict[Group, float] = {}
    refused: dict[Group, str] = {}
    while waiting or jobs:
        while waiting and len(jobs) < engine.slots:
            group = waiting.popleft()
            job = Job(estimate_or_refuse, (group.config,), PROBE_LIMIT_SECONDS)
            jobs[job] = group
            engine.start(job)
        for finished in engine.wait(1.0):
            group = jobs.pop(finished.job)
            if isinstance(finished.value, str):
                refused[group] = finished.value
            elif isinstance(finished.value, float):
                seconds[group] = finished.value
    return seconds, refused


def estimate_or_refuse(config: RunConfig) -> float | str:
    """Return the estimated seconds of a run, or the error message of a run that is refused."""
    # Imports torch, which the planning process does not need.
    from seqbench.sweep.planning.step_timing import estimate_seconds

    try:
        return estimate_seconds(config)
    except SeqbenchError as error:
        return str(error)
