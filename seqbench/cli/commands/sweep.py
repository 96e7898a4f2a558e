"""Train many architectures on many tasks with many seeds; a stopped sweep is continued by the same command."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from seqbench.cli import table_files
from seqbench.cli.commands.run import EX_TEMPFAIL
from seqbench.cli.sweep_options import SweepOptions, add_sweep_arguments, parse_sweep_options
from seqbench.protocol import registry
from seqbench.utils.number_format import counted

if TYPE_CHECKING:
    from seqbench.sweep.engines.engine import Engine, Job
    from seqbench.sweep.planning.sweep_plan import Cell, Group, Plan

logger = logging.getLogger(__name__)

EPILOG = """\
Dotted options (--optim.steps 500, --trainer.accelerator gpu) apply to all cells; those of --grid differ between cells.
The same command, repeated, skips finished cells, resumes interrupted ones and retries failed ones. Exit status: 0 if
every cell ended ok, 1 if one did not, 130 after Ctrl-C, 75 after SIGTERM.

examples:
  seqbench sweep --arch gru,lstm --task copy,parity --seeds 5     twenty cells
  seqbench sweep --arch my_file:MyNet,gru --task copy --match-params 100k --tune
  seqbench sweep --arch gru --task copy --tune --tune-rungs 1     try every rate of the card in a whole run
  seqbench sweep --arch gru --task copy --grid arch.num_layers=1,2 --grid optim.lr=1e-3,1e-2
  seqbench sweep --arch gru,lstm --task copy --dry-run            show the cells and their time; run none
"""


class _SigtermReceived(BaseException):
    """The process received SIGTERM."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench sweep`` to its parser."""
    parser.epilog = EPILOG
    add_sweep_arguments(parser)


def main(options: argparse.Namespace) -> int:
    """Plan and run a sweep.

    Returns:
        0 if every cell ended ``ok``, 1 if one did not, 130 after Ctrl-C, 75 after SIGTERM.
    """
    sweep = parse_sweep_options(options)

    from seqbench.sweep.engines import engine_choice

    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_raise_on_sigterm())
            plan = _plan_sweep(sweep)
            trainer = plan.groups[0].config.trainer
            engine = engine_choice.build_engine(sweep.engine, trainer, sweep.request.runs)
            stack.callback(engine.close)
            return _run_sweep(sweep, plan, engine)
        except KeyboardInterrupt:
            logger.info("seqbench: stopped by Ctrl-C; repeat the same command to continue.")
            return 130
        except _SigtermReceived:
            logger.info("seqbench: stopped by SIGTERM; repeat the same command to continue.")
            return EX_TEMPFAIL


def _plan_sweep(options: SweepOptions) -> Plan:
    """Return the plan of a sweep.

    With the engine ``local``, a worker makes the plan, so that this process never imports torch.
    """
    request = options.request
    for group, names in ((registry.ARCHITECTURES, request.archs), (registry.TASKS, request.tasks)):
        for name in names:
            registry.find_entry(group, name)

    from seqbench.sweep.engines import local_engine
    from seqbench.sweep.planning import sweep_plan

    if options.engine.name != "local":
        return sweep_plan.build_plan(request)
    local_engine.start_fork_server()
    return local_engine.call_in_worker(sweep_plan.build_plan, request)


def _run_sweep(options: SweepOptions, plan: Plan, engine: Engine) -> int:
    from seqbench.cli import sweep_report
    from seqbench.cli.live_progress import LiveProgress
    from seqbench.sweep.planning import tuning
    from seqbench.sweep.sweep_runner import SweepRunner

    searches = tuning.plan_searches(plan, options.rungs, options.fixed) if options.tune else {}
    budgets = {group: budget for group, search in searches.items() if (budget := search.budget()).trials}
    tried = [cell for search in searches.values() for cell in search.cells()]
    if searches and not budgets:  # An earlier sweep has run all trials.
        plan = tuning.apply_best_rates(plan, searches)
        sweep_report.log_learning_rates(plan)
    plan, expected_seconds = _check_groups(options, plan, engine, list(budgets))
    sweep_report.log_plan(plan, budgets, expected_seconds, engine.slots, tried)
    if options.dry_run:
        _write_table(options, plan)
        return 0
    live = LiveProgress()
    runner = SweepRunner(engine, lambda cell: build_job(cell, options.limit), options.retries, live)
    with contextlib.closing(live):
        if budgets:
            live.noun, live.split = "trials", "validation"
            plan, expected_seconds = tuning.run_trials(plan, searches, runner, expected_seconds)
            live.close()
            sweep_report.log_learning_rates(plan)
            live.noun, live.split = "cells", "test"
        try:
            progress = runner.run(plan.cells(), expected_seconds)
        finally:
            live.close()
            _show_results(options, plan)  # A sweep that is stopped shows the results so far.
    for problem in tuning.add_tuning_to_records(plan.cells()) if options.tune else ():
        logger.info(problem)
    sweep_report.log_failures(plan, progress)
    trials = [cell for group in budgets for cell in searches[group].cells()]
    for hint in sweep_report.viewing_hints([*plan.cells(), *trials]):
        print(hint)
    return 0 if not plan.refused and set(progress.statuses.values()) <= {"ok"} else 1


