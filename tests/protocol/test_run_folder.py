from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from seqbench.protocol import run_folder
from seqbench.utils.errors import SeqbenchError


def test_a_folder_is_locked_by_one_process_at_a_time_and_released(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with run_folder.lock_folder(folder):
        assert run_folder.is_locked(folder)
        with pytest.raises(run_folder.BusyError, match="another process uses"), run_folder.lock_folder(folder):
            pass
    assert not run_folder.is_locked(folder)
    with run_folder.lock_folder(folder):
        pass
    assert [path.name for path in folder.iterdir()] == [run_folder.LOCK]


def test_a_process_with_patience_waits_for_the_lock(tmp_path: Path) -> None:
    locked, released = threading.Event(), threading.Event()

    def other() -> None:
        with run_folder.lock_folder(tmp_path / "run"):
            locked.set()
            released.wait(10)
            time.sleep(0.3)

    thread = threading.Thread(target=other)
    thread.start()
    locked.wait(10)
    with pytest.raises(run_folder.BusyError), run_folder.lock_folder(tmp_path / "run", patience=0.1):
        pass
    released.set()
    with run_folder.lock_folder(tmp_path / "run", patience=10.0):
        pass
    thread.join()


def test_a_lock_is_released_when_its_process_ends(tmp_path: Path) -> None:
    child = os.fork()
    if not child:  # Exits inside of the block, as if it were killed.
        with run_folder.lock_folder(tmp_path / "run"):
            os._exit(0)
    os.waitpid(child, 0)
    assert not run_folder.is_locked(tmp_path / "run")


def test_a_folder_that_cannot_be_created_is_not_reported_as_busy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SeqbenchError, match="cannot be written"), run_folder.lock_folder(tmp_path / "file" / "run"):
        pass
    assert not run_folder.is_locked(tmp_path / "file" / "run")


def test_leftovers_are_removed_and_with_overwrite_all_that_a_run_wrote(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with run_folder.lock_folder(folder):
        for name in (
            "result.json",
            ".result.json.x",
            "checkpoints/last.ckpt",
            "checkpoints/.last.ckpt.part",
            "error.txt",
        ):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("text")
        run_folder.remove_leftovers(folder, overwrite=False)
        left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert left == {"result.json", "checkpoints/last.ckpt", run_folder.LOCK}
        (folder / "my-notes.txt").write_text("text")
        run_folder.remove_leftovers(folder, overwrite=True)
        assert sorted(path.name for path in folder.iterdir()) == [run_folder.LOCK, "my-notes.txt"]


def test_the_id_of_the_wandb_run_is_kept_in_the_folder(tmp_path: Path) -> None:
    first = run_folder.read_or_create_wandb_id(tmp_path)
    assert run_folder.read_or_create_wandb_id(tmp_path) == first
    (tmp_path / run_folder.WANDB_ID).unlink()
    assert run_folder.read_or_create_wandb_id(tmp_path) != first


def test_every_start_counts_as_an_attempt_and_overwriting_does_not_reset_the_number(tmp_path: Path) -> None:
    assert run_folder.recorded_attempts(tmp_path) == 0
    assert [run_folder.count_attempt(tmp_path) for _ in range(2)] == [1, 2]
    run_folder.remove_leftovers(tmp_path, overwrite=True)
    assert run_folder.count_attempt(tmp_path) == 3
    assert run_folder.is_own(tmp_path / run_folder.ATTEMPTS)


def test_a_run_of_an_older_seqbench_counts_as_one_attempt(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{}")
    assert run_folder.recorded_attempts(tmp_path) == 1
    (tmp_path / run_folder.ATTEMPTS).write_text("many")
    assert run_folder.recorded_attempts(tmp_path) == 1
