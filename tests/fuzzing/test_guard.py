"""The guard detects changes; a guard that detects nothing would let every other test pass."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fuzzing.guard import only_within

ACTIONS: dict[str, Callable[[Path], object]] = {
    "write": lambda there: (there / "new").write_text("x"),
    "append": lambda there: (there / "old").open("a").close(),
    "read and write": lambda there: os.close(os.open(there / "old", os.O_RDWR)),
    "folder": lambda there: (there / "new").mkdir(),
    "remove": lambda there: (there / "old").unlink(),
    "remove a folder": lambda there: (there / "empty").rmdir(),
    "rename": lambda there: (there / "old").rename(there / "new"),
    "link": lambda there: (there / "new").symlink_to("/etc/passwd"),
    "hard link": lambda there: (there / "new").hardlink_to(there / "old"),
    "mode": lambda there: (there / "old").chmod(0o777),
    "cut": lambda there: os.truncate(there / "old", 0),
    "tree": lambda there: shutil.rmtree(there / "empty"),
    "copy": lambda there: shutil.copyfile(there / "old", there / "new"),
    "process": lambda there: subprocess.run([sys.executable, "-c", ""], check=False),
    "shell": lambda there: os.system("true"),
    "network": lambda there: socket.create_connection(("127.0.0.1", 9), timeout=1),
}


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_outside_of_the_folder_is_detected_and_prevented(tmp_path: Path, action: str) -> None:
    allowed, there = tmp_path / "allowed", tmp_path / "there"
    for folder in (allowed, there, there / "empty"):
        folder.mkdir()
    (there / "old").write_text("as it was")
    before = sorted(there.iterdir())
    with pytest.raises(AssertionError), only_within(allowed), contextlib.suppress(OSError):
        ACTIONS[action](there)
    assert sorted(there.iterdir()) == before
    assert (there / "old").read_text() == "as it was"


def test_actions_inside_of_the_folder_are_allowed(tmp_path: Path) -> None:
    with only_within(tmp_path) as watch:
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "b").write_text("x")
        (tmp_path / "a" / "b").rename(tmp_path / "c")
        shutil.rmtree(tmp_path / "a")
        Path("/etc/passwd").read_bytes()
    assert watch.violations == []
    Path(tmp_path, "d").write_text("x")


def test_writing_through_a_link_to_the_outside_is_detected(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (allowed / "way").symlink_to(tmp_path / "outside")
    with pytest.raises(AssertionError, match="outside"), only_within(allowed), contextlib.suppress(OSError):
        (allowed / "way").write_text("x")
