from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError


def test_a_written_file_is_read_back_and_readable_for_the_group(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file.txt"
    atomic_files.write_text(path, "zwölf\n")
    assert atomic_files.read_bytes(path).decode() == "zwölf\n"
    assert path.stat().st_mode & stat.S_IRGRP
    atomic_files.write_bytes(path, b"\0\1")
    assert atomic_files.read_bytes(path) == b"\0\1"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_characters_that_utf8_cannot_encode_are_written_as_escapes(tmp_path: Path) -> None:
    atomic_files.write_text(tmp_path / "error.txt", "half \ud800")
    assert (tmp_path / "error.txt").read_text() == "half \\ud800"


@pytest.mark.parametrize("earlier", [True, False])
def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: bool) -> None:
    path = tmp_path / "file.txt"
    if earlier:
        atomic_files.write_text(path, "earlier")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_files.os, "fsync", full)
    with pytest.raises(SeqbenchError, match="No space left on device") as caught:
        atomic_files.write_text(path, "later")
    assert ("the earlier file is unchanged" in str(caught.value)) is earlier
    assert [p.read_text() for p in tmp_path.iterdir()] == ["earlier"] * earlier


def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / "file.txt").symlink_to(tmp_path / "elsewhere")
    atomic_files.write_text(tmp_path / "file.txt", "theirs")
    assert (tmp_path / "elsewhere").read_text() == "mine"


@pytest.mark.timeout(20)
def test_pipes_devices_and_huge_files_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(SeqbenchError, match="not a regular file"):
            atomic_files.read_bytes(path)
    (tmp_path / "large").touch()
    os.truncate(tmp_path / "large", 2**40)
    with pytest.raises(SeqbenchError, match="has more than 64 MiB"):
        atomic_files.read_bytes(tmp_path / "large")
