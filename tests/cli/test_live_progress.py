from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from seqbench.cli import live_progress
from seqbench.cli.live_progress import LiveProgress
from seqbench.sweep.sweep_runner import SweepProgress
from tests.sweep.helpers import build_small_plan, write_record


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_line_for_an_ended_cell_has_its_score_and_the_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = build_small_plan(tmp_path).cells()
    write_record(first, value=0.75, seconds=61.0)
    progress = SweepProgress(2, statuses={first: "ok"}, reasons={first: None}, running={second: time.monotonic()})
    LiveProgress()(progress, first)
    expected = f"[1/2] {first.name}: test accuracy 0.75 in 1 min 1 s (1 running, 0 waiting, 0 failed)\n"
    assert capsys.readouterr().err == expected


def test_a_failed_cell_has_its_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    LiveProgress()(SweepProgress(1, statuses={cell: "failed"}, reasons={cell: "exit status 3"}), cell)
    assert f"{cell.name}: failed: exit status 3 (0 running, 0 waiting, 1 failed)" in capsys.readouterr().err


def test_a_locked_cell_is_reported_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    live, progress = LiveProgress(), SweepProgress(1, locked={cell: 0.0})
    live(progress, None)
    live(progress, None)
    assert capsys.readouterr().err == f"{cell.name}: another process runs it; waiting for it to end\n"
    assert live_progress.describe_progress(progress) == "0 running, 0 waiting, 0 failed, 1 in another process"


def test_trials_show_their_validation_score(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    write_record(cell)
    progress = SweepProgress(1, statuses={cell: "ok"}, reasons={cell: None})
    assert live_progress.describe_result(progress, cell, "validation") == "validation accuracy 0.5 in 1 s"


def test_the_remaining_time_is_part_of_the_progress(tmp_path: Path) -> None:
    plan = build_small_plan(tmp_path)
    progress = SweepProgress(2, expected_seconds={plan.groups[0]: 30.0})
    progress.waiting.extend(plan.cells())
    assert live_progress.describe_progress(progress) == "0 running, 2 waiting, 0 failed, 1 min 0 s left"


def test_a_terminal_shows_a_bar_until_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    write_record(cell)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    live = LiveProgress()
    live(SweepProgress(1), None)
    assert "0/1 cells |" in terminal.getvalue()
    live(SweepProgress(1, statuses={cell: "ok"}, reasons={cell: None}), cell)
    live.close()
    shown = terminal.getvalue()
    assert f"[1/1] {cell.name}: test accuracy 0.5 in 1 s\n" in shown
    live.close()
    assert terminal.getvalue() == shown
