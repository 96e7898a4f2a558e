"""The costs of a row: medians over its seeds, the range of each cost, and where they were measured."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seqbench.leaderboard.data.checked_records import CheckedRecord

WHOLE = ("parameters", "state_bytes")
"""Costs that are whole numbers."""


@dataclass(frozen=True)
class RowCosts:
    """The costs of a row.

    Args:
        figures: figures by column: medians over the seeds, or texts.
        ranges: lowest and highest seed of each cost that differs between the seeds.
        machines: the machines, each by its processor or else by its device.
        padding: whether the tokens per second of some seed count padding.
    """

    figures: Mapping[str, float | str]
    ranges: Mapping[str, tuple[float, float]]
    machines: Sequence[str]
    padding: bool


def row_costs(records: Sequence[CheckedRecord]) -> RowCosts:
    """Return the costs of a row.

    A median, unlike a mean, is hardly changed by one run that another process slowed down.
    """
    costs = [record.costs for record in records]
    costs += [{"load": record.machine.load} for record in records if record.machine.load is not None]
    figures: dict[str, float | str] = {}
    ranges: dict[str, tuple[float, float]] = {}
    for name in sorted({name for cost in costs for name in cost}):
        values = [cost[name] for cost in costs if name in cost]
        median = statistics.median(values)
        figures[name] = round(median) if name in WHOLE else median
        if min(values) < max(values):
            ranges[name] = min(values), max(values)
    attempts = [record.machine.attempts for record in records if record.machine.attempts is not None]
    search_costs = [record.search.cost for record in records if record.search.cost is not None]
    return RowCosts(
        {
            **figures,
            "lr": ", ".join(f"{rate:g}" for rate in sorted({record.learning_rate for record in records})),
            "tried": max(len(record.search.tried) for record in records),
            "search": _join(record.search.rule for record in records),
            **({"search_cost": max(search_costs)} if search_costs else {}),
            **({"attempts": max(attempts)} if attempts else {}),
            "device": _join(record.machine.device for record in records),
            "processor": _join(record.machine.processor for record in records),
            "distribution": _join(map(distribution_name, records)),
        },
        ranges,
        sorted({_machine_name(record) for record in records} - {""}),
        any(record.counts_padding for record in records),
    )


def distribution_name(record: CheckedRecord) -> str:
    """Return the package that offers a record's architecture, with its version."""
    return f"{record.distribution} {record.distribution_version}".strip() or "by its path"


def _machine_name(record: CheckedRecord) -> str:
    machine = record.machine
    return ", ".join(dict.fromkeys(filter(None, (machine.processor, machine.device))))


def _join(texts: Iterable[str]) -> str:
    return "; ".join(sorted(set(texts) - {""}))
