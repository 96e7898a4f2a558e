from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.running.loggers import wandb_files


def test_the_sync_command_quotes_the_folder_and_not_the_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "my runs"
    assert wandb_files.sync_command(folder) == f"wandb sync '{folder}'/wandb/offline-run-*"


def test_the_environment_chooses_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert wandb_files.wandb_place(Path("runs")) == tmp_path


def test_only_the_files_of_the_replaced_run_are_removed(tmp_path: Path) -> None:
    for name in ("offline-run-1-aa", "offline-run-2-aa", "offline-run-1-bb", "run-1-aa"):
        (tmp_path / "wandb" / name).mkdir(parents=True)
    wandb_files.remove_offline_files(tmp_path, "aa")
    assert sorted(path.name for path in (tmp_path / "wandb").iterdir()) == ["offline-run-1-bb", "run-1-aa"]
