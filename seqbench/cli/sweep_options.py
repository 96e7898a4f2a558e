"""The options of ``seqbench sweep`` with their values parsed, and errors that name the right way to write them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli import parse_options
from seqbench.cli.shell_completion import complete_with, list_architectures, list_tasks
from seqbench.cli.table_files import check_table_path
from seqbench.protocol.choices import KEPT, LOGGERS, TIERS
from seqbench.protocol.search.search_rule import Rung, parse_rungs
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.units import parse_bytes

if TYPE_CHECKING:
    from seqbench.sweep.engines.engine_choice import EngineRequest
    from seqbench.sweep.planning.plan_request import PlanRequest

ENGINES = ("local", "ray", "slurm")


@dataclass(frozen=True)
class SweepOptions:
    """The parsed options of ``seqbench sweep``.

    Args:
        request: architectures, tasks, seeds and options of the cells.
        tune: whether to select learning rates first.
        rungs: rungs of the searches of learning rates; empty for those of the cards.
        fixed: dotted names of options that the user sets, which are not tuned.
        engine: the engine and its options.
        limit: time limit of a cell in seconds; None for the default of its tier, infinity for no limit.
        retries: number of times that a failed cell is started again.
        probe: whether to estimate the duration of the cells first.
        dry_run: whether to show the plan only.
        out: file for a table with a line for each cell; None for no file.
    """

    request: PlanRequest
    tune: bool
    rungs: tuple[Rung, ...]
    fixed: tuple[str, ...]
    engine: EngineRequest
    limit: float | None
    retries: int
    probe: bool
    dry_run: bool
    out: Path | None


def add_sweep_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench sweep`` to its parser."""
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
        help="use N seeds from 0 (5), or these seeds (3,4,7 or 1-3) (default: the card's number)",
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
        help="first search the learning rate, from the card's grid on, by runs on another seed (default: off)",
    )
    parser.add_argument(
        "--tune-rungs",
        metavar="SHARE:N,...",
        help="for --tune, try the best N rates with these shares of the steps (default: the card's, or 0.2,0.5:3,1:1)",
    )
    parser.add_argument("--tier", metavar="TIER", help=f"use this size: {', '.join(TIERS)} (default: small)")
    parser.add_argument(
        "--match-params",
        metavar="NUMBER",
        help="choose d_model, and heads or layers where no width fits, for this number of parameters: 100k, 1.5M",
    )
    parser.add_argument(
        "--match-tolerance",
        metavar="SHARE",
        help="accept this difference from --match-params: 5%%, 0.05 (default: 2%%)",
    )
    parser.add_argument(
        "--match-nearest",
        action="store_true",
        help="for each task, use the number nearest to --match-params that fits all architectures (default: refuse)",
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
    keep = parser.add_argument(
        "--keep", metavar="WHICH", help=f"keep these checkpoints of finished runs: {', '.join(KEPT)} (default: all)"
    )
    complete_with(keep, lambda: KEPT)
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
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="write a table with a line for each cell to this file: .csv, .json or .md (default: none)",
    )


def parse_sweep_options(options: argparse.Namespace) -> SweepOptions:
    """Return the options of ``seqbench sweep`` with their values parsed.

    Raises:
        SeqbenchError: a value is out of range or malformed, or two options exclude each other.
    """
    from seqbench.sweep.engines.engine_choice import EngineRequest
    from seqbench.sweep.planning.plan_request import PlanRequest

    if options.engine not in ENGINES:
        raise SeqbenchError(f"unknown engine '{options.engine}'.{did_you_mean(options.engine, ENGINES)}")
    if options.retries < 0:
        raise SeqbenchError(f"--retries must not be negative, got {options.retries}.")
    if options.workers is not None and options.workers < 1:
        raise SeqbenchError(f"--workers must be at least 1, got {options.workers}.")
    if options.out is not None:
        check_table_path(options.out, "--out")
    limit, grid = parse_options.parse_time_limit(options.limit), parse_options.parse_grid(options.grid)
    engine_options = parse_options.parse_pairs(options.engine_option, "--engine-option")
    memory = parse_bytes(options.memory, "--memory") if options.memory else None
    dotted = [*grid, *(word.partition("=")[0].removeprefix("--") for word in options.rest)]
    if options.tune and "optim.lr" in dotted:
        raise SeqbenchError("--tune selects optim.lr from the card's grid; leave out --tune or optim.lr.")
    if options.tune_rungs is not None and not options.tune:
        raise SeqbenchError("--tune-rungs is for --tune; give both, or leave out --tune-rungs.")
    if options.match_nearest and options.match_params is None:
        raise SeqbenchError("--match-nearest is for --match-params; give both, or leave out --match-nearest.")
    keys = ("tier", "match_params", "match_tolerance", "encoder", "logger", "keep")
    undotted = {key: getattr(options, key) for key in keys}
    request = PlanRequest(
        archs=parse_options.parse_names(options.arch),
        tasks=parse_options.parse_names(options.task),
        runs=options.runs,
        seeds=parse_options.parse_seeds(options.seeds),
        grid=grid,
        options={key: value for key, value in undotted.items() if value is not None},
        arguments=options.rest,
        match_nearest=options.match_nearest,
    )
    return SweepOptions(
        request=request,
        tune=options.tune,
        rungs=() if options.tune_rungs is None else parse_rungs(options.tune_rungs, "--tune-rungs"),
        fixed=tuple(dotted),
        engine=EngineRequest(options.engine, engine_options, options.workers, memory),
        limit=limit,
        retries=options.retries,
        probe=not options.no_probe,
        dry_run=options.dry_run,
        out=options.out,
    )
