"""``seqbench show RUN``."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.protocol import records, run_folder
from tests.running.stored.folders import write_killed, write_run


def test_a_run_is_shown_with_scores_options_files_and_sample(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run(tmp_path, value=0.75, arch_options={"num_layers": 2}, matched=None)
    (folder / run_folder.SAMPLE).write_text("all answers\x1b[2J are right\n" + "line\n" * 100)
    for path in (folder, folder / records.NAME):
        assert main(["show", str(path)]) == 0
        out = capsys.readouterr().out
        assert "gru on copy, small, seed 0" in out
        assert "arch.num_layers=2" in out
        assert "accuracy *" in out
        assert "checkpoints/best.ckpt" in out
        assert "all answers\ufffd[2J are right" in out
        assert "... (61 more lines)" in out


def test_an_unfinished_and_a_broken_run_are_shown_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed, broken = write_killed(tmp_path), write_run(tmp_path)
    (broken / records.NAME).write_text("{")
    assert main(["show", str(killed)]) == main(["show", str(broken)]) == 0
    out = capsys.readouterr().out
    assert "unfinished: its process ended without writing a record" in out
    assert "broken: " in out


def test_a_folder_without_a_run_is_no_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(tmp_path)]) == 2
    assert "no architecture, task or run is called" in capsys.readouterr().err
