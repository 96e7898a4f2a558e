from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.sweep.engines.engine import JobFailure
from seqbench.sweep.workers import failure_records
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from tests.sweep.helpers import build_small_plan, write_record

CRASH = JobFailure("failed", "the process was ended by SIGSEGV", "Fatal Python error: Segmentation fault")


def test_a_cell_without_a_record_gets_one_with_its_configuration(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    failure_records.write_failure_record(cell, CRASH)
    record = records.read_record(cell.folder)
    assert (record.status, record.results.reason) == ("failed", CRASH.reason)
    assert record.intact()
    assert record.config.digest == cell.config.digest()
    assert (cell.folder / run_folder.ERROR).read_text() == CRASH.output
    config = plain_data.read_yaml(cell.folder / run_folder.CONFIG)
    assert isinstance(config, dict)
    assert config["arch"]["name"] == "gru"


def test_the_other_results_of_an_unfinished_record_are_kept(tmp_path: Path) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    write_record(cell, "interrupted", seconds=3.0)
    failure_records.write_failure_record(cell, JobFailure("timeout", "too long"))
    record = records.read_record(cell.folder)
    assert (record.status, record.measured.seconds) == ("timeout", 3.0)
    assert record.config.parameters == 123
    assert not (cell.folder / run_folder.ERROR).exists()  # There was no output.


@pytest.mark.parametrize("status", ["ok", "diverged"])
def test_a_finished_record_is_not_changed(tmp_path: Path, status: str) -> None:
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    write_record(cell, status)
    before = (cell.folder / records.NAME).read_bytes()
    failure_records.write_failure_record(cell, CRASH)
    assert (cell.folder / records.NAME).read_bytes() == before
    assert not (cell.folder / run_folder.ERROR).exists()


def test_secrets_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "0123456789abcdef")
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    failure_records.write_failure_record(cell, JobFailure("failed", "key 0123456789abcdef", "at 0123456789abcdef"))
    assert records.read_record(cell.folder).results.reason == "key ***"
    assert (cell.folder / run_folder.ERROR).read_text() == "at ***"


def test_a_cell_that_another_process_runs_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failure_records, "LOCK_SECONDS", 0.1)
    (cell,) = build_small_plan(tmp_path, seeds=[0]).cells()
    with run_folder.lock_folder(cell.folder), pytest.raises(SeqbenchError, match="another process"):
        failure_records.write_failure_record(cell, CRASH)
