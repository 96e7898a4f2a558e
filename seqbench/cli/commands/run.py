"""Train one architecture on one task, test it once, and write its record."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqbench.cli import run_report
from seqbench.protocol import records, registry, run_folder
from seqbench.protocol.cards import TIERS
from seqbench.protocol.config import LOGGERS, RunConfig
from seqbench.running import run_config, run_request
from seqbench.running.run_request import RunRequest
from seqbench.utils import ranks
from seqbench.utils.errors import SeqbenchError

if TYPE_CHECKING:
    from seqbench.protocol.run_folder import Existing
    from seqbench.running.runner import Run

logger = logging.getLogger(__name__)

EX_TEMPFAIL = 75
"""Of sysexits.h: try again later. What a scheduler is told to requeue a run by that it has preempted."""

EPILOG = """\
Options of the architecture, the task, the optimiser, the body and the trainer are dotted: --arch.num_layers 2,
--task.delay 200, --optim.lr 1e-3, --trainer.devices 2. `seqbench run --arch A --task T --help` lists them all.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The undotted options; dotted ones depend on the architecture and task, and are read by ``options``."""
    parser.epilog = EPILOG
    # Help depends on the chosen architecture and task, so main answers it, not argparse (see main.py).
    parser.add_argument("-h", "--help", action="store_true", help="show this help; with --arch and --task, all of it")
    arch = parser.add_argument("--arch", metavar="NAME", help="architecture, or package.module:Class")
    arch.completer = lambda **_: list(registry.list_entries(registry.ARCHITECTURES))  # type: ignore[attr-defined]
    encoder = parser.add_argument(
        "--encoder", metavar="NAME", help="encoder of a translation (default, or none: as --arch)"
    )
    encoder.completer = lambda **_: list(registry.list_entries(registry.ARCHITECTURES))  # type: ignore[attr-defined]
    task = parser.add_argument("--task", metavar="NAME", help="task")
    task.completer = lambda **_: list(registry.list_entries(registry.TASKS))  # type: ignore[attr-defined]
    tier = parser.add_argument("--tier", metavar="TIER", help=f"size: one of {', '.join(TIERS)} (default: small)")
    tier.completer = lambda **_: list(TIERS)  # type: ignore[attr-defined]
    parser.add_argument("--seed", type=int, help="seed of weights, batches and dropout (default: 0)")
    parser.add_argument("--config", metavar="FILE", type=Path, help="repeat a run: its config.yaml, record or folder")
    parser.add_argument(
        "--match-params", metavar="NUMBER", help="choose arch.d_model for so many parameters: 100k, 1.5M, 100000"
    )
    logger = parser.add_argument("--logger", metavar="NAME", help=f"one of {', '.join(LOGGERS)} (default: wandb)")
    logger.completer = lambda **_: list(LOGGERS)  # type: ignore[attr-defined]
    parser.add_argument("--runs", metavar="FOLDER", type=Path, default=Path("runs"), help="where runs are kept")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with an unfinished run")
    again.add_argument("--overwrite", action="store_true", help="replace an earlier run")
    parser.set_defaults(parser=parser)


def main(options: argparse.Namespace) -> int:
    """Run it; 0 if it ended ``ok``, 130 after Ctrl-C, 75 where a signal asked it to end, else 1."""
    given = _given(options)
    if options.help:
        return _help(options.parser, given)
    config = run_config.resolve_config(RunRequest.from_mapping(given, options.rest))
    if _first():
        _announce(config)

    from seqbench.running import runner  # torch and lightning: only when all that is cheap has been checked.
    from seqbench.running.callbacks.stopping import Stopped

    try:
        existing: Existing = "resume" if options.resume else "overwrite" if options.overwrite else "error"
        run = runner.run(config, options.runs, existing)
    except Stopped as stopped:  # Before training began, or in the midst of writing.
        logger.info(f"seqbench: stopped by {stopped.name}; --resume goes on.")
        return _stopped(stopped.name)
    if runner.is_first_process():
        _tell(run, config)
    if run.record.status == "ok":
        return 0
    return 1 if run.stopped_by is None else _stopped(run.stopped_by)


def _stopped(by: str) -> int:
    return 130 if by == "Ctrl-C" else EX_TEMPFAIL


def _first() -> bool:
    """Whether this is the user's process: those that Lightning starts for more devices run the same command."""
    return ranks.process_rank() == 0


def _announce(config: RunConfig) -> None:
    logger.info(f"{config.name}, tier {config.tier}: {config.optim.steps} steps of {config.optim.batch_size}")
    if config.modified():
        logger.info(f"differs from the card in {', '.join(config.modified())}: it will not rank on leaderboards")


def _tell(run: Run, config: RunConfig) -> None:
    """The table and the path of the record; for a run that did not end well, why and what is left of it."""
    print(run_report.format_report(run.record, config.card))
    print(f"\nrecord: {run.folder / records.NAME}")
    if run.record.status == "ok":
        return
    logger.info(f"seqbench: the run ended as {run.record.status}: {run.record.results['reason']}.")
    for name, what in ((run_folder.ERROR, "the traceback"), (run_folder.LAST, "the last good checkpoint")):
        if (run.folder / name).is_file():
            logger.info(f"{what}: {run.folder / name}")


def _given(options: argparse.Namespace) -> dict[str, Any]:
    """The configuration file's options, overlaid with the command line's."""
    given = run_request.read_options_file(options.config) if options.config else {}
    for key in ("tier", "seed", "match_params", "logger"):
        if getattr(options, key) is not None:
            given[key] = getattr(options, key)
    for key in ("arch", "encoder", "task"):
        name = getattr(options, key)
        if name is None:
            continue
        if key == "encoder" and name == "none":  # As the architecture; a repeated run may have had another.
            given.pop("encoder", None)
            continue
        earlier = given.get(key)
        same = isinstance(earlier, Mapping) and earlier.get("name") == name
        # Options in the file belong to the architecture or task that it names.
        given[key] = earlier if same else name
    return given


def _help(parser: argparse.ArgumentParser, given: Mapping[str, Any]) -> int:
    if given.get("arch") and given.get("task"):
        print(parser.format_help())
        print(run_config.format_help(RunRequest.from_mapping(given)))
    elif given.get("arch") or given.get("task"):
        raise SeqbenchError("give both --arch and --task to see all options, or neither.")
    else:
        print(parser.format_help())
    return 0
