"""Call a function for one cell of each group in the workers of an engine, and check which groups can be built."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from seqbench.protocol.config import RunConfig
from seqbench.sweep.engines.engine import Engine, FinishedJob, Job
from seqbench.sweep.planning.sweep_plan import Group
from seqbench.utils.errors import SeqbenchError

LIMIT_SECONDS = 120.0
"""Time limit of the call for one group, in seconds."""


def call_for_groups(
    groups: Sequence[Group], engine: Engine, function: Callable[[RunConfig], object]
) -> dict[Group, FinishedJob]:
    """Call a function with the configuration of each group, as many calls at once as the engine has slots.

    Args:
        groups: the groups.
        engine: executes the calls.
        function: function of a module.

    Returns:
        The finished job of each group, in the order of the groups.
    """
    waiting, jobs = deque(groups), dict[Job, Group]()
    finished: dict[Group, FinishedJob] = {}
    while waiting or jobs:
        while waiting and len(jobs) < engine.slots:
            group = waiting.popleft()
            job = Job(function, (group.config,), LIMIT_SECONDS)
            jobs[job] = group
            engine.start(job)
        for ended in engine.wait(1.0):
            finished[jobs.pop(ended.job)] = ended
    return {group: finished[group] for group in groups}


def find_unbuildable(groups: Sequence[Group], engine: Engine) -> dict[Group, str]:
    """Return the reason for each group whose data or module cannot be built.

    A group whose module is not built within ``LIMIT_SECONDS`` is not refused, because a run has more time.
    """
    reasons: dict[Group, str] = {}
    for group, ended in call_for_groups(groups, engine, build_or_refuse).items():
        if isinstance(ended.value, str) and ended.value:
            reasons[group] = ended.value
        elif ended.failure is not None and ended.failure.status != "timeout":
            reasons[group] = ended.failure.reason
    return reasons


def build_or_refuse(config: RunConfig) -> str:
    """Build the data and the module of a run; return the error message of a run that is refused, otherwise ''."""
    from seqbench.models import build  # Imports torch, which the planning process does not need.

    try:
        build.build_module(config)
    except SeqbenchError as error:
        return str(error)
    return ""
