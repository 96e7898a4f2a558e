"""How long a run will take, from a few of its steps: an estimate to plan by, before anything is started."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch

from seqbench.models import build
from seqbench.models.module import SequenceModule
from seqbench.protocol.config import RunConfig, TrainerOptions
from seqbench.running import trainer

SECONDS, STEPS = 1.5, 40
"""Training ends after so long, or so many steps, whichever comes first; after two steps at least."""

BATCHES = 2
"""Batches that are evaluated."""


class _Enough(BaseException):
    """Ends training from within."""


class _Watch(L.Callback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.times.append(time.perf_counter())
        if len(self.times) >= STEPS or (len(self.times) > 2 and self.times[-1] - self.times[0] > SECONDS):
            raise _Enough


def estimate_seconds(config: RunConfig) -> float:
    """Seconds of a whole run: preparation, training, and all its evaluations.

    Measured on one device, in this process; nothing is written but aside.
    """
    start = time.perf_counter()
    module = build.build_module(config)
    assert module.data is not None
    prepared = time.perf_counter() - start
    optim = config.optim
    step = _training_step(config, module)
    batch = _evaluation_batch(module)
    validations = optim.steps // optim.validate_every
    batches = validations * module.data.steps("validation") + sum(map(module.data.steps, module.data.splits("test")))
    return prepared + optim.steps * step + batches * batch


def _training_step(config: RunConfig, module: SequenceModule) -> float:
    watch, one = _Watch(), TrainerOptions(config.trainer.accelerator, precision=config.trainer.precision)
    # Long enough never to come to a validation.
    optim = dataclasses.replace(config.optim, steps=4 * STEPS, validate_every=4 * STEPS)
    with tempfile.TemporaryDirectory() as folder, trainer.silence_lightning():
        assert module.data is not None
        config = dataclasses.replace(config, optim=optim, trainer=one)
        with contextlib.suppress(_Enough):
            trainer.build_trainer(config, Path(folder), [watch], module.data.streaming).fit(module)
    # The first step is slower than all others.
    return (watch.times[-1] - watch.times[0]) / (len(watch.times) - 1)


@torch.no_grad()
def _evaluation_batch(module: SequenceModule) -> float:
    assert module.data is not None
    module.eval()
    module.on_validation_start()
    count = min(BATCHES, module.data.steps("validation"))
    start = time.perf_counter()
    for index in range(count):
        module.validation_step(module.data.stream("validation", index), index)
    return (time.perf_counter() - start) / count
