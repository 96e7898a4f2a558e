"""Train many architectures on many tasks with many seeds; a stopped sweep is continued by the same command."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli import parse_options
from seqbench.cli.commands.run import EX_TEMPFAIL
from seqbench.cli.shell_completion import complete_with, list_architectures, list_tasks
from seqbench.protocol import registry
from seqbench.protocol.choices import LOGGERS, TIERS
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.number_format import counted
from seqbench.utils.units import parse_bytes

if TYPE_CHECKING:
    from seqbench.sweep.engines.engine import Engine, Job
    from seqbench.sweep.planning.sweep_plan import Cell, Group, Plan, PlanRequest

logger = logging.getLogger(__name__)

ENGINES = ("local", "ray", "slurm")

EPILOG = """\
Dotted options (--optim.steps 500, --trainer.accelerator gpu) apply to all cells; those of --grid differ between cells.
The same command, repeated, skips finished cells, resumes interrupted ones and retries failed ones. Exit status: 0 if
every cell ended ok, 1 if one did not, 130 after Ctrl-C, 75 after SIGTERM.

examples:
  seqbench sweep --arch gru,lstm --task copy,parity --seeds 5     twenty cells
  seqbench sweep --arch my_file:MyNet,gru --task copy --match-params 100k --tune
  seqbench sweep --arch gru --task copy --grid arch.num_layers=1,2 --grid optim.lr=1e-3,1e-2
  seqbench sweep --arch gru,lstm --task copy --dry-run            show the cells and their time; run none
"""


class _SigtermReceived(BaseException):
    """The process received SIGTERM."""


@dataclass(frozen=True)
class SweepOptions:
    """The parsed options of ``seqbench sweep``.

    Args:
        request: architectures, tasks, seeds and options of the cells.
        tune: whether to select learning rates first.
        engine: name of the engine.
        engine_options: further options of the engines ray and slurm.
        workers: number of cells at once; None for the engine's default.
        limit: time limit of a cell in seconds; None for the default of its tier, infinity for no limit.
        memory: data that a cell may allocate, in bytes; None for no limit.
        retries: number of times that a failed cell is started again.
        probe: whether to estimate the duration of the cells first.
        dry_run: whether to show the plan only.
    """

    request: PlanRequest
    tune: bool
    engine: str
    engine_options: Mapping[str, object]
    workers: int | None
    limit: float | None
    memory: int | None
    retries: int
    probe: bool
    dry_run: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench sweep`` to its parser."""
    parser.epilog = EPILOG
    arch = parser.add_argument(
        "--arch", metavar="NAME,...", required=True, help="train these architectures, separated by commas (required)"
    )
    complete_with(arch, list_architectures, several=True)
    task = parser.add_argument(
        "--task", metavar="NAME,...", required=True, help="train on these tasks, separated by commas (required)"
    )
    complete_with(task, list_tasks, several=True)
    parser.add_argument(
        "--seeds",
        metavar="N",
        help="use N seeds from 0 (5), or these seeds (3,4,7) (default: the card's number)",
    )
    parser.add_argument(
        "--grid",
        metavar="OPTION=A,B",
        action="append",
        default=[],
        help="run one cell for each value of a dotted option; may be repeated (default: no grid)",
    )
    parser.add_argument(
        "--tune",
        action="store_true",
        help="first select the learning rate from the card's grid, by validation runs on another seed (default: off)",
    )
    parser.add_argument("--tier", metavar="TIER", help=f"use this size: {', '.join(TIERS)} (default: small)")
    parser.add_argument(
        "--match-params",
        metavar="NUMBER",
        help="choose d_model of each model for this number of parameters: 100k, 1.5M (default: d_model of the card)",
    )
    parser.add_argument(
        "--encoder", metavar="NAME", help="use this encoder for translation (default: the architecture itself)"
    )
    parser.add_argument(
        "--logger", metavar="NAME", help=f"log to these, with commas: {', '.join(LOGGERS)} (default: wandb)"
    )
    parser.add_argument(
        "--runs", metavar="FOLDER", type=Path, default=Path("runs"), help="write run folders here (default: runs)"
    )
    parser.add_argument(
        "--engine", metavar="NAME", default="local", help=f"execute cells with {', '.join(ENGINES)} (default: local)"
    )
    parser.add_argument(
        "--engine-option",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="set an option of ray.init or submitit; may be repeated (default: none)",
    )
    parser.add_argument(
        "--workers", metavar="N", type=int, help="run N cells at once (default: one for each core or GPU)"
    )
    parser.add_argument(
        "--limit",
        metavar="TIME",
        help="stop a cell after this time: 90s, 30m, 2h, none (default: smoke 10m, small 2.5h, medium 30h)",
    )
    parser.add_argument(
        "--memory", metavar="SIZE", help="limit the data of a cell on the CPU: 500M, 4G (default: no limit)"
    )
    parser.add_argument(
        "--retries", metavar="N", type=int, default=0, help="start a failed cell again up to N times (default: 0)"
    )
    parser.add_argument(
        "--no-probe", action="store_true", help="do not estimate how long the cells take (default: estimate)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show the cells and their expected time, and run none (default: off)"
    )


