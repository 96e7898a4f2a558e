from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from seqbench import folders
from seqbench.errors import SeqbenchError


def test_a_folder_is_held_by_one_at_a_time_and_given_back(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with folders.hold(folder):
        assert folders.busy(folder)
        with pytest.raises(folders.BusyError, match="another process is at work"), folders.hold(folder):
            pass
    assert not folders.busy(folder)
    with folders.hold(folder):
        pass
    assert [path.name for path in folder.iterdir()] == [folders.LOCK]


def test_who_is_patient_waits_for_the_other(tmp_path: Path) -> None:
    held, done = threading.Event(), threading.Event()

    def other() -> None:
        with folders.hold(tmp_path / "run"):
            held.set()
            done.wait(10)
            time.sleep(0.3)

    thread = threading.Thread(target=other)
    thread.start()
    held.wait(10)
    with pytest.raises(folders.BusyError), folders.hold(tmp_path / "run", patience=0.1):
        pass
    done.set()
    with folders.hold(tmp_path / "run", patience=10.0):
        pass
    thread.join()


def test_a_lock_ends_with_its_owner(tmp_path: Path) -> None:
    child = os.fork()
    if not child:  # Exits in the midst of the block, as a kill would end it.
        with folders.hold(tmp_path / "run"):
            os._exit(0)
    os.waitpid(child, 0)
    assert not folders.busy(tmp_path / "run")


def test_a_folder_that_cannot_be_made_is_no_busy_one(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SeqbenchError, match="cannot be written"), folders.hold(tmp_path / "file" / "run"):
        pass
    assert not folders.busy(tmp_path / "file" / "run")


def test_clearing_leaves_what_is_whole_and_overwriting_nothing_but_the_lock(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with folders.hold(folder):
        for name in (
            "result.json",
            ".result.json.x",
            "checkpoints/last.ckpt",
            "checkpoints/.last.ckpt.part",
            "error.txt",
        ):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text("text")
        folders.clear(folder, overwrite=False)
        left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
        assert left == {"result.json", "checkpoints/last.ckpt", folders.LOCK}
        folders.clear(folder, overwrite=True)
        assert [path.name for path in folder.iterdir()] == [folders.LOCK]


def test_the_id_of_a_wandb_run_is_kept(tmp_path: Path) -> None:
    first = folders.wandb_id(tmp_path)
    assert folders.wandb_id(tmp_path) == first
    (tmp_path / folders.WANDB_ID).unlink()
    assert folders.wandb_id(tmp_path) != first
