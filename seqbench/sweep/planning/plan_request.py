"""The cells that a user requests from a sweep, before their options are resolved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Wanted(NamedTuple):
    """One group of cells of a task: an architecture and a point of the grid."""

    arch: str
    point: tuple[str, ...]


@dataclass(frozen=True)
class PlanRequest:
    """The cells that a user requests from a sweep.

    Args:
        archs: names of architectures.
        tasks: names of tasks.
        runs: folder of all runs.
        seeds: seeds of every group; None for as many as the tier of the task's card sets, starting from 0.
        grid: values by dotted option (``arch.num_layers``); each combination of values is a group.
        options: options without a dot, as ``resolve_config`` takes them, but for ``arch``, ``task`` and ``seed``.
        arguments: dotted options of the command line, the same for all cells.
        match_nearest: whether a task takes the nearest number of parameters that fits all its groups, if the
            requested one does not.
    """

    archs: Sequence[str]
    tasks: Sequence[str]
    runs: Path
    seeds: Sequence[int] | None = None
    grid: Mapping[str, Sequence[str]] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    match_nearest: bool = False
