"""Stopping when asked: a signal ends a run at the end of its step, with a checkpoint of that very step.

Ctrl-C, SIGTERM (a preemption), SIGUSR1 and SIGUSR2 (a scheduler's early warning) are heard alike. Asked a second
time, a run stops at once, and goes on later from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as L
import torch

from seqbench.running.callbacks.curve import DivergedError

logger = logging.getLogger(__name__)

HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""By SIGUSR1 Lightning would requeue a Slurm job, after a checkpoint in the midst of a step; submitit by SIGUSR2."""


class Stopped(BaseException):
    """A signal asked the run to end. No Exception, so that nothing on the way takes it for an error."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


class Stopping(L.Callback):
    """Notes signals while training, and ends it between two steps; at other times they end the run at once.

    It also saves a checkpoint one step before each validation: a validation that is cut off, however long it took,
    then costs one step. (Of a checkpoint that lies between a step and its validation, Lightning would skip the latter.)

    Args:
        path: the last checkpoint.
        validate_every: optimiser steps between validations.
    """

    def __init__(self, path: Path, validate_every: int) -> None:
        self.path, self.validate_every = path, validate_every
        self.asked: int | None = None
        self._patient = False
        self._waits_for = "stopping after this step; Ctrl-C again stops at once"

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the signals, and give them back at the end. In another thread than the main one nobody can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        earlier = {number: signal.signal(number, self._hear) for number in HEARD}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def be_patient(self) -> None:
        """From here on a first signal is only noted: the run is over, and its record is yet to be written."""
        self._patient = True
        self._waits_for = "the run is over and is being written; Ctrl-C again stops at once"

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # At which Lightning ends the processes that it started.
        if self.asked is not None or not self._patient:
            raise Stopped(number)
        self.asked = number
        logger.info(self._waits_for)

    # Lightning has put handlers of its own before ours, and would begin a broadcast in the midst of another.

    def _take_back(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in HEARD:
                signal.signal(number, self._hear)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """From here on a signal waits for the end of a step."""
        self._take_back()
        self._patient = True

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save what a stop would lose, and stop if any process was asked to."""
        due = trainer.global_step % self.validate_every == 0
        next_due = (trainer.global_step + 1) % self.validate_every == 0
        asked = self._agreed(trainer)
        try:
            if not due and (asked or next_due):
                trainer.save_checkpoint(self.path)
        except DivergedError:
            # Without the signal it would have been noticed later: the resumed run will see to that.
            if not asked:
                raise
        if asked:
            raise Stopped(asked)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Evaluation changes nothing, so it need not come to an end; among several processes all must leave it."""
        self._patient = trainer.world_size > 1
        if self.asked is not None and not self._patient:
            raise Stopped(self.asked)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Its checkpoint, which is written next, is to be whole."""
        self._patient = True

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """What follows can be done again."""
        self._patient = False
        if self.asked is not None and trainer.world_size == 1:
            raise Stopped(self.asked)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """As in validation."""
        self._take_back()

    def _agreed(self, trainer: L.Trainer) -> int:
        """The signal that this process or another has heard; 0 for none."""
        heard = self.asked or 0
        if trainer.world_size == 1:
            return heard
        agreed = torch.tensor(heard, device=trainer.strategy.root_device)
        torch.distributed.all_reduce(agreed, op=torch.distributed.ReduceOp.MAX)
        return int(agreed)
