"""The searches of a sweep: the learning rate of each group, and further options of its card, are selected by trials.

The trials use a seed of their own and are compared on validation by the metric that selects weights. The same rule
holds for every architecture of a task, and each record lists the trials (``config.tuning``).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Mapping, Sequence

from seqbench.protocol import run_folder
from seqbench.protocol.search.search_rule import Rung
from seqbench.sweep.planning.group_search import GroupSearch, search_group
from seqbench.sweep.planning.sweep_plan import Cell, Group, Plan
from seqbench.sweep.sweep_runner import SweepRunner
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

Searches = Mapping[Group, GroupSearch]
"""The search of each group whose card has a grid of learning rates."""


def plan_searches(plan: Plan, rungs: tuple[Rung, ...] = (), fixed: Collection[str] = ()) -> dict[Group, GroupSearch]:
    """Return the search of each group whose card has a grid of learning rates.

    Args:
        plan: plan of the sweep.
        rungs: the rungs of the user; empty for those of the cards.
        fixed: dotted names of options that the user sets, which are not tuned.
    """
    searches = {group: search_group(group, plan.runs, rungs, fixed) for group in plan.groups}
    return {group: search for group, search in searches.items() if search is not None}


def run_trials(
    plan: Plan, searches: Searches, runner: SweepRunner, expected_seconds: Mapping[Group, float]
) -> tuple[Plan, dict[Group, float]]:
    """Run the trials of all groups until each search has ended, and select the learning rates.

    The searches do not wait for each other: when the last trial of a rung has ended, the next ones of its group start.

    Args:
        plan: plan of the sweep.
        searches: searches of its groups.
        runner: runs the trials.
        expected_seconds: expected seconds of one whole cell, by group.

    Returns:
        The plan with the selected rates, and the expected seconds by its groups.
    """
    owners: dict[Cell, GroupSearch] = {}

    def next_cells(search: GroupSearch) -> dict[Cell, float | None]:
        cells = [cell for cell in search.pending_cells() if cell not in owners]
        owners.update(dict.fromkeys(cells, search))
        seconds, steps = expected_seconds.get(search.group), search.group.config.optim.steps
        return {cell: None if seconds is None else seconds * cell.config.optim.steps / steps for cell in cells}

    def follow(ended: Cell) -> dict[Cell, float | None]:
        owners[ended].end_trial(ended)
        return next_cells(owners[ended])

    first = {group: next_cells(searches[group]) for group in plan.groups if group in searches}
    rounds = itertools.zip_longest(*first.values())
    known = {cell.group: seconds for some in first.values() for cell, seconds in some.items() if seconds is not None}
    runner.run([cell for cells in rounds for cell in cells if cell], known, follow)
    tuned = apply_best_rates(plan, searches)
    by_name = {group.name: seconds for group, seconds in expected_seconds.items()}
    return tuned, {group: by_name[group.name] for group in tuned.groups if group.name in by_name}


def apply_best_rates(plan: Plan, searches: Searches) -> Plan:
    """Return the plan with the learning rate and the options that the search of each group selects.

    A group is refused if none of its trials has a score. A group whose card has no grid is unchanged.

    Args:
        plan: plan of the sweep.
        searches: searches of its groups, all of which have ended.
    """
    seeds: dict[Group, tuple[int, ...]] = {}
    refused = dict(plan.refused)
    for group in plan.groups:
        search = searches.get(group)
        tuned = group if search is None else search.tuned_group()
        if tuned is None:
            tried = counted(len(search.cells()) if search else 0, "learning-rate trial")
            refused[group.name] = f"no learning rate has a score, after {tried}"
        else:
            seeds[tuned] = plan.seeds[group]
    return Plan(tuple(seeds), seeds, plan.runs, refused, plan.notes)


def add_tuning_to_records(cells: Sequence[Cell]) -> list[str]:
    """Add the trials to the records of cells that were finished before the trials took place.

    The digest of a run does not cover the trials, so the runs stay the same.

    Returns:
        A message for each record that could not be written.
    """
    problems = []
    for cell in cells:
        record = cell.record()
        if cell.config.tuning is None or record is None or record.config.tuning == cell.config.tuning:
            continue
        try:
            with run_folder.lock_folder(cell.folder):
                # A rate beyond the card's grid departs from the card, unless its trials stand in the record.
                config = record.config.with_values(tuning=cell.config.tuning.to_dict(), modified=cell.config.modified())
                dataclasses.replace(record, config=config).write(cell.folder)
        except SeqbenchError as error:
            problems.append(f"the learning-rate trials are missing in the record of {cell.name}: {error}")
    return problems
