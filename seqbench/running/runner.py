"""Run a configuration: train, validate, test once, and write the record."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

import torch

from seqbench.models import build, scored_metrics
from seqbench.models.module import SequenceModule
from seqbench.models.weights import count_parameters
from seqbench.protocol import run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.identity import source_changes
from seqbench.protocol.run_folder import Existing
from seqbench.running import nearest_run, provenance, trainer
from seqbench.running.attempt import Attempt, Run, is_first_process
from seqbench.running.callbacks.checkpoints import load_checkpoint
from seqbench.running.loggers import logger_table, wandb_files
from seqbench.running.parameter_matching import describe_match
from seqbench.utils import atomic_files, screen
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.number_format import counted

__all__ = ["Run", "is_first_process", "run"]

logger = logging.getLogger(__name__)


def run(config: RunConfig, runs: Path = Path("runs"), existing: Existing = "error") -> Run:
    """Train, validate, test once, and write the record.

    A run that diverges, fails or is interrupted leaves a record too. Only errors before the start of training are
    raised.

    Args:
        config: configuration of the run.
        runs: folder in which the run's own folder is created.
        existing: treatment of an earlier run of this configuration; ``resume`` returns it if it is finished.

    Raises:
        SeqbenchError: a logger is not installed, the folder cannot be written, holds an earlier run or is in use
            (``run_folder.BusyError``), or the module cannot be built.
    """
    logger_table.check_loggers(config.loggers)
    folder = config.folder(runs)
    # Every process returns here; otherwise the other processes would wait for the first one.
    finished = run_folder.finished_record(folder, existing)
    if finished is not None:
        return Run(finished, folder)
    if config.trainer.threads:
        torch.set_num_threads(config.trainer.threads)
    if existing == "resume":
        _check_checkpoint(folder / run_folder.LAST)
        # The plan of a sweep says it for all cells.
        if not config.labels.sweep and (reason := nearest_run.explain_new_start(config, runs)):
            logger.info(reason)
    _check_sources(config)
    module = build.build_module(config)
    if module.data is not None:
        scored_metrics.require_metrics(module.data, module.objective, config.card.metric)
    with trainer.silence_lightning(), contextlib.nullcontext() if is_first_process() else screen.hide_messages():
        _log_size(config, module)
        attempt = Attempt(config, folder, module)
        if not is_first_process():
            return attempt.run()
        with run_folder.lock_folder(folder):
            # Another process may have finished the run while the module was built.
            finished = run_folder.finished_record(folder, existing)
            if finished is not None:
                return Run(finished, folder)
            if existing == "overwrite":
                wandb_files.remove_offline_files(runs, run_folder.read_or_create_wandb_id(folder))
            run_folder.count_attempt(folder)
            run_folder.remove_leftovers(folder, existing == "overwrite")
            atomic_files.write_text(folder / run_folder.CONFIG, provenance.to_yaml(config.options_to_repeat()))
            return attempt.run()


def _check_sources(config: RunConfig) -> None:
    """Check that this process has imported the source that the digest of the configuration covers.

    A cell of a sweep imports the architecture in a process of its own, some time after the sweep was planned.

    Raises:
        SeqbenchError: a file was edited in the meantime.
    """
    entries = [entry for entry in (config.arch_entry, config.encoder_entry) if entry is not None]
    present = {entry.name: entry.file_digests() for entry in entries if entry.name in config.class_files}
    source_changes.require_planned_files(config.class_files, present)


def _check_checkpoint(path: Path) -> None:
    """Check that a run can be resumed, before its folder is changed.

    Raises:
        SeqbenchError: the last checkpoint exists and cannot be read.
    """
    if not path.is_file():
        return
    try:
        load_checkpoint(path)
    except Exception as error:  # The unpickler raises many kinds of error for a broken file.
        reason = one_line(error, 200)
        raise SeqbenchError(f"{path} cannot be read ({reason}); add --overwrite to start the run anew.") from error


def _log_size(config: RunConfig, module: SequenceModule) -> None:
    """Log the width that was chosen for ``match_params``."""
    if config.match_params:
        count = count_parameters(module)
        logger.info(f"{describe_match(config)}: {counted(count, 'parameter')}")
