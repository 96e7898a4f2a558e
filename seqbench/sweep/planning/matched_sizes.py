"""Resolve the configurations of a task, and find one number of parameters that fits all its architectures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from seqbench.protocol.config import RunConfig
from seqbench.running import parameter_matching, run_config
from seqbench.running.parameter_matching import NoMatchingSize
from seqbench.running.run_request import RunRequest
from seqbench.sweep.planning.plan_request import PlanRequest, Wanted
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

Resolved = dict[Wanted, RunConfig | SeqbenchError]
"""The configuration of each group, or the error for which it cannot be run."""


def resolve_task(request: PlanRequest, task: str, groups: Sequence[Wanted]) -> tuple[Resolved, str]:
    """Resolve the configuration of each group of a task.

    Args:
        request: the cells that a user requests.
        task: name of the task.
        groups: the groups of each task.

    Returns:
        The configurations, and a sentence if they have another number of parameters than the requested one.

    Raises:
        SeqbenchError: a group cannot have the requested number of parameters, and ``match_nearest`` is not set.
    """
    resolved = {group: _resolve(request, task, group, request.options) for group in groups}
    misses = {group: found for group, found in resolved.items() if isinstance(found, NoMatchingSize)}
    if not misses:
        return resolved, ""
    target = parameter_matching.parse_parameter_count(request.options["match_params"])
    tolerance = parameter_matching.parse_tolerance(request.options.get("match_tolerance"))
    others = [group for group, found in resolved.items() if not isinstance(found, SeqbenchError) or group in misses]
    size = _find_common_size(request, task, others, target, tolerance)
    names = ", ".join(dict.fromkeys(group.arch for group in others))
    fits = f"fits all of {names} on {task} within {100 * tolerance:g} %"
    if size is None:
        raise next(iter(misses.values()))
    if not request.match_nearest:
        first = next(iter(misses.values()))
        raise SeqbenchError(
            f"{str(first).partition('; choose')[0]}; --match-params {size} {fits}; use it, or add --match-nearest, "
            "or a larger --match-tolerance."
        )
    options = {**request.options, "match_params": size}
    for group in others:
        found = _resolve(request, task, group, options)
        if isinstance(found, RunConfig) and found.size_match is not None:
            found = dataclasses.replace(found, size_match=found.size_match.with_values(requested=target))
        resolved[group] = found
    return resolved, f"{task}: {size:,} {fits}; {counted(target, 'parameter')} were requested"


def _resolve(
    request: PlanRequest, task: str, group: Wanted, options: Mapping[str, object]
) -> RunConfig | SeqbenchError:
    arguments = [*request.arguments, *(f"--{assignment}" for assignment in group.point)]
    try:
        return run_config.resolve_config(
            RunRequest.from_mapping({**options, "arch": group.arch, "task": task}, arguments)
        )
    except SeqbenchError as error:
        return error


def _find_common_size(
    request: PlanRequest, task: str, groups: Sequence[Wanted], target: int, tolerance: float
) -> int | None:
    """Return the number of parameters nearest to ``target`` that every group can have; None if there is none.

    Args:
        request: the cells that a user requests.
        task: name of the task.
        groups: the groups that can be run.
        target: the requested number.
        tolerance: largest accepted difference, as a share.
    """
    reachable: list[list[int]] = []
    plain = {key: value for key, value in request.options.items() if not key.startswith("match_")}
    for group in groups:
        config = _resolve(request, task, group, plain)
        if isinstance(config, SeqbenchError):
            return None
        words = [*request.arguments, *(f"--{assignment}" for assignment in group.point)]
        fixed = {word.partition("=")[0].removeprefix("--arch.") for word in words if word.startswith("--arch.")}
        reachable.append(parameter_matching.reachable_sizes(config, target, fixed))
    return choose_common_size(reachable, target, tolerance)


def choose_common_size(reachable: Sequence[Sequence[int]], target: int, tolerance: float) -> int | None:
    """Return the number nearest to ``target`` from which each group has a reachable number within the tolerance.

    Of numbers that are about equally near, the one with the fewest digits is chosen.

    Args:
        reachable: numbers of parameters that each group can have.
        target: the requested number.
        tolerance: largest accepted difference, as a share.

    >>> choose_common_size([[28_000, 31_200], [30_000, 30_900]], 30_000, 0.02)
    31000
    """
    candidates = {rounded for sizes in reachable for size in sizes for rounded in _rounded(size)}
    fitting = [
        number
        for number in candidates
        if all(any(abs(size - number) <= tolerance * number for size in sizes) for sizes in reachable)
    ]

    def distance(number: int) -> tuple[int, int, int]:
        digits = len(str(number).rstrip("0"))
        return round(abs(number - target) / target / 0.01), digits, abs(number - target)

    return min(fitting, key=distance, default=None)


def _rounded(number: int) -> set[int]:
    """Return a number, and the number rounded to two and to three digits."""
    return {number, *(int(float(f"{number:.{digits}e}")) for digits in (1, 2))}
