"""What a sweep consists of: architectures x tasks x grid x seeds, as cells; a pure function of what was asked."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqbench.protocol import cards, records, registry, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.records import TUNING_SEED
from seqbench.running import parameter_matching
from seqbench.utils.errors import SeqbenchError

FINISHED_STATUSES = ("ok", "diverged")
"""Statuses with which a cell is done: that a seed diverges is a result, and it would diverge again."""

TIME_LIMITS = {"smoke": 600.0, "small": 9_000.0, "medium": 108_000.0}
"""Seconds after which a cell hangs, by tier: thirty times what a gru takes. A published recipe has none."""


@dataclass(frozen=True, eq=False)
class Group:
    """One row of a sweep's table: cells that differ in their seed alone.

    Args:
        config: of any of them.
        point: the grid's options, as they were given: ``arch.num_layers=2``.
    """

    config: RunConfig
    point: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As it is shown: ``gru on copy, arch.num_layers=2``."""
        return ", ".join([f"{self.config.model} on {self.config.card.name}", *self.point])


@dataclass(frozen=True, eq=False)
class Cell:
    """One run of a sweep."""

    group: Group
    config: RunConfig
    runs: Path

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.config.folder(self.runs)

    @property
    def name(self) -> str:
        """As it is shown."""
        return f"{self.group.name}, seed {self.config.seed}"

    def record(self) -> records.Record | None:
        """What the run has left so far; None for nothing that can be read."""
        try:
            return records.read_record(self.folder) if (self.folder / records.NAME).is_file() else None
        except SeqbenchError:  # It is run anew, and its record replaced.
            return None

    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        record = self.record()
        return record is not None and record.status in FINISHED_STATUSES


@dataclass(frozen=True)
class Plan:
    """Cells in the order in which they are started, and what cannot be run at all, with the reason."""

    groups: tuple[Group, ...]
    seeds: Mapping[Group, tuple[int, ...]]
    runs: Path
    refused: Mapping[str, str] = field(default_factory=dict)

    def cells(self) -> list[Cell]:
        """The first seed of every group, then the second, so that a sweep cut short still compares all."""
        rounds = itertools.zip_longest(*(self.seeds[group] for group in self.groups))
        return [
            cell(group, self.runs, seed=seed)
            for seeds in rounds
            for group, seed in zip(self.groups, seeds, strict=True)
            if seed is not None
        ]


def remove_groups(plan: Plan, refused: Mapping[Group, str]) -> Plan:
    """The plan without groups that turned out not to run.

    Raises:
        SeqbenchError: none is left.
    """
    left = {group: seeds for group, seeds in plan.seeds.items() if group not in refused}
    if not left:
        raise SeqbenchError(next(iter(refused.values())))
    reasons = {group.name: reason for group, reason in refused.items()}
    return Plan(tuple(left), left, plan.runs, {**plan.refused, **reasons})


def cell(group: Group, runs: Path, **changed: Any) -> Cell:
    """A cell of a group; ``changed`` are fields of its configuration."""
    return Cell(group, dataclasses.replace(group.config, **changed), runs)


def build_plan(
    given: Mapping[str, Any],
    arguments: Sequence[str],
    archs: Sequence[str],
    tasks: Sequence[str],
    seeds: Sequence[int] | None,
    grid: Mapping[str, Sequence[str]],
    runs: Path,
) -> Plan:
    """Expand what was asked.

    Args:
        given: as ``sizes.resolve`` takes it, without ``arch``, ``task`` and ``seed``.
        arguments: dotted options, the same for all.
        archs: names of architectures.
        tasks: names of tasks.
        seeds: those of every group; None for as many as the task's tier asks for, from 0.
        grid: values by dotted option (``arch.num_layers``), of which each combination is a group.
        runs: folder of the runs.

    Raises:
        SeqbenchError: a name is unknown, or nothing at all can be run; else what cannot is in ``refused``.
    """
    for arch in archs:
        registry.find_entry(registry.ARCHITECTURES, arch)
    for task in tasks:
        cards.load_card(task).tier(str(given.get("tier") or "small"))
    double = [key for key in grid if any(word.partition("=")[0] == f"--{key}" for word in arguments)]
    if double:
        raise SeqbenchError(f"--{double[0]} is given for all cells and in --grid; choose one of the two.")
    found: dict[Group, tuple[int, ...]] = {}
    refused: dict[str, str] = {}
    named: dict[Path, str] = {}
    for task, arch in itertools.product(_unique(tasks), _unique(archs)):
        for values in itertools.product(*grid.values()):
            point = tuple(f"{key}={value}" for key, value in zip(grid, values, strict=True))
            try:
                config = parameter_matching.resolve_config(
                    {**given, "arch": arch, "task": task}, [*arguments, *(f"--{p}" for p in point)]
                )
            except SeqbenchError as error:
                refused[", ".join([f"{arch} on {task}", *point])] = str(error)
                continue
            group = Group(config, point)
            if (same := named.setdefault(config.folder(runs), group.name)) != group.name:
                raise SeqbenchError(f"{group.name} is the same run as {same}; leave one of them out.")
            found[group] = tuple(seeds) if seeds else tuple(range(config.chosen.seeds))
    if not found:
        raise SeqbenchError(next(iter(refused.values())))
    for chosen in found.values():
        if TUNING_SEED in chosen:
            raise SeqbenchError(f"seed {TUNING_SEED} is the one that learning rates are tuned on; choose another.")
    return Plan(tuple(found), found, runs, refused)


def is_running(cell: Cell) -> bool:
    """Whether some process is at work on the cell: seen without making anything."""
    return cell.folder.is_dir() and run_folder.is_locked(cell.folder)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
