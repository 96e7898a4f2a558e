"""Train one architecture on one task, evaluate it once on the test split, and write its record."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli import dry_run, parse_options, run_report
from seqbench.cli.shell_completion import complete_with, list_architectures, list_tasks
from seqbench.protocol import records, run_folder
from seqbench.protocol.choices import KEPT, LOGGERS, TIERS
from seqbench.protocol.config import RunConfig
from seqbench.protocol.identity.earlier_sources import describe_earlier_sources
from seqbench.running import run_config, run_request
from seqbench.running.run_request import RunRequest
from seqbench.utils import ranks
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

if TYPE_CHECKING:
    from seqbench.protocol.run_folder import Existing
    from seqbench.running.runner import Run

logger = logging.getLogger(__name__)

EX_TEMPFAIL = os.EX_TEMPFAIL
"""Exit status after a signal, 75 ("try again later"): a scheduler may requeue the run."""

EPILOG = """\
Options of the architecture, the task, the optimizer, the body, the trainer and the W&B run have a dot:
--arch.num_layers 2, --task.delay 200, --optim.lr 1e-3, --trainer.devices 2, --wandb.project NAME.
`seqbench run --arch A --task T --help` lists all of them.

examples:
  seqbench run --arch gru --task copy                        train, test once, and write a record
  seqbench run --arch gru --task copy --tier smoke           the same in about 20 seconds
  seqbench run --arch lstm --task copy --task.delay 100 --arch.num_layers 2 --seed 1
  seqbench run --arch my_file:MyNet --task parity --dry-run  show the model, its size and the time; train nothing
  seqbench run --arch gru --task copy --resume               continue a run that was stopped
  seqbench run --config runs/copy/gru/small-s0-1a2b3c4d --runs again      repeat a run
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options without a dot; the dotted ones depend on the architecture and the task."""
    parser.epilog = EPILOG
    # The help depends on the architecture and the task, so main() prints it, not argparse (see cli/main.py).
    parser.add_argument(
        "-h", "--help", action="store_true", help="show this help; with --arch and --task also the dotted options"
    )
    arch = parser.add_argument("--arch", metavar="NAME", help="train this architecture, or package.module:Class")
    encoder = parser.add_argument(
        "--encoder", metavar="NAME", help="use this encoder for translation (default, or none: the architecture itself)"
    )
    for action in (arch, encoder):
        complete_with(action, list_architectures)
    complete_with(parser.add_argument("--task", metavar="NAME", help="train on this task"), list_tasks)
    tier = parser.add_argument("--tier", metavar="TIER", help=f"use this size: {', '.join(TIERS)} (default: small)")
    complete_with(tier, lambda: TIERS)
    parser.add_argument(
        "--seed", type=parse_options.parse_seed, help="seed weights, batches and dropout with this number (default: 0)"
    )
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        help="repeat a run from its config.yaml, its record or its folder; with --runs OTHER, or --overwrite",
    )
    parser.add_argument(
        "--match-params",
        metavar="NUMBER",
        help="choose arch.d_model, and heads or layers where no width fits, for this number of parameters: 100k, 1.5M",
    )
    parser.add_argument(
        "--match-tolerance",
        metavar="SHARE",
        help="accept this difference from --match-params: 5%%, 0.05 (default: 2%%)",
    )
    log = parser.add_argument(
        "--logger", metavar="NAME", help=f"log to these, with commas: {', '.join(LOGGERS)} (default: wandb)"
    )
    complete_with(log, lambda: LOGGERS)
    parser.add_argument(
        "--runs", metavar="FOLDER", type=Path, default=Path("runs"), help="write the run folder here (default: runs)"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would run, its size and its time, and run nothing"
    )
    keep = parser.add_argument(
        "--keep", metavar="WHICH", help=f"keep these checkpoints of a finished run: {', '.join(KEPT)} (default: all)"
    )
    complete_with(keep, lambda: KEPT)
    existing = parser.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="continue an unfinished run (default: refuse)")
    existing.add_argument("--overwrite", action="store_true", help="replace an earlier run (default: refuse)")
    parser.set_defaults(parser=parser)


def main(options: argparse.Namespace) -> int:
    """Run the experiment.

    Returns:
        0 if it ended ``ok``, 130 after Ctrl-C, 75 after another signal, else 1.
    """
    refuse_several(options)
    merged = merge_options(options)
    if options.help:
        return _print_help(options.parser, merged)
    config = run_config.resolve_config(RunRequest.from_mapping(merged, options.rest))
    if options.dry_run:
        print(dry_run.describe_dry_run(config, options.runs))
        return 0
    if ranks.process_rank() == 0:  # For several devices, Lightning starts the other processes by this command.
        _announce(config, options.runs)

    from seqbench.running import runner  # Imports torch and lightning, after the fast checks.
    from seqbench.running.callbacks.stopping import Stopped

    existing: Existing = "resume" if options.resume else "overwrite" if options.overwrite else "error"
    try:
        run = runner.run(config, options.runs, existing)
    except Stopped as stopped:  # The signal came before training began, or while files were written.
        logger.info(f"seqbench: stopped by {stopped.name}; add --resume to continue.")
        return _signal_status(stopped.name)
    if runner.is_first_process():
        _report(run, config)
    if run.record.status == "ok":
        return 0
    return 1 if run.stopped_by is None else _signal_status(run.stopped_by)


def refuse_several(options: argparse.Namespace) -> None:
    """Check that one architecture and one task are given.

    Raises:
        SeqbenchError: several are given; the message shows the sweep that runs them.
    """
    several = [key for key in ("arch", "task") if "," in (getattr(options, key) or "")]
    if several:
        given = " and ".join(f"--{key} {getattr(options, key)}" for key in several)
        raise SeqbenchError(
            f"`run` trains one architecture on one task, got {given}; for several, use "
            f"`seqbench sweep --arch {options.arch or 'gru'} --task {options.task or 'copy'}`."
        )


def _signal_status(name: str) -> int:
    return 130 if name == "Ctrl-C" else EX_TEMPFAIL


def _announce(config: RunConfig, runs: Path) -> None:
    budget = f"{counted(config.optim.steps, 'step')} of {config.optim.batch_size}"
    logger.info(f"{config.name}, tier {config.tier}: {budget}")
    if config.modified():
        logger.info(f"differs from the card in {', '.join(config.modified())}: it will not rank on leaderboards")
    if earlier := describe_earlier_sources(config, runs):
        logger.info(f"{earlier}.")


def _report(run: Run, config: RunConfig) -> None:
    """Print the table of scores and the path of the record; log why a run did not end ``ok``."""
    print(run_report.format_report(run.record, config.card))
    print(f"\nrecord: {run.folder / records.NAME}")
    for hint in run.hints:
        print(hint)
    if run.record.status == "ok":
        return
    logger.info(f"seqbench: the run ended as {run.record.status}: {run.record.results.reason}.")
    for name, content in ((run_folder.ERROR, "the traceback"), (run_folder.LAST, "the last good checkpoint")):
        if (run.folder / name).is_file():
            logger.info(f"{content}: {run.folder / name}")
    if run.stopped_by is not None:
        logger.info("add --resume to the command to continue the run.")


def merge_options(options: argparse.Namespace) -> dict[str, object]:
    """Return the options of the configuration file, overridden by those of the command line.

    Raises:
        SeqbenchError: the configuration file cannot be read.
    """
    merged: dict[str, object] = dict(run_request.read_options_file(options.config)) if options.config else {}
    for key in ("tier", "seed", "match_params", "match_tolerance", "logger", "keep"):
        if getattr(options, key) is not None:
            merged[key] = getattr(options, key)
    if options.logger is not None and "wandb" not in options.logger.split(","):
        merged.pop("wandb", None)  # Options in the file belong to the logger that the file names.
    for key in ("arch", "encoder", "task"):
        name = getattr(options, key)
        if name is None:
            continue
        if key == "encoder" and name == "none":  # No separate encoder, whatever the file says.
            merged.pop("encoder", None)
            continue
        in_file = merged.get(key)
        # Options in the file belong to the architecture or task that the file names.
        if not (isinstance(in_file, Mapping) and in_file.get("name") == name):
            merged[key] = name
    return merged


def _print_help(parser: argparse.ArgumentParser, options: Mapping[str, object]) -> int:
    has_arch, has_task = bool(options.get("arch")), bool(options.get("task"))
    if has_arch != has_task:
        raise SeqbenchError("give both --arch and --task to see all options, or neither.")
    print(parser.format_help())
    if has_arch:
        print(run_config.format_help(RunRequest.from_mapping(options)))
    return 0
