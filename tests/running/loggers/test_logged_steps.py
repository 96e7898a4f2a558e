from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.protocol import run_folder
from seqbench.running.loggers.logged_steps import read_logged_step, write_logged_step


def test_each_logger_has_its_own_step(tmp_path: Path) -> None:
    write_logged_step(tmp_path, "wandb", 50)
    write_logged_step(tmp_path, "trackio", 100)
    write_logged_step(tmp_path, "wandb", 150)
    assert [read_logged_step(tmp_path, name) for name in ("wandb", "trackio", "tensorboard")] == [150, 100, 0]


@pytest.mark.parametrize("text", ["", "[1]", '{"wandb": "x"}', "\0"])
def test_a_broken_file_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / run_folder.LOGGED_STEPS).write_text(text)
    assert read_logged_step(tmp_path, "wandb") == 0
    write_logged_step(tmp_path, "wandb", 50)
    assert read_logged_step(tmp_path, "wandb") == 50


def test_a_folder_that_cannot_be_written_ends_no_run(tmp_path: Path) -> None:
    write_logged_step(tmp_path / "missing", "wandb", 50)
    assert list(tmp_path.iterdir()) == []
