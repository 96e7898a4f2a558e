"""Stop a run on a signal: training ends after the current step, with a checkpoint of this step.

The signals are Ctrl-C, SIGTERM (sent before a preemption), SIGUSR1 and SIGUSR2 (early warnings of schedulers). After a
second signal the run ends at once, and can be resumed from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import lightning.pytorch as L
import torch

from seqbench.running.callbacks.curve import DivergedError
from seqbench.running.training_loop import StepCallback

logger = logging.getLogger(__name__)

HANDLED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that end a run. They are handled here, because otherwise Lightning (on SIGUSR1) or submitit (on SIGUSR2)
would requeue a Slurm job with a checkpoint of an unfinished step."""


class Stopped(BaseException):
    """A signal ended the run. It is not an ``Exception``, so that no ``except Exception`` catches it.

    Args:
        number: number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


class Stopping(StepCallback):
    """End training after the current step if a signal arrives; outside of training, end the run at once.

    The callback also saves a checkpoint one step before each validation. After an interrupted validation, a resumed run
    repeats one step. (If the checkpoint were written between a step and its validation, a resumed run would skip the
    validation.)

    Args:
        path: path of the last checkpoint.
        validate_every: training steps between validations.
    """

    def __init__(self, path: Path, validate_every: int) -> None:
        self.path, self.validate_every = path, validate_every
        self.signal: int | None = None
        self._deferred = False
        self._message = "stopping after this step; Ctrl-C again stops at once"

    @contextlib.contextmanager
    def handle_signals(self) -> Iterator[None]:
        """Handle the signals until the end of the block; Python allows this in the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        earlier = {number: signal.signal(number, self._handle) for number in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def defer(self) -> None:
        """Only store the first signal from now on, because the record of the finished run must still be written."""
        self._deferred = True
        self._message = "the run is over and is being written; Ctrl-C again stops at once"

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGINT:
            raise KeyboardInterrupt  # Lightning then ends the processes that it started.
        if self.signal is not None or not self._deferred:
            raise Stopped(number)
        self.signal = number
        logger.info(self._message)

    def _restore_handlers(self) -> None:
        """Replace the handlers that Lightning has installed, because they may start a broadcast during another one."""
        if threading.current_thread() is threading.main_thread():
            for number in HANDLED_SIGNALS:
                signal.signal(number, self._handle)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Let a signal end training after the current step from now on."""
        self._restore_handlers()
        self._deferred = True

    def on_step_end(self, trainer: L.Trainer) -> None:
        """Save a checkpoint before a stop or a validation, and stop if any process has received a signal.

        Raises:
            Stopped: a process has received a signal.
        """
        validates = trainer.global_step % self.validate_every == 0
        validates_next = (trainer.global_step + 1) % self.validate_every == 0
        number = self._signal_of_any_rank(trainer)
        try:
            if not validates and (number or validates_next):
                trainer.save_checkpoint(self.path)
        except DivergedError:
            # After a signal the run ends as interrupted; the resumed run will diverge again.
            if not number:
                raise
        if number:
            raise Stopped(number)

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Let a signal end the validation at once, because the run can repeat it; with several processes, finish it.

        Raises:
            Stopped: a signal has arrived before, and there is one process.
        """
        self._deferred = trainer.world_size > 1
        if self.signal is not None and not self._deferred:
            raise Stopped(self.signal)

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Let a signal end training after the current step from now on, because a checkpoint is written next."""
        self._deferred = True

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Let a signal end the run at once from now on, because the test can be repeated.

        Raises:
            Stopped: a signal has arrived before, and there is one process.
        """
        self._deferred = False
        if self.signal is not None and trainer.world_size == 1:
            raise Stopped(self.signal)

    def on_test_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Handle signals again, because Lightning installs its handlers before the test too."""
        self._restore_handlers()

    def _signal_of_any_rank(self, trainer: L.Trainer) -> int:
        """Return the number of a signal that any process has received; 0 if there was none."""
        number = self.signal or 0
        if trainer.world_size == 1:
            return number
        numbers = torch.tensor(number, device=trainer.strategy.root_device)
        torch.distributed.all_reduce(numbers, op=torch.distributed.ReduceOp.MAX)
        return int(numbers)
