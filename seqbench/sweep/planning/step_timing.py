"""Estimate the duration of a run by timing a few training steps and evaluation batches in this process."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as L
import torch

from seqbench.models import build
from seqbench.models.module import SequenceModule
from seqbench.protocol.config import RunConfig, TrainerOptions
from seqbench.running import trainer as trainers

Clock = Callable[[], float]
"""A function that returns a time in seconds."""

MAX_SECONDS, MAX_STEPS = 1.5, 40
"""The timed training ends at the first of these limits, in seconds and in steps, but not before its third step."""

EVALUATION_BATCHES = 2
"""Validation batches that are timed."""


class _EnoughSteps(BaseException):
    """Raised to end the timed training. It is not an ``Exception``, so no handler in the training loop catches it."""


class _StepTimer(L.Callback):
    """Records the end of each training step.

    Args:
        clock: returns the time in seconds.

    Attributes:
        times: ends of the steps, by the clock.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.times: list[float] = []

    def on_train_batch_end(self, *_: object) -> None:
        self.times.append(self.clock())
        enough_time = len(self.times) > 2 and self.times[-1] - self.times[0] > MAX_SECONDS
        if len(self.times) >= MAX_STEPS or enough_time:
            raise _EnoughSteps


def estimate_seconds(config: RunConfig, clock: Clock = time.perf_counter) -> float:
    """Estimate the duration of a run on one device: preparation, training and all evaluations, in seconds.

    Only temporary files are written.

    Args:
        config: configuration of the run.
        clock: returns the time in seconds; ``time.process_time`` measures the CPU time of this process instead.

    Raises:
        SeqbenchError: the run is refused.
    """
    start = clock()
    module = build.build_module(config)
    assert module.data is not None
    preparation_seconds = clock() - start
    optim = config.optim
    step_seconds = _time_training_step(config, module, clock)
    batch_seconds = _time_evaluation_batch(module, clock)
    validations = optim.steps // optim.validate_every
    batches = validations * module.data.steps("validation") + sum(map(module.data.steps, module.data.splits("test")))
    return preparation_seconds + optim.steps * step_seconds + batches * batch_seconds


def _time_training_step(config: RunConfig, module: SequenceModule, clock: Clock) -> float:
    """Return the mean seconds of a training step; the first step is slower than the others and not counted."""
    timer = _StepTimer(clock)
    one_device = TrainerOptions(config.trainer.accelerator, precision=config.trainer.precision)
    # So many steps that no validation takes place.
    optim = dataclasses.replace(config.optim, steps=4 * MAX_STEPS, validate_every=4 * MAX_STEPS)
    assert module.data is not None
    with tempfile.TemporaryDirectory() as folder, trainers.silence_lightning():
        config = dataclasses.replace(config, optim=optim, trainer=one_device)
        with contextlib.suppress(_EnoughSteps):
            trainers.build_trainer(config, Path(folder), [timer], module).fit(module)
    return (timer.times[-1] - timer.times[0]) / (len(timer.times) - 1)


@torch.no_grad()
def _time_evaluation_batch(module: SequenceModule, clock: Clock) -> float:
    """Return the mean seconds of a validation batch."""
    assert module.data is not None
    module.eval()
    module.on_validation_start()
    count = min(EVALUATION_BATCHES, module.data.steps("validation"))
    start = clock()
    for index in range(count):
        module.validation_step(module.data.stream("validation", index), index)
    return (clock() - start) / count
