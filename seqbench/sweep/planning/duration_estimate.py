"""Estimated duration of the cells of a sweep, measured from a few steps of one cell of each group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seqbench.protocol.config import RunConfig
from seqbench.sweep.engines.engine import Engine
from seqbench.sweep.planning.group_checks import call_for_groups
from seqbench.sweep.planning.sweep_plan import Group
from seqbench.utils.errors import SeqbenchError


class Estimates(NamedTuple):
    """What the measurement of one cell of each group shows; a group is in at most one of the three.

    Args:
        seconds: expected seconds of one cell.
        refused: why a run is refused.
        failed: why the first steps failed; the cells of the group will very likely fail as well.
    """

    seconds: dict[Group, float]
    refused: dict[Group, str]
    failed: dict[Group, str]


def estimate_durations(groups: Sequence[Group], engine: Engine) -> Estimates:
    """Estimate how long one cell of each group takes, in the workers of an engine.

    A group whose measurement takes too long is in no part of the result.
    """
    estimates = Estimates({}, {}, {})
    for group, ended in call_for_groups(groups, engine, estimate_or_refuse).items():
        if isinstance(ended.value, str):
            estimates.refused[group] = ended.value
        elif isinstance(ended.value, float):
            estimates.seconds[group] = ended.value
        elif ended.failure is not None and ended.failure.status != "timeout":
            estimates.failed[group] = ended.failure.reason
    return estimates


def estimate_or_refuse(config: RunConfig) -> float | str:
    """Return the estimated seconds of a run, or the error message of a run that is refused."""
    # Imports torch, which the planning process does not need.
    from seqbench.sweep.planning.step_timing import estimate_seconds

    try:
        return estimate_seconds(config)
    except SeqbenchError as error:
        return str(error)
