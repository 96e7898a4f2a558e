from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import torch

import seqbench
from seqbench.protocol.specs import (
    Features,
    Output,
    SequenceClass,
    SequenceSpec,
    StepLabels,
    Tokens,
    TokenSequence,
)
from seqbench.running.callbacks.curve import Curve
from seqbench.running.callbacks.progress import Clock, Progress, count_tokens

MODULE: Any = SimpleNamespace(spec=SequenceSpec(Features(88), StepLabels(88), 20))
BATCH: Any = SimpleNamespace(lengths=torch.tensor([20, 12]), target_lengths=None)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time of ``time.perf_counter``, which a test sets by ``now``."""
    time = SimpleNamespace(now=100.0)
    monkeypatch.setattr("seqbench.running.callbacks.progress.time.perf_counter", lambda: time.now)
    return time


def trainer(step: int) -> Any:
    return SimpleNamespace(global_step=step)


def test_the_clock_does_not_count_validation(clock: SimpleNamespace) -> None:
    callback = Clock()
    callback.on_train_start(trainer(0), MODULE)
    for _ in range(3):
        clock.now += 2
        callback.on_train_batch_end(trainer(1), MODULE, None, BATCH, 0)
    callback.on_validation_start(trainer(3), MODULE)
    clock.now += 50
    callback.on_validation_end(trainer(3), MODULE)
    clock.now += 1
    callback.on_train_end(trainer(3), MODULE)
    assert (callback.seconds, callback.steps, callback.tokens) == (7.0, 3, 96)


def test_a_resumed_clock_continues_from_the_counts_of_the_checkpoint(clock: SimpleNamespace) -> None:
    first, second = Clock(), Clock()
    first.on_train_start(trainer(0), MODULE)
    clock.now += 2
    first.on_train_batch_end(trainer(1), MODULE, None, BATCH, 0)
    second.load_state_dict({**first.counts(), "total": 1000.0})
    assert (second.seconds, second.steps, second.tokens) == (2.0, 1, 32)
    assert second.total >= 1000


def test_the_duration_is_estimated_once(clock: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    callback = Progress(Curve(), total=1000)
    callback.on_train_start(trainer(0), MODULE)
    for step in range(1, 31):
        clock.now += 0.1
        callback.on_train_batch_end(trainer(step), MODULE, None, BATCH, 0)
    (line,) = caplog.messages
    assert line.startswith("estimate: 1 min 3")
    assert line.endswith("at 10 steps/s, plus evaluation")


def test_each_validation_logs_speed_and_time_left(clock: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    curve = Curve()
    callback = Progress(curve, total=300)
    callback.on_train_start(trainer(100), MODULE)
    clock.now += 10
    curve.train = {"step": [200], "loss": [0.25]}
    curve.validation = {"step": [200], "accuracy": [0.5]}
    callback.on_validation_end(trainer(200), MODULE)
    assert caplog.messages == [
        "resumed at step 100 of 300",
        "step 200/300: loss 0.25, validation accuracy 0.5; 10.0 steps/s, 10 s left",
    ]


def test_a_token_is_one_time_step_of_one_sequence_without_padding() -> None:
    module = seqbench.build("gru", "adding", tier="smoke")
    assert module.data is not None
    batch = module.data.stream("train", 0)
    assert batch.inputs.ndim == 3
    assert count_tokens(batch, module) == batch.lengths.sum()
    assert count_tokens(batch, module) <= batch.inputs.shape[0] * batch.inputs.shape[1]


@pytest.mark.parametrize(("output", "tokens"), [(TokenSequence(9, 0, 1, 5), 41), (SequenceClass(2), 32)])
def test_the_targets_of_a_translation_count_as_well(output: Output, tokens: int) -> None:
    batch: Any = SimpleNamespace(lengths=torch.tensor([20, 12]), target_lengths=torch.tensor([4, 5]))
    module: Any = SimpleNamespace(spec=SequenceSpec(Tokens(9), output, 20))
    assert count_tokens(batch, module) == tokens