def main(options: argparse.Namespace) -> int:
    """Plan and run a sweep.

    Returns:
        0 if every cell ended ``ok``, 1 if one did not, 130 after Ctrl-C, 75 after SIGTERM.
    """
    sweep = parse_sweep_options(options)
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(_raise_on_sigterm())
            plan = _plan_sweep(sweep)
            engine = _build_engine(sweep, plan)
            stack.callback(engine.close)
            return _run_sweep(sweep, plan, engine)
        except KeyboardInterrupt:
            logger.info("seqbench: stopped by Ctrl-C; repeat the same command to continue.")
            return 130
        except _SigtermReceived:
            logger.info("seqbench: stopped by SIGTERM; repeat the same command to continue.")
            return EX_TEMPFAIL


def parse_sweep_options(options: argparse.Namespace) -> SweepOptions:
    """Return the options of ``seqbench sweep`` with their values parsed.

    Raises:
        SeqbenchError: a value is out of range or malformed, or two options exclude each other.
    """
    from seqbench.sweep.planning.sweep_plan import PlanRequest

    if options.engine not in ENGINES:
        raise SeqbenchError(f"unknown engine '{options.engine}'.{did_you_mean(options.engine, ENGINES)}")
    if options.retries < 0:
        raise SeqbenchError(f"--retries must not be negative, got {options.retries}.")
    if options.workers is not None and options.workers < 1:
        raise SeqbenchError(f"--workers must be at least 1, got {options.workers}.")
    limit, grid = parse_options.parse_time_limit(options.limit), parse_options.parse_grid(options.grid)
    engine_options = parse_options.parse_pairs(options.engine_option, "--engine-option")
    memory = parse_bytes(options.memory, "--memory") if options.memory else None
    dotted = [*grid, *(word.partition("=")[0].removeprefix("--") for word in options.rest)]
    if options.tune and "optim.lr" in dotted:
        raise SeqbenchError("--tune selects optim.lr from the card's grid; leave out --tune or optim.lr.")
    undotted = {key: getattr(options, key) for key in ("tier", "match_params", "encoder", "logger")}
    request = PlanRequest(
        archs=parse_options.parse_names(options.arch),
        tasks=parse_options.parse_names(options.task),
        runs=options.runs,
        seeds=parse_options.parse_seeds(options.seeds),
        grid=grid,
        options={key: value for key, value in undotted.items() if value is not None},
        arguments=options.rest,
    )
    return SweepOptions(
        request=request,
        tune=options.tune,
        engine=options.engine,
        engine_options=engine_options,
        workers=options.workers,
        limit=limit,
        memory=memory,
        retries=options.retries,
        probe=not options.no_probe,
        dry_run=options.dry_run,
    )


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

    if options.engine != "local":
        return sweep_plan.build_plan(request)
    local_engine.start_fork_server()
    return local_engine.call_in_worker(sweep_plan.build_plan, request)


