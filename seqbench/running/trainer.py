"""Lightning's Trainer as a run needs it; the only room that builds one."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning.pytorch as L
import torch
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from seqbench.protocol.config import RunConfig, TrainerOptions
from seqbench.running.callbacks.checkpoints import AtomicCheckpointIO
from seqbench.utils.errors import SeqbenchError, one_line


def build_trainer(config: RunConfig, folder: Path, callbacks: Sequence[L.Callback], streams: bool) -> L.Trainer:
    """The Trainer of a run, made before the run's folder is touched: its options are the user's and may be wrong.

    Args:
        config: what to run.
        folder: the run's folder.
        callbacks: in the order in which they hear of things.
        streams: whether batches are chunks of long streams.

    Raises:
        SeqbenchError: Lightning refuses the options, or they ask for more processes than there are cores.
    """
    options = config.trainer
    try:
        trainer = L.Trainer(
            accelerator=_accelerator(options.accelerator),
            devices=options.devices,
            num_nodes=options.num_nodes,
            strategy=_strategy(options, streams),
            precision=options.precision,  # type: ignore[arg-type]
            max_steps=config.optim.steps,
            max_epochs=-1,
            val_check_interval=config.optim.validate_every,
            check_val_every_n_epoch=None,
            gradient_clip_val=config.optim.clip or None,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            callbacks=list(callbacks),
            plugins=[AtomicCheckpointIO()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
    # Lightning refuses with several kinds of error.
    except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
        raise SeqbenchError(f"the trainer refuses its options: {one_line(error)}") from error
    cores = os.cpu_count() or 1
    if isinstance(trainer.accelerator, CPUAccelerator) and trainer.num_devices > cores:
        raise SeqbenchError(f"--trainer.devices {trainer.num_devices} asks for more processes than {cores} cores.")
    return trainer


def _strategy(options: TrainerOptions, streams: bool) -> str:
    """Of a stream's chunks only the first starts a net: in the others no gradient reaches a start that it learns."""
    if streams and (options.strategy == "ddp" or (options.strategy == "auto" and options.several)):
        return "ddp_find_unused_parameters_true"
    return options.strategy


def _accelerator(name: str) -> str:
    """``auto`` as CUDA or the CPU: Apple's GPUs lack the float64 that metrics are summed in."""
    return ("gpu" if torch.cuda.is_available() else "cpu") if name == "auto" else name


@contextlib.contextmanager
def silence_lightning() -> Iterator[None]:
    """Lightning's advice is not for our users: the loaders, devices and logs are chosen with care."""
    names = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric")
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
