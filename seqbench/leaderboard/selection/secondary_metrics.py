"""Test metrics that a board shows beside the one that decides: accuracy at greater lengths, chrF with BLEU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqbench.leaderboard.data.checked_records import CheckedRecord, MetricScore
from seqbench.leaderboard.stats import intervals
from seqbench.utils.errors import did_you_mean

Cells = Mapping[str, Mapping[int, CheckedRecord]]
"""The records of a task, by row and seed."""


def find_secondary_metrics(names: Sequence[str], cells: Cells) -> list[dict[str, Any]]:
    """Each of the metrics that some record has, with its chance and its best possible line."""
    found = {name: line for name in names if (line := _line(name, cells)) is not None}
    return [{"metric": name, "chance": line.chance, "best": line.best} for name, line in found.items()]


def secondary_problems(names: Sequence[str], cells: Cells) -> list[str]:
    """The metrics that a board asks for and no record has; none where there is no record to tell."""
    known = {name for seeds in cells.values() for entry in seeds.values() for name in entry.test}
    unknown = [name for name in names if known and name not in known]
    return [f"no record has its secondary metric '{name}'.{did_you_mean(name, known)}" for name in unknown]


def seed_secondary_values(entry: CheckedRecord, shown: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """What one seed has of each metric of ``lines``; a diverged one stands at chance, as in the one that decides."""
    if entry.status == "diverged":
        return {line["metric"]: line["chance"] for line in shown}
    names = (line["metric"] for line in shown)
    return {name: entry.test[name].value if name in entry.test else None for name in names}


def row_secondary_means(
    seeds: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Mean and half of its 95 % interval of each metric, over the seeds that count for the score that decides.

    A metric that one of those seeds lacks has none: a mean over others would be of other runs.

    Args:
        seeds: those of a row, each with its ``value`` and what ``of_seed`` made of it.
        shown: the metrics, of ``lines``.
    """
    found = {}
    for name in (line["metric"] for line in shown):
        values = [seed["secondary"].get(name) for seed in seeds if seed["value"] is not None]
        if values and None not in values:
            spread = intervals.mean_interval(values)
            found[name] = {"mean": spread.mean, "half_width": spread.half_width}
    return found


def _line(name: str, cells: Cells) -> MetricScore | None:
    entries = (entry for seeds in cells.values() for entry in seeds.values())
    return next((entry.test[name] for entry in entries if name in entry.test), None)
