from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from seqbench.running.callbacks.curve import DivergedError
from seqbench.running.callbacks.stopping import HANDLED_SIGNALS, Stopped, Stopping

MODULE: Any = None


class FakeTrainer(SimpleNamespace):
    """A Trainer of one process that counts the checkpoints it writes."""

    def __init__(self, global_step: int) -> None:
        super().__init__(global_step=global_step, world_size=1, saved=0, error=None)

    def save_checkpoint(self, path: Path) -> None:
        if self.error is not None:
            raise self.error
        self.saved += 1


def trainer(step: int) -> Any:
    return FakeTrainer(step)


@pytest.fixture
def stopping(tmp_path: Path) -> Iterator[Stopping]:
    callback = Stopping(tmp_path / "last.ckpt", validate_every=10)
    with callback.handle_signals():
        yield callback


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", HANDLED_SIGNALS)
def test_outside_training_a_signal_stops_at_once(stopping: Stopping, number: int) -> None:
    with pytest.raises(Stopped) as caught:
        send(number)
    assert caught.value.name == ("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)


def test_in_training_a_signal_waits_for_the_step_and_its_checkpoint(
    stopping: Stopping, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    engine = trainer(3)
    stopping.on_train_start(engine, MODULE)
    send(signal.SIGTERM)
    assert caplog.messages == ["stopping after this step; Ctrl-C again stops at once"]
    with pytest.raises(Stopped, match=str(int(signal.SIGTERM))):
        stopping.on_step_end(engine)
    assert engine.saved == 1


def test_a_second_signal_stops_at_once(stopping: Stopping) -> None:
    stopping.on_train_start(trainer(3), MODULE)
    send(signal.SIGTERM)
    with pytest.raises(Stopped):
        send(signal.SIGUSR1)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)


@pytest.mark.parametrize(("step", "checkpoints"), [(8, 0), (9, 1), (10, 0), (11, 0)])
def test_a_checkpoint_is_saved_one_step_before_a_validation(stopping: Stopping, step: int, checkpoints: int) -> None:
    engine = trainer(step)
    stopping.on_step_end(engine)
    assert engine.saved == checkpoints


def test_a_run_that_diverges_after_a_signal_is_interrupted(stopping: Stopping) -> None:
    engine = trainer(9)
    engine.error = DivergedError("loss is nan")
    with pytest.raises(DivergedError):
        stopping.on_step_end(engine)
    stopping.signal = signal.SIGTERM
    with pytest.raises(Stopped):
        stopping.on_step_end(engine)


def test_a_validation_is_left_at_once_and_its_checkpoint_is_finished(stopping: Stopping) -> None:
    engine = trainer(10)
    stopping.on_train_start(engine, MODULE)
    stopping.on_validation_start(engine, MODULE)
    with pytest.raises(Stopped):
        send(signal.SIGTERM)
    stopping.on_validation_end(engine, MODULE)
    send(signal.SIGTERM)
    assert stopping.signal == signal.SIGTERM
    with pytest.raises(Stopped):
        stopping.on_train_end(engine, MODULE)


def test_while_the_record_is_written_a_signal_waits(stopping: Stopping, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "seqbench")
    stopping.defer()
    send(signal.SIGINT)
    assert caplog.messages == ["the run is over and is being written; Ctrl-C again stops at once"]


def test_handlers_are_restored_and_other_threads_keep_theirs(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in HANDLED_SIGNALS]
    callback = Stopping(tmp_path / "last.ckpt", validate_every=10)
    seen: list[object] = []

    def in_a_thread() -> None:
        with callback.handle_signals():
            callback.on_test_start(trainer(1), MODULE)
            seen.extend(signal.getsignal(number) for number in HANDLED_SIGNALS)

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert seen == before
    with callback.handle_signals():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in HANDLED_SIGNALS] == before
