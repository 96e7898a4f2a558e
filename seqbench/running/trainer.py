"""Build Lightning's Trainer for a run; no other module of seqbench builds one."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import lightning.pytorch as L
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.accelerators import CPUAccelerator

from seqbench.models.module import SequenceModule
from seqbench.protocol.config import RunConfig, TrainerOptions
from seqbench.protocol.run_trainer import RunTrainer
from seqbench.running.callbacks.checkpoints import AtomicCheckpointIO
from seqbench.running.training_loop import count_batches
from seqbench.utils.errors import SeqbenchError, one_line

LIGHTNING_LOGGERS = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric")


def build_trainer(
    config: RunConfig, folder: Path, callbacks: Sequence[L.Callback], module: SequenceModule | None
) -> RunTrainer:
    """Return the Trainer of a run; no file is written, so that wrong options leave the folder unchanged.

    Args:
        config: configuration of the run.
        folder: the run's folder.
        callbacks: callbacks in the order of their calls.
        module: the module that the Trainer will train or evaluate; None for a Trainer that only states device and
            precision.

    Raises:
        SeqbenchError: Lightning refuses the options, or there would be more processes than cores.
    """
    options = config.trainer
    try:
        trainer = RunTrainer(
            accelerator=_accelerator(options.accelerator),
            devices=options.devices,
            num_nodes=options.num_nodes,
            strategy=_strategy(options, module),
            precision=options.precision,  # type: ignore[arg-type]  # Lightning checks the text.
            max_steps=config.optim.steps,
            max_epochs=-1,
            val_check_interval=config.optim.validate_every,
            check_val_every_n_epoch=None,
            # Lightning does not clip where the module decides when its optimisers step; see ``SequenceModule.clip``.
            gradient_clip_val=(config.optim.clip or None) if module and module.automatic_optimization else None,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            callbacks=list(callbacks),
            plugins=[AtomicCheckpointIO()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=folder,
        )
    # Lightning raises any of these for options that it refuses.
    except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
        raise SeqbenchError(f"the trainer refuses its options: {one_line(error)}") from error
    count_batches(trainer)
    cores = os.cpu_count() or 1
    if isinstance(trainer.accelerator, CPUAccelerator) and trainer.num_devices > cores:
        raise SeqbenchError(f"--trainer.devices {trainer.num_devices} asks for more processes than {cores} cores.")
    return trainer


def _strategy(options: TrainerOptions, module: SequenceModule | None) -> str:
    """Return the strategy that shares the work among devices.

    Only the first chunk of a stream starts from the initial state. In other chunks a learned initial state has no
    gradient, so DDP must search for unused parameters. A module with training of its own may use a part of its
    parameters in each step, such as one of two networks.
    """
    if module is None:
        return options.strategy
    streaming = module.data is not None and module.data.streaming
    some_unused = streaming or type(module) is not SequenceModule
    if some_unused and (options.strategy == "ddp" or (options.strategy == "auto" and options.several)):
        return "ddp_find_unused_parameters_true"
    return options.strategy


def _accelerator(name: str) -> str:
    """Return ``gpu`` or ``cpu`` for ``auto``; Apple's GPUs are not chosen, because metrics are summed in float64."""
    return ("gpu" if torch.cuda.is_available() else "cpu") if name == "auto" else name


@contextlib.contextmanager
def silence_lightning() -> Iterator[None]:
    """Hide Lightning's messages and warnings, which concern settings that users cannot set, until the block ends."""
    loggers = [logging.getLogger(name) for name in LIGHTNING_LOGGERS]
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
