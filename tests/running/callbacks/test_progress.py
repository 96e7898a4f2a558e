from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from seqbench.running.callbacks import progress
from seqbench.running.callbacks.curve import Curve
from seqbench.running.callbacks.progress import Clock, Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that only moves when it is told to."""
    hands = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: hands.now)
    return hands


def trainer(step: int) -> Any:
    return SimpleNamespace(global_step=step)


BATCH = SimpleNamespace(inputs=SimpleNamespace(numel=lambda: 32))


def test_the_clock_leaves_validation_out(clock: SimpleNamespace) -> None:
    ours, none = Clock(), SimpleNamespace()
    ours.on_train_start(trainer(0), none)  # type: ignore[arg-type]
    for _ in range(3):
        clock.now += 2
        ours.on_train_batch_end(trainer(1), none, None, BATCH, 0)  # type: ignore[arg-type]
    ours.on_validation_start(trainer(3), none)  # type: ignore[arg-type]
    clock.now += 50
    ours.on_validation_end(trainer(3), none)  # type: ignore[arg-type]
    clock.now += 1
    ours.on_train_end(trainer(3), none)  # type: ignore[arg-type]
    assert (ours.seconds, ours.steps, ours.tokens) == (7.0, 3, 96)


def test_the_time_is_estimated_from_the_first_steps_and_once(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    shown = Progress(Curve(), total=1000)
    shown.on_train_start(trainer(0), None)  # type: ignore[arg-type]
    for step in range(1, 31):
        clock.now += 0.1
        shown.on_train_batch_end(trainer(step), None, None, BATCH, 0)  # type: ignore[arg-type]
    (line,) = caplog.messages
    assert line.startswith("estimate: 1 min 3")
    assert line.endswith("at 10 steps/s, plus evaluation")


def test_a_validation_is_a_line_with_speed_and_time_left(
    clock: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    curve = Curve()
    shown = Progress(curve, total=300)
    shown.on_train_start(trainer(100), None)  # type: ignore[arg-type]
    clock.now += 10
    curve.train = {"step": [200], "loss": [0.25]}
    curve.validation = {"step": [200], "accuracy": [0.5]}
    shown.on_validation_end(trainer(200), None)  # type: ignore[arg-type]
    assert caplog.messages == [
        "resumed at step 100 of 300",
        "step 200/300: loss 0.25, validation accuracy 0.5; 10.0 steps/s, 10 s left",
    ]
