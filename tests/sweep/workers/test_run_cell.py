from __future__ import annotations

import dataclasses
import pickle
import sys
from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.protocol.config import RunConfig, TrainerOptions
from seqbench.sweep.workers import run_cell
from seqbench.sweep.workers.run_cell import CellOutcome
from tests.sweep.helpers import build_small_plan


@pytest.fixture(autouse=True)
def _no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS"):
        monkeypatch.delenv(name, raising=False)


def small_config(folder: Path, arch: str = "gru") -> RunConfig:
    return build_small_plan(folder, (arch,), seeds=[0]).groups[0].config


def test_a_cell_writes_its_record_and_returns_its_status(tmp_path: Path) -> None:
    config = small_config(tmp_path)
    assert run_cell.run_cell(config, tmp_path) == CellOutcome("ok")
    assert records.read_record(config.folder(tmp_path)).status == "ok"


def test_a_failed_cell_returns_its_reason(tmp_path: Path) -> None:
    outcome = run_cell.run_cell(small_config(tmp_path, "tests.backbones:Raising"), tmp_path)
    assert (outcome.status, str(outcome.reason).partition(" (backbones.py")[0]) == (
        "failed",
        "RuntimeError: shapes (3, 4) and (5, 6) do not fit",
    )


def test_a_cell_that_cannot_run_is_refused_without_a_record(tmp_path: Path) -> None:
    outcome = run_cell.run_cell(small_config(tmp_path, "bigru"), tmp_path)
    assert outcome.status == "refused"
    assert "looks ahead" in str(outcome.reason)
    assert list(tmp_path.rglob(records.NAME)) == []


def test_a_cell_that_another_process_runs_is_busy(tmp_path: Path) -> None:
    config = small_config(tmp_path)
    with run_folder.lock_folder(config.folder(tmp_path)):
        outcome = run_cell.run_cell(config, tmp_path)
    assert outcome.status == "busy"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("TORCHELASTIC_RUN_ID", "none", True), ("SLURM_NTASKS", "4", True), ("SLURM_NTASKS", "1", False)],
)
def test_a_launcher_is_recognized_by_its_environment(
    name: str, value: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not run_cell.is_launched_externally()
    monkeypatch.setenv(name, value)
    assert run_cell.is_launched_externally() is expected


class ProcessReplacedError(Exception):
    """Raised in place of the call that would replace the process."""


def test_a_cell_of_several_processes_becomes_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = dataclasses.replace(small_config(tmp_path), trainer=TrainerOptions("cpu", devices=2))
    commands: list[list[str]] = []

    def execv(path: str, words: list[str]) -> None:
        commands.append(words)
        raise ProcessReplacedError

    monkeypatch.setattr(run_cell.os, "execv", execv)
    monkeypatch.setattr(run_cell.ctypes, "CDLL", lambda name: None)  # This process must not end with its parent.
    with pytest.raises(ProcessReplacedError):
        run_cell.run_cell(config, tmp_path)
    ((*words, file),) = commands
    assert words == [sys.executable, "-m", "seqbench.sweep.workers.run_cell"]
    pickled_config, runs = pickle.loads(Path(file).read_bytes())
    Path(file).unlink()
    assert (pickled_config.digest(), runs) == (config.digest(), tmp_path)


@pytest.mark.parametrize(("arch", "status"), [("gru", 0), ("tests.backbones:Raising", 1), ("bigru", 2)])
def test_the_command_exits_with_the_status_of_a_run_and_deletes_its_file(
    arch: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "cell"
    file.write_bytes(pickle.dumps((small_config(tmp_path, arch), tmp_path)))
    assert run_cell.main(file) == status
    assert not file.exists()
    assert ("looks ahead" in capsys.readouterr().err) is (status == 2)
