"""How long a run will take, from a few of its steps: an estimate to plan by, before anything is started."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch

from seqbench import assembly, trainer
from seqbench.config import RunConfig, TrainerOptions
from seqbench.errors import SeqbenchError
from seqbench.module import SequenceModule
from seqbench.sweep.jobs import Engine, Job
from seqbench.sweep.plan import Group

SECONDS, STEPS = 1.5, 40
"""Training ends after so long, or so many steps, whichever comes first; after two steps at least."""

BATCHES = 2
"""Batches that are evaluated."""

LIMIT = 120.0
"""Seconds after which a probe is given up."""


def of_groups(groups: Sequence[Group], engine: Engine) -> tuple[dict[Group, float], dict[Group, str]]:
    """Seconds of one cell of each group, measured in the engine's workers, and why others cannot be run at all.

    A group whose probe breaks otherwise is in neither: its cells will tell.
    """
    waiting, jobs = deque(groups), dict[Job, Group]()
    found: dict[Group, float] = {}
    refused: dict[Group, str] = {}
    while waiting or jobs:
        while waiting and len(jobs) < engine.slots:
            group = waiting.popleft()
            job = Job(probe, (group.config,), LIMIT)
            jobs[job] = group
            engine.start(job)
        for ended in engine.wait(1.0):
            group = jobs.pop(ended.job)
            if isinstance(ended.value, str):
                refused[group] = ended.value
            elif ended.value is not None:
                found[group] = ended.value
    return found, refused


def probe(config: RunConfig) -> float | str:
    """In a worker: ``seconds``, or the sentence with which the run is refused."""
    try:
        return seconds(config)
    except SeqbenchError as error:
        return str(error)


class _Enough(BaseException):
    """Ends training from within."""


class _Watch(L.Callback):
    def __init__(self) -> None:
        self.times: list[float] = []

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        self.times.append(time.perf_counter())
        if len(self.times) >= STEPS or (len(self.times) > 2 and self.times[-1] - self.times[0] > SECONDS):
            raise _Enough


def seconds(config: RunConfig) -> float:
    """Seconds of a whole run: preparation, training, and all its evaluations.

    Measured on one device, in this process; nothing is written but aside.
    """
    start = time.perf_counter()
    module = assembly.build(config)
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
    with tempfile.TemporaryDirectory() as folder, trainer.quiet():
        assert module.data is not None
        config = dataclasses.replace(config, optim=optim, trainer=one)
        with contextlib.suppress(_Enough):
            trainer.make(config, Path(folder), [watch], module.data.streams).fit(module)
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
