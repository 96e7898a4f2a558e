"""Which entries of a folder a run wrote, and which folders are run folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.protocol import records, run_folder
from seqbench.running import run_config
from seqbench.running.run_request import RunRequest
from seqbench.running.stored import own_files
from tests.running.stored.folders import write_killed, write_run


def test_the_folder_of_a_configuration_has_the_name_of_a_run_folder(tmp_path: Path) -> None:
    assert own_files.has_run_name(run_config.resolve_config(RunRequest("gru", "copy")).folder(tmp_path))


@pytest.mark.parametrize(
    "name", ["runs", "paper", "small-s0", "small-s0-dfe74ec", "small-s0-dfe74ec4.bak", "s0-dfe74ec4"]
)
def test_other_names_are_no_names_of_run_folders(name: str, tmp_path: Path) -> None:
    assert not own_files.has_run_name(tmp_path / name)
    (tmp_path / name).mkdir()
    assert "its name is not" in own_files.reason_to_keep(tmp_path / name)


def test_the_current_folder_is_judged_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_run(tmp_path))
    assert own_files.reason_to_keep(Path()) == ""
    monkeypatch.chdir(tmp_path)
    assert own_files.reason_to_keep(Path()) != ""


@pytest.mark.parametrize("name", [records.NAME, run_folder.CONFIG, run_folder.LOCK])
def test_a_folder_above_another_run_stays_unless_a_logger_wrote_the_file(name: str, tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    for above in ("wandb", "tensorboard", "checkpoints"):
        (folder / above / "files").mkdir(parents=True)
        (folder / above / "files" / name).touch()
    assert own_files.reason_to_keep(folder) == ""
    (folder / "more" / "deep").mkdir(parents=True)
    (folder / "more" / "deep" / name).touch()
    assert f"it contains more/deep/{name}" in own_files.reason_to_keep(folder)


def test_files_that_identify_the_run_come_last_and_files_of_the_user_do_not_come(tmp_path: Path) -> None:
    folder = write_killed(tmp_path)
    for name in ("notes.txt", ".gitignore", ".result.json.x", "metrics.csv", "continuation.mid"):
        (folder / name).touch()
    (folder / "sample.txt").mkdir()
    (folder / "wandb").symlink_to(tmp_path)
    names = [path.name for path in own_files.own_entries(folder)]
    assert names == [
        ".result.json.x",
        "checkpoints",
        "continuation.mid",
        "metrics.csv",
        "wandb",
        "config.yaml",
        ".lock",
    ]


def test_only_checkpoints_of_the_run_are_own(tmp_path: Path) -> None:
    for name in ("best.ckpt", "last.ckpt", ".last.ckpt.part", "mine.ckpt"):
        (tmp_path / name).touch()
    names = [path.name for path in own_files.own_checkpoints(tmp_path)]
    assert names == [".last.ckpt.part", "best.ckpt", "last.ckpt"]
