"""Train many architectures on many tasks with many seeds; stopped, it goes on where it was."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqbench.cli import parse_options
from seqbench.cli.commands.run import EX_TEMPFAIL
from seqbench.protocol import registry
from seqbench.protocol.cards import TIERS
from seqbench.protocol.config import LOGGERS
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.units import parse_bytes

if TYPE_CHECKING:
    from seqbench.sweep.engines.engine import Engine, Job
    from seqbench.sweep.planning.sweep_plan import Cell, Group, Plan

logger = logging.getLogger(__name__)

ENGINES = ("local", "ray", "slurm")

EPILOG = """\
Dotted options (--optim.steps 500, --trainer.accelerator gpu) hold for all cells, those of --grid for one of each. The
same command, given again, skips what is finished and tries again what failed. Exit status: 0 if every cell
ended ok, 1 if one did not, 130 after Ctrl-C, 75 where a signal ended it.
"""


class _Ended(BaseException):
    """SIGTERM: the sweep was asked to end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What is run, how, and where."""
    parser.epilog = EPILOG
    names = {"arch": registry.ARCHITECTURES, "task": registry.TASKS}
    for option, group in names.items():
        made = parser.add_argument(f"--{option}", metavar="NAME,...", required=True, help=f"{option}s, by comma")
        made.completer = lambda group=group, **_: list(registry.list_entries(group))  # type: ignore[attr-defined]
    parser.add_argument("--seeds", metavar="N", help="how many from 0, or which: 5, or 3,4,7 (default: the card's)")
    parser.add_argument("--grid", metavar="OPTION=A,B", action="append", default=[], help="one cell for each value")
    parser.add_argument(
        "--tune", action="store_true", help="first choose the card's best learning rate, on another seed"
    )
    parser.add_argument("--tier", metavar="TIER", help=f"size: one of {', '.join(TIERS)} (default: small)")
    parser.add_argument("--match-params", metavar="NUMBER", help="parameters of every model: 100k, 1.5M")
    parser.add_argument("--encoder", metavar="NAME", help="encoder of a translation (default: as each architecture)")
    parser.add_argument("--logger", metavar="NAME", help=f"one of {', '.join(LOGGERS)} (default: wandb)")
    parser.add_argument("--runs", metavar="FOLDER", type=Path, default=Path("runs"), help="where runs are kept")
    parser.add_argument(
        "--engine", metavar="NAME", default="local", help=f"one of {', '.join(ENGINES)} (default: local)"
    )
    parser.add_argument(
        "--engine-option", metavar="KEY=VALUE", action="append", default=[], help="of ray.init, or of submitit"
    )
    parser.add_argument("--workers", metavar="N", type=int, help="cells at once (default: one for each core, or GPU)")
    parser.add_argument("--limit", metavar="TIME", help="end a cell after 90s, 30m, 2h or none (default: by the tier)")
    parser.add_argument("--memory", metavar="SIZE", help="most data of one cell: 500M, 4G (engine local)")
    parser.add_argument("--retries", metavar="N", type=int, default=0, help="tries more for a cell that failed")
    parser.add_argument("--no-probe", action="store_true", help="estimate no times")
    parser.add_argument("--dry-run", action="store_true", help="show the cells and their times, and run none")


def main(options: argparse.Namespace) -> int:
    """Plan, run, and tell."""
    if options.engine not in ENGINES:
        raise SeqbenchError(f"unknown engine '{options.engine}'.{did_you_mean(options.engine, ENGINES)}")
    if options.retries < 0:
        raise SeqbenchError(f"--retries must not be negative, got {options.retries}.")
    if options.workers is not None and options.workers < 1:
        raise SeqbenchError(f"--workers must be at least 1, got {options.workers}.")
    options.limit, options.grid = parse_options.parse_time_limit(options.limit), parse_options.parse_grid(options.grid)
    options.engine_option = parse_options.parse_pairs(options.engine_option, "--engine-option")
    options.memory = parse_bytes(options.memory, "--memory") if options.memory else None
    given = [*options.grid, *(word.partition("=")[0].removeprefix("--") for word in options.rest)]
    if options.tune and "optim.lr" in given:
        raise SeqbenchError("--tune chooses optim.lr from the card's grid; leave out the one that is given.")
    with contextlib.ExitStack() as opened:
        try:
            opened.enter_context(_sigterm())
            plan = _plan(options)
            engine = _engine(options, plan)
            opened.callback(engine.close)
            return _run(options, plan, engine)
        except KeyboardInterrupt:
            logger.info("seqbench: stopped; the same command goes on.")
            return 130
        except _Ended:
            logger.info("seqbench: stopped by SIGTERM; the same command goes on.")
            return EX_TEMPFAIL


def _plan(options: argparse.Namespace) -> Plan:
    """The plan, made in a worker where there are some: this process then does without torch for all its life."""
    archs, tasks, seeds = (
        parse_options.parse_names(options.arch),
        parse_options.parse_names(options.task),
        parse_options.parse_seeds(options.seeds),
    )
    for group, names in ((registry.ARCHITECTURES, archs), (registry.TASKS, tasks)):
        for name in names:
            registry.find_entry(group, name)
    given = {key: getattr(options, key) for key in ("tier", "match_params", "encoder", "logger")}
    given = {key: value for key, value in given.items() if value is not None}

    from seqbench.sweep.engines import local_engine
    from seqbench.sweep.planning import sweep_plan

    asked = (given, options.rest, archs, tasks, seeds, options.grid, options.runs)
    if options.engine != "local":
        return sweep_plan.build_plan(*asked)
    local_engine.start_fork_server()
    made: Plan = local_engine.call_in_worker(sweep_plan.build_plan, *asked)
    return made


def _engine(options: argparse.Namespace, plan: Plan) -> Engine:
    trainer, workers = plan.groups[0].config.trainer, options.workers
    threads = trainer.threads or None
    if options.engine == "local":
        from seqbench.sweep.engines import local_engine

        if options.engine_option:
            raise SeqbenchError("--engine-option is for the engines ray and slurm.")
        gpus = (
            local_engine.call_in_worker(local_engine.count_gpus)
            if trainer.accelerator in ("auto", "gpu", "cuda")
            else 0
        )
        if gpus and options.memory is not None:
            raise SeqbenchError(
                "--memory is for cells on the CPU: CUDA reserves what it never uses; leave it out, or add "
                "--trainer.accelerator cpu."
            )
        return local_engine.LocalEngine(workers, threads, gpus, trainer.processes, options.memory)
    if options.memory is not None:
        instead = {"ray": "Ray's own limits", "slurm": "--engine-option mem_gb=4"}[options.engine]
        raise SeqbenchError(f"--memory is for the engine local; with {options.engine} use {instead}.")
    gpus = int(trainer.accelerator in ("gpu", "cuda"))
    if options.engine == "ray":
        from seqbench.sweep.engines.ray_engine import RayEngine

        return RayEngine(workers, threads, gpus, options.engine_option)
    from seqbench.sweep.engines.slurm_engine import SlurmEngine

    return SlurmEngine(options.runs / "slurm", workers, threads, gpus, options.engine_option)


def _run(options: argparse.Namespace, plan: Plan, engine: Engine) -> int:
    from seqbench.cli import sweep_report as report
    from seqbench.cli.live_progress import LiveProgress
    from seqbench.sweep import summary
    from seqbench.sweep.planning import tuning
    from seqbench.sweep.sweep_runner import SweepRunner

    tunes = options.tune
    if tunes and not tuning.pending_trials(plan):  # All has been tried before: what is left are the seeds.
        plan, tunes = tuning.apply_best_rates(plan), False
        report.print_learning_rates(plan)
    trials = tuning.pending_trials(plan) if tunes else {}
    plan, expected = _estimated(options, plan, engine, trials)
    report.print_plan(plan, {group: len(cells) for group, cells in trials.items()}, expected, engine.slots)
    if options.dry_run:
        return 0
    live = LiveProgress()
    sweep_runner = SweepRunner(engine, lambda cell: _job(cell, options.limit), options.retries, live)
    try:
        if tunes:
            live.what, live.split = "trials", "validation"
            plan, expected = tuning.run_trials(plan, sweep_runner, expected)
            live.close()
            report.print_learning_rates(plan)
            live.what, live.split = "cells", "test"
        cells = plan.cells()
        try:
            state = sweep_runner.run(cells, expected)
        finally:
            live.close()
            # Also of a sweep that was stopped: what there is by now.
            print(report.format_table(summary.summarize_cells(cells)), flush=True)
    finally:
        live.close()
    for problem in tuning.add_tuning_to_records(cells) if options.tune else ():
        logger.info(problem)
    report.print_failures(plan, state)
    return 0 if not plan.refused and set(state.status.values()) <= {"ok"} else 1


def _estimated(
    options: argparse.Namespace, plan: Plan, engine: Engine, trials: Mapping[Group, Sequence[Cell]]
) -> tuple[Plan, dict[Group, float]]:
    """What each kind of cell will take, and the plan without those that turn out not to run."""
    from seqbench.sweep.engines.local_engine import LocalEngine
    from seqbench.sweep.planning import duration_estimate
    from seqbench.sweep.planning.sweep_plan import remove_groups

    to_do = list(dict.fromkeys([*(cell.group for cell in plan.cells() if not cell.finished()), *trials]))
    if options.no_probe or not to_do:
        return plan, {}
    logger.info(f"estimating the time of {len(to_do)} kind{'s' * (len(to_do) != 1)} of cells ...")
    with contextlib.ExitStack() as opened:
        here = engine
        if not isinstance(engine, LocalEngine):  # Where cells run elsewhere, this machine's time is the nearest.
            here = LocalEngine()
            opened.callback(here.close)
        expected, refused = duration_estimate.estimate_durations(to_do, here)
    return remove_groups(plan, refused), expected


def _job(cell: Cell, limit: float | None) -> Job:
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
def _sigterm() -> Iterator[None]:
    def hear(*_: Any) -> None:
        raise _Ended

    earlier = signal.signal(signal.SIGTERM, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier)
