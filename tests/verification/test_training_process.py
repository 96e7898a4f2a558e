"""Training in a process of its own, whose only answer is a file."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from seqbench.protocol import records
from seqbench.utils.errors import SeqbenchError
from seqbench.verification import training_process
from seqbench.verification.record_subject import Subject
from seqbench.verification.training_process import repeat_run, repeat_start
from tests.verification.helpers import resolve


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def subject_of(run: Path) -> Subject:
    return Subject(run, records.read_record(run), 1e-6)


def test_the_start_of_a_run_is_that_of_its_record(run: Path, temporary: Path) -> None:
    start, record = repeat_start(subject_of(run)), records.read_record(run)
    assert start.initial_weights == record.config.initial_weights
    assert start.first_batch == record.config.first_batch
    assert (start.step, start.loss) == (20, record.results.curves.train["loss"][0])
    assert list(temporary.iterdir()) == []


def test_a_second_run_has_the_results_of_the_first(run: Path, temporary: Path) -> None:
    assert repeat_run(subject_of(run)).results == records.read_record(run).results
    assert list(temporary.iterdir()) == []


def test_training_ends_at_the_first_point_of_the_curve(tmp_path: Path) -> None:
    start = training_process.train_first_steps(resolve(), tmp_path)
    assert start.step == 20  # The first validation; without one, after ``curve.POINT_STEPS`` steps.
    assert list(tmp_path.glob("*.ckpt")) == []


class Ended:
    """A process that has ended."""

    stderr = b"Traceback\nValueError: no such net\n\n"

    def __init__(self, returncode: int) -> None:
        self.returncode = returncode


def test_a_process_that_fails_is_a_failure_with_its_last_line(
    run: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: Ended(1))
    with pytest.raises(SeqbenchError, match="has failed: ValueError: no such net"):
        repeat_start(subject_of(run))
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("answer", ["", "[]", '{"initial_weights": 1}', "{" * 10_000])
def test_an_answer_that_is_no_start_is_a_failure(run: Path, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    def leave(command: list[str], **_: Any) -> Ended:
        (Path(command[-1]) / training_process.ANSWER).write_text(answer)
        return Ended(0)

    monkeypatch.setattr(subprocess, "run", leave)
    with pytest.raises(SeqbenchError):
        repeat_start(subject_of(run))


def test_ctrl_c_leaves_no_temporary_files(run: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> Ended:
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", stop)
    with pytest.raises(KeyboardInterrupt):
        repeat_run(subject_of(run))
    assert list(temporary.iterdir()) == []
