"""Sweeps with cells that end or block their process, a sweep that is killed, and two sweeps on one folder."""

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
from tests.survival.kills import TIMEOUT_SECONDS, read_results
from tests.survival.sweeps import AUDITED, CELLS, SIZES, STEPS, WORDS, Sweep, wait_until

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")

HEALTHY = "tests.backbones:CausalMean"


def sweep(runs: Path, *archs: str, words: tuple[str, ...] = ()) -> int:
    chosen = ",".join([*(f"tests.survival.backbones:{name}" for name in archs), HEALTHY])
    return main(["sweep", "--arch", chosen, *WORDS, *SIZES, *STEPS, *words, "--runs", str(runs)])


def cells(runs: Path) -> dict[str, Path]:
    """Return the run folders by the name of the trained class."""
    folders = {}
    for path in runs.rglob(records.NAME):
        folders[json.loads(path.read_text())["config"]["options"]["arch"]["name"].rpartition(":")[2]] = path.parent
    return folders


def test_a_cell_that_ends_its_process_does_not_affect_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = {
        "Segfaulting": "the process was ended by SIGSEGV",
        "Exiting": "the process ended with exit status 3",
        "RaisingSystemExit": "the licence has expired",
    }
    assert sweep(tmp_path, *reasons) == 1
    folders = cells(tmp_path)
    assert set(folders) == {*reasons, "CausalMean"}
    for name, reason in reasons.items():
        record = records.read_record(folders[name])
        assert record.status == "failed"
        assert reason in str(record.results.reason)
    assert records.read_record(folders["CausalMean"]).status == "ok"
    output = (folders["Segfaulting"] / "error.txt").read_text()
    assert "Segmentation fault" in output
    assert "backbones.py" in output
    assert "Traceback" not in capsys.readouterr().err
    before = {name: (folder / records.NAME).stat().st_mtime_ns for name, folder in folders.items()}
    assert sweep(tmp_path, *reasons) == 1
    again = {name for name, folder in folders.items() if (folder / records.NAME).stat().st_mtime_ns != before[name]}
    assert again == set(reasons)


def test_a_cell_that_hangs_is_stopped_at_its_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(local_engine, "GRACE_SECONDS", 1.0)
    assert sweep(tmp_path, "Hanging", words=("--limit", "5s")) == 1
    folders = cells(tmp_path)
    record = records.read_record(folders["Hanging"])
    assert (record.status, record.results.reason) == ("timeout", "stopped after 5 s, the time limit")
    assert records.read_record(folders["CausalMean"]).status == "ok"
    assert "Traceback" not in capsys.readouterr().err


def test_a_cell_that_exhausts_its_memory_ends_as_out_of_memory(tmp_path: Path) -> None:
    assert sweep(tmp_path, "ExhaustingMemory", words=("--memory", "3G")) == 1
    folders = cells(tmp_path)
    assert records.read_record(folders["ExhaustingMemory"]).status == "out_of_memory"
    assert records.read_record(folders["CausalMean"]).status == "ok"


@pytest.mark.slow
def test_workers_save_their_state_and_end_after_their_sweep_is_killed(tmp_path: Path) -> None:
    endless = ("--optim.steps", "10000000", "--optim.validate_every", "5000000")
    killed = Sweep(tmp_path, fresh=False, words=(*AUDITED, *endless))
    try:
        assert wait_until(lambda: len(killed.training_starts()) == 2), killed.output
        os.kill(killed.pid, signal.SIGKILL)
        assert killed.status(TIMEOUT_SECONDS) == -signal.SIGKILL
        assert wait_until(lambda: not killed.child_processes(), local_engine.GRACE_SECONDS / 2)
    finally:
        killed.end()
    left = [records.read_record(path) for path in tmp_path.rglob(records.NAME)]
    assert [record.status for record in left] == ["interrupted"] * 2
    assert "stopped by SIGTERM" in str(left[0].results.reason)
    assert len(list(tmp_path.rglob("last.ckpt"))) == 2


def test_two_sweeps_on_one_folder_share_its_cells(tmp_path: Path) -> None:
    two = [Sweep(tmp_path, fresh=False) for _ in range(2)]
    try:
        ends = [one.status(TIMEOUT_SECONDS) for one in two]
        assert ends == [0, 0], two[0].output
    finally:
        for one in two:
            one.end()
    trained = two[0].training_starts()
    assert len(trained) == CELLS
    assert not any(OVERLAP in line for line in trained)
    ended: Any = read_results(tmp_path / "runs")
    assert [json.loads(text)["status"] for text in ended.values()] == ["ok"] * CELLS