def _show_results(options: SweepOptions, plan: Plan) -> None:
    """Print the table of the groups, and write the table of the cells if a file is given."""
    from seqbench.cli import sweep_report
    from seqbench.sweep import summary

    print(sweep_report.format_table(summary.summarize_cells(plan.cells())), flush=True)
    _write_table(options, plan)


def _write_table(options: SweepOptions, plan: Plan) -> None:
    if options.out is not None:
        from seqbench.sweep import cell_table

        lines = cell_table.cell_lines(plan.cells(), plan.refused)
        table_files.write_table(lines, options.out)
        logger.info(f"wrote {options.out}: {counted(len(lines), 'line')}")


def _check_groups(
    options: SweepOptions, plan: Plan, engine: Engine, searched: Sequence[Group]
) -> tuple[Plan, dict[Group, float]]:
    """Return the plan without the groups that cannot be run, and the expected seconds of one cell by group.

    Without a probe, the groups are checked in a dry run only: the cells of a sweep report the same errors themselves.

    Args:
        options: options of the sweep.
        plan: plan of the sweep.
        engine: executes the checks if it is local.
        searched: groups with trials to run.
    """
    from seqbench.sweep.engines.local_engine import LocalEngine
    from seqbench.sweep.planning import duration_estimate, group_checks
    from seqbench.sweep.planning.sweep_plan import remove_groups

    groups = list(dict.fromkeys([*(cell.group for cell in plan.cells() if not cell.finished()), *searched]))
    if not groups or not (options.probe or options.dry_run):
        return plan, {}
    with contextlib.ExitStack() as stack:
        if not isinstance(engine, LocalEngine):
            # The time on this machine is the best estimate for cells that run elsewhere.
            engine = LocalEngine()
            stack.callback(engine.close)
        if not options.probe:
            logger.info(f"building one cell of each of {counted(len(groups), 'kind')} ...")
            return remove_groups(plan, group_checks.find_unbuildable(groups, engine)), {}
        logger.info(f"estimating the time of {counted(len(groups), 'kind')} of cells ...")
        estimates = duration_estimate.estimate_durations(groups, engine)
    # The cells of a group whose first steps failed report the error themselves, except in a dry run.
    refused = {**estimates.refused, **(estimates.failed if options.dry_run else {})}
    return remove_groups(plan, refused), estimates.seconds


def build_job(cell: Cell, limit: float | None) -> Job:
    """Return the job of a cell.

    Args:
        cell: the cell.
        limit: time limit in seconds; None for the default of its tier, infinity for no limit.
    """
    from seqbench.sweep.engines.engine import Job
    from seqbench.sweep.planning import sweep_plan
    from seqbench.sweep.workers import run_cell

    seconds = sweep_plan.TIME_LIMITS.get(cell.config.tier) if limit is None else limit
    trainer = cell.config.trainer
    return Job(
        run_cell.run_cell,
        (cell.config, cell.runs.absolute()),
        None if seconds == float("inf") else seconds,
        trainer.processes,
        trainer.num_nodes,
    )


@contextlib.contextmanager
def _raise_on_sigterm() -> Iterator[None]:
    """Raise ``_SigtermReceived`` in the main thread when the process receives SIGTERM."""

    def raise_error(*_: object) -> None:
        raise _SigtermReceived

    earlier = signal.signal(signal.SIGTERM, raise_error)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)
