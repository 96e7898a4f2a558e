"""The plan of a sweep: its cells, as a function of the requested architectures, tasks, grid and seeds."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seqbench.protocol import cards, records, registry, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.logging_options import parse_loggers
from seqbench.protocol.records import TUNING_SEED
from seqbench.running.loggers import logger_table
from seqbench.sweep.planning import matched_sizes
from seqbench.sweep.planning.plan_request import PlanRequest, Wanted
from seqbench.utils.errors import SeqbenchError

FINISHED_STATUSES = ("ok", "diverged")
"""Statuses of cells that are not run again. A seed that diverged is a result; it would diverge again."""

TIME_LIMITS = {"smoke": 600.0, "small": 9_000.0, "medium": 108_000.0}
"""Default time limit of a cell by tier, in seconds: at least thirty times what a GRU takes. Other tiers have none."""


@dataclass(frozen=True, eq=False)
class Group:
    """Cells that differ only in their seed: one row of the table of a sweep.

    Args:
        config: configuration of one of its cells.
        point: the options that the grid sets, as given by the user: ``arch.num_layers=2``.
    """

    config: RunConfig
    point: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Displayed name: ``gru on copy, arch.num_layers=2``."""
        return ", ".join([f"{self.config.model} on {self.config.card.name}", *self.point])


@dataclass(frozen=True, eq=False)
class Cell:
    """One run of a sweep.

    Args:
        group: the group it belongs to.
        config: resolved configuration of the run.
        runs: folder of all runs.
    """

    group: Group
    config: RunConfig
    runs: Path

    @property
    def folder(self) -> Path:
        """The run folder of the cell."""
        return self.config.folder(self.runs)

    @property
    def name(self) -> str:
        """Displayed name: ``gru on copy, seed 0``."""
        return f"{self.group.name}, seed {self.config.seed}"

    def record(self) -> records.Record | None:
        """Return the record in the run folder; None if there is none or it cannot be read."""
        try:
            return records.read_record(self.folder) if (self.folder / records.NAME).is_file() else None
        except SeqbenchError:  # The cell is run again, which replaces the record.
            return None

    def finished(self) -> bool:
        """Return whether the record says that the cell needs no further run."""
        record = self.record()
        return record is not None and record.status in FINISHED_STATUSES


@dataclass(frozen=True)
class Plan:
    """The groups of a sweep and their seeds.

    Args:
        groups: groups that can be run.
        seeds: seeds of each group.
        runs: folder of all runs.
        refused: reason by name for each group that cannot be run.
        notes: sentences on the whole plan, such as a number of parameters that differs from the requested one.
    """

    groups: tuple[Group, ...]
    seeds: Mapping[Group, tuple[int, ...]]
    runs: Path
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def cells(self) -> list[Cell]:
        """Return the cells in the order in which they start.

        The first seed of every group comes before the second seed of any group, so that a sweep that is stopped early
        still compares all groups.
        """
        rounds = itertools.zip_longest(*(self.seeds[group] for group in self.groups))
        return [
            Cell(group, dataclasses.replace(group.config, seed=seed), self.runs)
            for seeds in rounds
            for group, seed in zip(self.groups, seeds, strict=True)
            if seed is not None
        ]


def build_plan(request: PlanRequest) -> Plan:
    """Resolve the configuration of each group that was requested.

    Raises:
        SeqbenchError: a name is unknown, an option is given twice, two groups are the same run, the seed of the
            learning-rate trials is requested, a logger is not installed, or no group can be run.
    """
    for arch in request.archs:
        registry.find_entry(registry.ARCHITECTURES, arch)
    for task in request.tasks:
        cards.load_card(task).tier(str(request.options.get("tier") or "small"))
    for key in request.grid:
        if any(word.partition("=")[0] == f"--{key}" for word in request.arguments):
            raise SeqbenchError(f"--{key} is given for all cells and in --grid; choose one of the two.")
    logger_table.check_loggers(parse_loggers(str(request.options.get("logger") or "wandb")))
    seeds: dict[Group, tuple[int, ...]] = {}
    refused: dict[str, str] = {}
    names: dict[Path, str] = {}
    wanted = [Wanted(arch, point) for arch in _unique(request.archs) for point in _grid_points(request)]
    notes: list[str] = []
    for task in _unique(request.tasks):
        configs, note = matched_sizes.resolve_task(request, task, wanted)
        notes += [note] if note else []
        for (arch, point), found in configs.items():
            try:
                if isinstance(found, SeqbenchError):
                    raise found
                group = Group(found, point)
            except SeqbenchError as error:
                refused[", ".join([f"{arch} on {task}", *point])] = str(error)
                continue
            if (same := names.setdefault(group.config.folder(request.runs), group.name)) != group.name:
                raise SeqbenchError(f"{group.name} is the same run as {same}; leave one of them out.")
            seeds[group] = tuple(request.seeds or range(group.config.chosen.seeds))
    if not seeds:
        raise SeqbenchError(next(iter(refused.values())))
    if any(TUNING_SEED in numbers for numbers in seeds.values()):
        raise SeqbenchError(f"seed {TUNING_SEED} is reserved for learning-rate trials; choose another.")
    return Plan(tuple(seeds), seeds, request.runs, refused, tuple(notes))


def _grid_points(request: PlanRequest) -> list[tuple[str, ...]]:
    """Return the points of the grid, each as its assignments ``arch.num_layers=2``."""
    return [
        tuple(f"{key}={value}" for key, value in zip(request.grid, values, strict=True))
        for values in itertools.product(*request.grid.values())
    ]


def remove_groups(plan: Plan, refused: Mapping[Group, str]) -> Plan:
    """Return the plan without some groups, whose reasons are added to ``refused``.

    Raises:
        SeqbenchError: no group is left.
    """
    seeds = {group: numbers for group, numbers in plan.seeds.items() if group not in refused}
    if not seeds:
        raise SeqbenchError(next(iter(refused.values())))
    reasons = {group.name: reason for group, reason in refused.items()}
    return Plan(tuple(seeds), seeds, plan.runs, {**plan.refused, **reasons}, plan.notes)


def is_running(cell: Cell) -> bool:
    """Return whether a process holds the lock of the cell's run folder; no file is created."""
    return cell.folder.is_dir() and run_folder.is_locked(cell.folder)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
