"""What a sweep says before it begins and when it has ended."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from seqbench.cli.text_tables import align_columns
from seqbench.protocol.config import RunConfig
from seqbench.sweep.planning.sweep_plan import Group, Plan
from seqbench.sweep.summary import Row
from seqbench.sweep.sweep_runner import SweepProgress
from seqbench.utils.number_format import format_number
from seqbench.utils.units import format_duration

logger = logging.getLogger(__name__)


def print_plan(plan: Plan, trials: Mapping[Group, int], expected: Mapping[Group, float], slots: int) -> None:
    """The cells, and the time they will take.

    Args:
        plan: of all cells.
        trials: of learning rates, yet to be run, by group.
        expected: seconds of one cell, by group, as far as is known.
        slots: cells at once.
    """
    cells = plan.cells()
    to_run = dict.fromkeys(plan.groups, 0)
    for cell in cells:
        to_run[cell.group] += not cell.finished()
    rows = [["cells", "to run", "steps", "batch", "about", ""]]
    for group in plan.groups:
        about = format_duration(expected[group]) if group in expected else "?"
        optim = group.config.optim
        figures = [str(to_run[group]), str(optim.steps), str(optim.batch_size)]
        rows.append([group.name, *figures, about, _marks(group.config)])
    logger.info(align_columns(rows))
    for name, reason in plan.refused.items():
        logger.info(f"cannot be run: {name}: {reason}")
    counts = {group: to_run[group] + trials.get(group, 0) for group in plan.groups}
    ahead = {group: count for group, count in counts.items() if count}
    about = ""
    if ahead and all(group in expected for group in ahead):
        # However many run at once, the longest takes its time.
        total = sum(expected[group] * count for group, count in ahead.items())
        longest = max(expected[group] for group in ahead)
        about = f"; about {format_duration(max(longest, total / min(slots, sum(ahead.values()))))}"
    tried, left = sum(trials.values()), sum(to_run.values())
    more = f" and {tried} trials of learning rates" if tried else ""
    all_ = f"{len(cells)} cell{'s' * (len(cells) != 1)}"
    logger.info(f"{all_}, {len(cells) - left} finished, {left} to run{more}, {slots} at once{about}")


def print_learning_rates(plan: Plan) -> None:
    """The learning rate of each group, and what was tried."""
    for group in plan.groups:
        tuning = group.config.tuning
        if tuning:
            tried = ", ".join(f"{row['lr']:g}: {format_number(row['value'])}" for row in tuning["tried"])
            logger.info(f"{group.name}: learning rate {tuning['lr']:g} ({tuning['metric']} on validation: {tried})")


def format_table(rows: Sequence[Row]) -> str:
    """A line for each group: its seeds, and their mean on test between its lines."""
    lines = [["cells", "ok", "test metric", "mean", "95 %", "chance", "best", "parameters", "s"]]
    for row in rows:
        width = f"± {row.half_width:.2g}" if row.half_width is not None else "-"
        best = "unknown" if row.values and row.best is None else format_number(row.best)
        size = f"{row.parameters:,}" if row.parameters else "-"
        took = f"{sum(row.seconds) / len(row.seconds):.0f}" if row.seconds else "-"
        count = f"{row.statuses['ok']}/{sum(row.statuses.values())}"
        metric = row.group.config.card.metric.name
        lines.append(
            [row.group.name, count, metric, format_number(row.mean), width, format_number(row.chance), best, size, took]
        )
    return align_columns(lines)


def print_failures(plan: Plan, state: SweepProgress) -> None:
    """Each cell that has no result, with the reason."""
    for name, reason in plan.refused.items():
        logger.info(f"not run: {name}: {reason}")
    for cell, status in state.status.items():
        if status == "refused":
            logger.info(f"not run: {cell.name}: {state.reason[cell]}")
        elif status != "ok":
            record = cell.record()
            why = state.reason.get(cell) or (record.results["reason"] if record else None)
            logger.info(f"{status}: {cell.name}: {why}; {cell.folder}")


def _marks(config: RunConfig) -> str:
    marks = []
    if config.match_params:
        marks.append(f"d_model {config.arch_options['d_model']} for {config.match_params:,} parameters")
    if config.modified():
        marks.append(f"modified: {', '.join(config.modified())}")
    return "; ".join(marks)
