"""One line for each cell of a sweep: what was run, how it ended, its scores and its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from seqbench.protocol.records import Record
from seqbench.sweep.planning.sweep_plan import Cell

NOT_RUN, REFUSED = "not run", "refused"
"""Statuses of cells without a record: one that has not been run yet, and one that cannot be run."""

CellLine = dict[str, str | int | float | None]
"""Values by the name of the column; None where a value is unknown."""


def cell_lines(cells: Sequence[Cell], refused: Mapping[str, str]) -> list[CellLine]:
    """Return the line of each cell, read from its record, and one line for each group that cannot be run.

    Args:
        cells: the cells, in the order of the table.
        refused: reason by name for each group that cannot be run.
    """
    metrics = dict.fromkeys(name for cell in cells for name in _secondary_metrics(cell, cell.record()))
    lines = [_cell_line(cell, list(metrics)) for cell in cells]
    for name, reason in refused.items():
        lines.append({"cell": name, "status": REFUSED, "reason": reason})
    return lines


def _cell_line(cell: Cell, metrics: Sequence[str]) -> CellLine:
    config, record = cell.config, cell.record()
    line: CellLine = {
        "cell": cell.name,
        "architecture": config.model,
        "task": config.card.name,
        "tier": config.tier,
        "seed": config.seed,
        **{key: value for key, _, value in (assignment.partition("=") for assignment in cell.group.point)},
        "status": record.status if record else NOT_RUN,
        "reason": record.results.reason if record else None,
        "metric": config.card.metric.name,
    }
    scores = record.results.metrics if record else {}
    test = scores.get("test", {}).get(config.card.metric.name)
    validation = scores.get("validation", {}).get(config.card.metric.name)
    return {
        **line,
        "test": test.value if test else None,
        "chance": test.chance if test else None,
        "best": test.best if test else None,
        "validation": validation.value if validation else None,
        **{f"test_{name}": _test_value(record, name) for name in metrics},
        "learning_rate": config.optim.lr,
        "parameters": record.config.parameters if record else None,
        "seconds": record.measured.seconds if record else None,
        "folder": str(cell.folder),
    }


def _secondary_metrics(cell: Cell, record: Record | None) -> list[str]:
    """Return the test metrics of a record that do not decide."""
    names = record.results.metrics.get("test", {}) if record else {}
    return [name for name in names if name != cell.config.card.metric.name]


def _test_value(record: Record | None, metric: str) -> float | None:
    score = record.results.metrics.get("test", {}).get(metric) if record else None
    return score.value if score else None
