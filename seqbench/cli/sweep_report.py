"""Messages and the table of ``seqbench sweep``: the plan before the start, the results at the end."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping, Sequence

from seqbench.cli.text_tables import align_columns
from seqbench.protocol.config import RunConfig
from seqbench.protocol.identity.earlier_sources import describe_earlier_sources
from seqbench.protocol.record_fields import Trial
from seqbench.running import nearest_run
from seqbench.running.loggers import logger_table, wandb_files
from seqbench.running.parameter_matching import describe_match
from seqbench.sweep.planning.group_search import TrialBudget
from seqbench.sweep.planning.sweep_plan import Cell, Group, Plan
from seqbench.sweep.summary import SummaryRow
from seqbench.sweep.sweep_runner import SweepProgress
from seqbench.utils.number_format import counted, format_number
from seqbench.utils.units import format_duration

logger = logging.getLogger(__name__)


def log_plan(
    plan: Plan,
    budgets: Mapping[Group, TrialBudget],
    expected_seconds: Mapping[Group, float],
    slots: int,
    trials: Sequence[Cell] = (),
) -> None:
    """Log a table of the groups, the groups that cannot be run, and the number of cells with their expected time.

    Args:
        plan: plan of the sweep.
        budgets: learning-rate trials to run, by group.
        expected_seconds: expected seconds of one cell, by group; a group may be missing.
        slots: number of cells that run at once.
        trials: the learning-rate trials that are known, which are no earlier runs of another sweep.
    """
    cells = plan.cells()
    to_run = dict.fromkeys(plan.groups, 0)
    for cell in cells:
        to_run[cell.group] += not cell.finished()
    rows = [["cells", "to run", "steps", "batch", "about", ""]]
    for group in plan.groups:
        about = format_duration(expected_seconds[group]) if group in expected_seconds else "?"
        optim = group.config.optim
        figures = [str(to_run[group]), str(optim.steps), str(optim.batch_size)]
        rows.append([group.name, *figures, about, _describe_settings(group.config)])
    logger.info(align_columns(rows))
    for note in plan.notes:
        logger.info(note)
    for name, reason in plan.refused.items():
        logger.info(f"cannot be run: {name}: {reason}")
    for line in _nearest_runs(plan, trials):
        logger.info(line)
    for sentence in dict.fromkeys(describe_earlier_sources(group.config, plan.runs) for group in plan.groups):
        if sentence:
            logger.info(f"{sentence}.")
    whole_runs = {group: budgets[group].whole_runs for group in plan.groups if group in budgets}
    runs = {group: to_run[group] + whole_runs.get(group, 0.0) for group in plan.groups}
    seconds = estimate_total_seconds(runs, expected_seconds, slots)
    about = "" if seconds is None else f"; about {format_duration(seconds)}"
    unfinished = sum(to_run.values())
    number = sum(budgets[group].trials for group in whole_runs)
    cost = f"{sum(whole_runs.values()):.3g}"
    and_trials = f" and usually {counted(number, 'learning-rate trial')} that cost {cost} whole runs" if number else ""
    logger.info(
        f"{counted(len(cells), 'cell')}, {len(cells) - unfinished} finished, {unfinished} to run{and_trials}, "
        f"{slots} at once{about}"
    )


def _nearest_runs(plan: Plan, trials: Sequence[Cell]) -> list[str]:
    """Return a line for each group without any run, with the nearest run that is no run of this sweep."""
    cells = plan.cells()
    own = {cell.folder for cell in (*cells, *trials)}
    lines = []
    for group in plan.groups:
        mine = [cell for cell in cells if cell.group is group]
        if any(cell.folder.exists() for cell in mine):
            continue
        nearest = nearest_run.find_nearest_run(mine[0].config, plan.runs, own)
        others = [one for one in nearest.differences if not one.startswith("seed ")] if nearest else []
        if nearest and others:
            lines.append(f"{group.name}: no earlier run; the nearest is {nearest.describe()}")
    return lines


def estimate_total_seconds(
    runs: Mapping[Group, float], expected_seconds: Mapping[Group, float], slots: int
) -> float | None:
    """Estimate the duration of a sweep.

    Args:
        runs: number of whole runs by group.
        expected_seconds: expected seconds of one run, by group.
        slots: number of runs at once.

    Returns:
        Seconds; None if there is nothing to run, or a group has no estimate.
    """
    pending = {group: count for group, count in runs.items() if count}
    if not pending or any(group not in expected_seconds for group in pending):
        return None
    total = sum(expected_seconds[group] * count for group, count in pending.items())
    # The sweep takes at least as long as its longest run.
    longest = max(expected_seconds[group] for group in pending)
    return max(longest, total / min(slots, max(1.0, sum(pending.values()))))


def log_learning_rates(plan: Plan) -> None:
    """Log the learning rate of each group with the scores of its trials, and whether a better one may lie beyond."""
    for group in plan.groups:
        tuning = group.config.tuning
        if tuning is None or tuning.lr is None:
            continue
        chosen = [f"learning rate {tuning.lr:g}", *(f"{name} {value:g}" for name, value in tuning.options.items())]
        cost = f", {counted(len(tuning.tried), 'trial')} at the cost of {format_number(tuning.cost)} whole runs"
        logger.info(f"{group.name}: {', '.join(chosen)} ({tuning.metric} on validation{cost})")
        for steps in dict.fromkeys(row.steps for row in tuning.tried):
            scores = [_describe_trial(row) for row in tuning.tried if row.steps == steps]
            logger.info(f"  {counted(steps or group.config.optim.steps, 'step')}: {', '.join(scores)}")
        if tuning.bound:
            logger.info(f"  the best rate is the {tuning.bound} that a search may try: a better one may lie beyond it")


def _describe_trial(trial: Trial) -> str:
    words = [f"{trial.lr:g}", *(f"{name} {value:g}" for name, value in trial.options.items())]
    return f"{' '.join(words)}: {trial.status if trial.value is None else format_number(trial.value)}"


def format_table(rows: Sequence[SummaryRow]) -> str:
    """Return a table with a line for each group: the mean test score over its seeds, chance, and the best possible.

    ``s`` is the median duration of its runs in seconds.
    """
    lines = [["cells", "ok", "test metric", "mean", "95 %", "chance", "best", "parameters", "s"]]
    for row in rows:
        lines.append(
            [
                row.group.name,
                f"{row.statuses['ok']}/{sum(row.statuses.values())}",
                row.group.config.card.metric.name,
                format_number(row.mean),
                f"± {row.half_width:.2g}" if row.half_width is not None else "-",
                format_number(row.chance),
                "unknown" if row.values and row.best is None else format_number(row.best),
                f"{row.parameters:,}" if row.parameters else "-",
                f"{statistics.median(row.seconds):.0f}" if row.seconds else "-",
            ]
        )
    return align_columns(lines)


def log_failures(plan: Plan, progress: SweepProgress) -> None:
    """Log each group that could not be run and each cell that did not end ``ok``, with the reason."""
    for name, reason in plan.refused.items():
        logger.info(f"not run: {name}: {reason}")
    for cell, status in progress.statuses.items():
        if status == "refused":
            logger.info(f"not run: {cell.name}: {progress.reasons[cell]}")
        elif status != "ok":
            record = cell.record()
            recorded = record.results.reason if record else None
            logger.info(f"{status}: {cell.name}: {progress.reasons.get(cell) or recorded}; {cell.folder}")


def viewing_hints(cells: Sequence[Cell]) -> list[str]:
    """Return how to see the cells in their loggers: one line for each logger, for W&B only if runs are offline.

    Args:
        cells: all cells of the sweep, trials included.
    """
    loggers, runs = cells[0].config.loggers, cells[0].runs
    records = [record for record in (cell.record() for cell in cells) if record is not None]
    offline = sum(record.measured.wandb is not None and record.measured.wandb.mode == "offline" for record in records)
    hints = [hint for name in loggers if (hint := logger_table.viewing_hint(name, runs))]
    if "wandb" in loggers and offline:
        noun = "run" if offline == 1 else "runs"
        hints.insert(0, f"W&B: {offline} offline {noun}; upload them with `{wandb_files.sync_command(runs)}`")
    return hints


def _describe_settings(config: RunConfig) -> str:
    """Return notes on a group: its matched width, and its options that differ from the card."""
    notes = []
    if config.match_params:
        notes.append(describe_match(config))
    if config.modified():
        notes.append(f"modified: {', '.join(config.modified())}")
    return "; ".join(notes)
