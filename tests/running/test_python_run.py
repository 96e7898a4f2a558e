from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path

import pytest
from torch import Tensor, nn

import seqbench
from seqbench.protocol import records
from seqbench.utils.errors import SeqbenchError

TINY = {"name": "copy", "delay": 2, "samples": 64}
SHORT = {"steps": 6, "validate_every": 3}


class SignalsItself(nn.Module):
    """Backbone that sends its own process a signal in its fourth training step."""

    causal = True

    def __init__(self, d_model: int, number: int = int(signal.SIGINT)) -> None:
        super().__init__()
        self.linear, self.number, self.calls = nn.Linear(d_model, d_model), number, 0

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.training and x.requires_grad:
            self.calls += 1
            if self.calls == 4:
                os.kill(os.getpid(), self.number)
        return self.linear(x)


def run(runs: Path, number: int = int(signal.SIGINT), **options: object) -> seqbench.Run:
    arch = {"name": "tests.running.test_python_run:SignalsItself", "d_model": 8, "number": number}
    return seqbench.run(arch, TINY, tier="smoke", optim=SHORT, logger="none", runs=runs, **options)  # type: ignore[arg-type]


def test_ctrl_c_is_raised_again_after_the_record_was_written(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match='stopped by Ctrl-C at step 4 of 6; existing="resume" continues'):
        run(tmp_path)
    (path,) = tmp_path.rglob(records.NAME)
    assert records.read_record(path).status == "interrupted"
    assert (path.parent / "checkpoints" / "last.ckpt").is_file()
    assert run(tmp_path, existing="resume").record.status == "ok"


def test_sigterm_ends_the_program_after_the_record_was_written(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        run(tmp_path, int(signal.SIGTERM))
    assert caught.value.code == 75
    (path,) = tmp_path.rglob(records.NAME)
    assert records.read_record(path).results.reason == "stopped by SIGTERM at step 4 of 6"


def quick_run(runs: Path, **options: object) -> seqbench.Run:
    return seqbench.run("gru", TINY, tier="smoke", optim=SHORT, logger="none", runs=runs, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False), (None, False)])
def test_progress_is_shown_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], progress: bool | None, shown: bool
) -> None:
    quick_run(tmp_path, progress=progress)
    assert ("step 6/6" in capsys.readouterr().err) == shown


def test_progress_is_shown_in_an_interactive_session(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    quick_run(tmp_path)
    assert capsys.readouterr().err.count("step 6/6") == 1


def test_a_program_that_handles_messages_itself_gets_each_once(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    caplog.set_level(logging.INFO, "seqbench")
    quick_run(tmp_path)
    assert "step 6/6" not in capsys.readouterr().err
    assert sum("step 6/6" in message for message in caplog.messages) == 1


def test_an_error_names_the_python_argument(tmp_path: Path) -> None:
    quick_run(tmp_path)
    with pytest.raises(
        SeqbenchError, match=r'--overwrite to replace it. In Python, --overwrite is existing="overwrite"'
    ):
        quick_run(tmp_path)


def test_the_repr_is_one_short_line(tmp_path: Path) -> None:
    finished = quick_run(tmp_path)
    for text in (repr(finished), repr(finished.record)):
        assert "gru on copy, smoke, seed 0: ok, accuracy" in text
        assert "\n" not in text
        assert len(text) < 100 + len(str(tmp_path))
    assert str(finished.folder) in repr(finished)
