"""Cells that take their process with them, and two sweeps on one folder."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from seqbench.cli.main import main
from seqbench.protocol import records
from seqbench.sweep.engines import local_engine
from tests.survival.backbones import OVERLAP
from tests.survival.kills import LONGEST, results
from tests.survival.sweeps import AUDITED, CELLS, SIZES, STEPS, WORDS, Sweep, until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are told from /proc")

HEALTHY = "tests.backbones:CausalMean"


def sweep(runs: Path, *archs: str, words: tuple[str, ...] = ()) -> int:
    chosen = ",".join([*(f"tests.survival.backbones:{name}" for name in archs), HEALTHY])
    return main(["sweep", "--arch", chosen, *WORDS, *SIZES, *STEPS, *words, "--runs", str(runs)])


def cells(runs: Path) -> dict[str, Path]:
    """The folders, by the name of the class that was trained."""
    found = {}
    for path in runs.rglob(records.NAME):
        found[json.loads(path.read_text())["config"]["options"]["arch"]["name"].rpartition(":")[2]] = path.parent
    return found


def test_a_cell_that_kills_its_process_costs_itself_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reasons = {
        "Segfaulting": "the process was ended by SIGSEGV",
        "Exiting": "the process ended with exit status 3",
        "Leaving": "the licence has expired",
    }
    assert sweep(tmp_path, *reasons) == 1
    folders = cells(tmp_path)
    assert set(folders) == {*reasons, "CausalMean"}
    for name, reason in reasons.items():
        record = records.read_record(folders[name])
        assert record.status == "failed"
        assert reason in record.results.reason
    assert records.read_record(folders["CausalMean"]).status == "ok"
    last_words = (folders["Segfaulting"] / "error.txt").read_text()
    assert "Segmentation fault" in last_words
    assert "backbones.py" in last_words
    assert "Traceback" not in capsys.readouterr().err
    before = {name: (folder / records.NAME).stat().st_mtime_ns for name, folder in folders.items()}
    assert sweep(tmp_path, *reasons) == 1
    again = {name for name, folder in folders.items() if (folder / records.NAME).stat().st_mtime_ns != before[name]}
    assert again == set(reasons)


def test_a_cell_that_hangs_is_ended_when_its_time_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_engine, "GRACE_SECONDS", 1.0)
    assert sweep(tmp_path, "Hanging", words=("--limit", "5s")) == 1
    folders = cells(tmp_path)
    record = records.read_record(folders["Hanging"])
    assert (record.status, record.results.reason) == ("timeout", "stopped after 5 s, the time limit")
    assert records.read_record(folders["CausalMean"]).status == "ok"
    assert "Traceback" not in capsys.readouterr().err


def test_a_cell_that_eats_memory_is_told_from_one_that_fails(tmp_path: Path) -> None:
    assert sweep(tmp_path, "Eating", words=("--memory", "3G")) == 1
    folders = cells(tmp_path)
    assert records.read_record(folders["Eating"]).status == "out_of_memory"
    assert records.read_record(folders["CausalMean"]).status == "ok"


@pytest.mark.slow
def test_workers_save_their_state_and_end_when_their_sweep_is_killed(tmp_path: Path) -> None:
    endless = ("--optim.steps", "10000000", "--optim.validate_every", "5000000")
    killed = Sweep(tmp_path, fresh=False, words=(*AUDITED, *endless))
    try:
        assert until(lambda: len(killed.trained()) == 2), killed.output
        os.kill(killed.pid, signal.SIGKILL)
        assert killed.status(LONGEST) == -signal.SIGKILL
        assert until(lambda: not killed.others(), local_engine.GRACE_SECONDS / 2)
    finally:
        killed.end()
    left = [records.read_record(path) for path in tmp_path.rglob(records.NAME)]
    assert [record.status for record in left] == ["interrupted"] * 2
    assert "stopped by SIGTERM" in left[0].results.reason
    assert len(list(tmp_path.rglob("last.ckpt"))) == 2


def test_two_sweeps_on_one_folder_share_its_cells(tmp_path: Path) -> None:
    two = [Sweep(tmp_path, fresh=False) for _ in range(2)]
    try:
        ends = [one.status(LONGEST) for one in two]
        assert ends == [0, 0], two[0].output
    finally:
        for one in two:
            one.end()
    trained = two[0].trained()
    assert len(trained) == CELLS
    assert not any(OVERLAP in line for line in trained)
    ended: Any = results(tmp_path / "runs")
    assert [json.loads(text)["status"] for text in ended.values()] == ["ok"] * CELLS
