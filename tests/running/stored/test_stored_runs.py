"""Runs that are found on disk, with their states."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.running.stored.stored_runs import find_stored_runs, read_stored_run
from seqbench.utils.errors import SeqbenchError
from tests.running.stored.folders import fill_folder, write_killed, write_run, write_tuned


def test_a_finished_run_has_its_score_its_size_and_its_age(tmp_path: Path) -> None:
    folder = write_run(tmp_path, value=0.75)
    run = read_stored_run(folder)
    assert (run.architecture, run.task, run.tier, run.seed, run.status) == ("gru", "copy", "small", 0, "ok")
    assert (run.metric, run.score, run.finished, run.is_trial) == ("accuracy", 0.75, True, False)
    assert run.bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert 0 <= run.age() < 60
    assert run.age(time.time() + 100) > 99


def test_a_run_in_use_is_running_whatever_its_record_says(tmp_path: Path) -> None:
    killed, failed, done = write_killed(tmp_path), write_run(tmp_path, status="interrupted"), write_run(tmp_path, "x")
    assert [read_stored_run(folder).status for folder in (killed, failed, done)] == ["unfinished", "interrupted", "ok"]
    for folder, state in ((killed, "running"), (failed, "running"), (done, "ok")):
        with run_folder.lock_folder(folder):
            assert read_stored_run(folder).status == state


def test_a_run_without_a_record_is_described_by_its_configuration(tmp_path: Path) -> None:
    run = read_stored_run(write_killed(tmp_path))
    assert (run.architecture, run.task, run.seed, run.own) == ("lstm", "copy", 1, {"arch.num_layers": 3})
    assert "without writing a record" in run.reason


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 99, "results": {}, "measured": {}, "config": {}}'])
def test_a_record_that_cannot_be_read_is_broken_with_the_reason(text: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    (folder / records.NAME).write_text(text)
    run = read_stored_run(folder)
    assert run.status == "broken"
    assert str(folder / records.NAME) in run.reason


def test_all_runs_below_a_folder_are_found_once_and_sorted(tmp_path: Path) -> None:
    trial, tuned = write_tuned(tmp_path)
    killed = write_killed(tmp_path)
    other = write_run(tmp_path, task="adding")
    # A record inside of a run folder belongs to this run.
    (tuned / "wandb" / "files").mkdir(parents=True)
    (tuned / "wandb" / "files" / records.NAME).write_text("{}")
    (tmp_path / "notes").mkdir()
    assert [run.folder for run in find_stored_runs(tmp_path)] == [other, tuned, trial, killed]
    assert [run.folder for run in find_stored_runs(tuned)] == [tuned]


def test_the_configuration_of_another_program_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: 1")
    assert find_stored_runs(tmp_path) == []
    fill_folder(tmp_path / "other", {"model": "resnet"})
    (run,) = find_stored_runs(tmp_path)
    assert (run.status, run.task) == ("broken", "")


def test_links_are_not_followed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "elsewhere")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "link").symlink_to(folder)
    assert find_stored_runs(tmp_path / "runs") == []


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="there is no folder"):
        find_stored_runs(tmp_path / "missing")


def test_looking_at_runs_creates_no_file_and_imports_no_torch(tmp_path: Path) -> None:
    folder = write_killed(tmp_path)
    (folder / run_folder.LOCK).unlink()
    before = sorted(tmp_path.rglob("*"))
    code = (
        "import sys; from pathlib import Path; from seqbench.running.stored.stored_runs import find_stored_runs;"
        "found = find_stored_runs(Path(sys.argv[1]));"
        "print(len(found), [n for n in ('torch', 'numpy', 'lightning', 'matplotlib') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 []"
    assert sorted(tmp_path.rglob("*")) == before