def _build_engine(options: SweepOptions, plan: Plan) -> Engine:
    trainer, workers = plan.groups[0].config.trainer, options.workers
    threads = trainer.threads or None
    if options.engine == "local":
        from seqbench.sweep.engines import local_engine

        if options.engine_options:
            raise SeqbenchError("--engine-option is for the engines ray and slurm; leave it out.")
        may_use_gpus = trainer.accelerator in ("auto", "gpu", "cuda")
        gpus = local_engine.call_in_worker(local_engine.count_gpus) if may_use_gpus else 0
        if gpus and options.memory is not None:
            raise SeqbenchError(
                "--memory works on the CPU only, because CUDA reserves much more address space than it uses; leave it "
                "out, or add --trainer.accelerator cpu."
            )
        return local_engine.LocalEngine(workers, threads, gpus, trainer.processes, options.memory)
    if options.memory is not None:
        instead = {"ray": "Ray's own limits", "slurm": "--engine-option mem_gb=4"}[options.engine]
        raise SeqbenchError(f"--memory is for the engine local; with {options.engine} use {instead}.")
    gpus = int(trainer.accelerator in ("gpu", "cuda"))
    if options.engine == "ray":
        from seqbench.sweep.engines.ray_engine import RayEngine

        return RayEngine(workers, threads, gpus, options.engine_options)
    from seqbench.sweep.engines.slurm_engine import SlurmEngine

    return SlurmEngine(options.request.runs / "slurm", workers, threads, gpus, options.engine_options)


def _run_sweep(options: SweepOptions, plan: Plan, engine: Engine) -> int:
    from seqbench.cli import sweep_report
    from seqbench.cli.live_progress import LiveProgress
    from seqbench.sweep import summary
    from seqbench.sweep.planning import tuning
    from seqbench.sweep.sweep_runner import SweepRunner

    trials = tuning.pending_trials(plan) if options.tune else {}
    if options.tune and not trials:  # An earlier sweep has run all trials.
        plan = tuning.apply_best_rates(plan)
        sweep_report.log_learning_rates(plan)
    plan, expected_seconds = _estimate_durations(options, plan, engine, trials)
    counts = {group: len(cells) for group, cells in trials.items()}
    sweep_report.log_plan(plan, counts, expected_seconds, engine.slots)
    if options.dry_run:
        return 0
    live = LiveProgress()
    runner = SweepRunner(engine, lambda cell: build_job(cell, options.limit), options.retries, live)
    with contextlib.closing(live):
        if trials:
            live.noun, live.split = "trials", "validation"
            plan, expected_seconds = tuning.run_trials(plan, runner, expected_seconds)
            live.close()
            sweep_report.log_learning_rates(plan)
            live.noun, live.split = "cells", "test"
        cells = plan.cells()
        try:
            progress = runner.run(cells, expected_seconds)
        finally:
            live.close()
            # A sweep that is stopped shows the results so far.
            print(sweep_report.format_table(summary.summarize_cells(cells)), flush=True)
    for problem in tuning.add_tuning_to_records(cells) if options.tune else ():
        logger.info(problem)
    sweep_report.log_failures(plan, progress)
    for hint in sweep_report.viewing_hints([*cells, *(cell for some in trials.values() for cell in some)]):
        print(hint)
    return 0 if not plan.refused and set(progress.statuses.values()) <= {"ok"} else 1


def _estimate_durations(
    options: SweepOptions, plan: Plan, engine: Engine, trials: Mapping[Group, Sequence[Cell]]
) -> tuple[Plan, dict[Group, float]]:
    """Return the plan without the groups that cannot be run, and the expected seconds of one cell by group."""
    from seqbench.sweep.engines.local_engine import LocalEngine
    from seqbench.sweep.planning import duration_estimate
    from seqbench.sweep.planning.sweep_plan import remove_groups

    groups = list(dict.fromkeys([*(cell.group for cell in plan.cells() if not cell.finished()), *trials]))
    if not options.probe or not groups:
        return plan, {}
    logger.info(f"estimating the time of {counted(len(groups), 'kind')} of cells ...")
    with contextlib.ExitStack() as stack:
        if isinstance(engine, LocalEngine):
            expected_seconds, refused = duration_estimate.estimate_durations(groups, engine)
        else:  # The time on this machine is the best estimate for cells that run elsewhere.
            here = LocalEngine()
            stack.callback(here.close)
            expected_seconds, refused = duration_estimate.estimate_durations(groups, here)
    return remove_groups(plan, refused), expected_seconds


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
