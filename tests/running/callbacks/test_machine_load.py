"""The share of the machine's processor time that other processes use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import seqbench
from seqbench.running.callbacks import machine_load
from seqbench.running.callbacks.machine_load import MachineLoad, Times, read_times, share_of_others
from tests.optional import not_none


def test_the_share_is_that_of_other_processes_between_two_readings() -> None:
    assert share_of_others(Times(1000, 500, 100), Times(2000, 1100, 300)) == pytest.approx(0.4)
    assert share_of_others(Times(0, 0, 0), Times(100, 50, 60)) == 0.0
    assert share_of_others(Times(7, 0, 0), Times(7, 0, 0)) is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc/stat")
def test_the_time_of_the_run_is_a_part_of_the_busy_time() -> None:
    before = not_none(read_times())
    total = sum(number * number for number in range(3_000_000))
    after = not_none(read_times())
    assert total
    assert after.own - before.own >= 1
    assert after.all - before.all >= after.busy - before.busy >= 0


def test_the_load_is_unknown_where_the_system_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine_load, "STATISTICS", tmp_path / "stat")
    load: Any = MachineLoad()
    load.on_train_start(None, None)
    load.on_train_end(None, None)
    assert load.share is None


def test_a_run_records_the_load_of_its_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    readings = iter([Times(0, 0, 0), Times(100, 80, 30)])
    monkeypatch.setattr(machine_load, "read_times", lambda: next(readings))
    optim = {"steps": 4, "validate_every": 2}
    run = seqbench.run({"name": "gru", "d_model": 4}, "copy", tier="smoke", optim=optim, logger="none", runs=tmp_path)
    assert run.record.measured.load == pytest.approx(0.5)
