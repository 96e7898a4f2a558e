"""Contents, checksums and folders of data files; damaged files are refused with a clear message."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from seqbench.datamodules.sources import data_files
from seqbench.utils.errors import SeqbenchError


def test_the_cache_folder_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "own"))
    assert data_files.cache_root() == tmp_path / "own"
    assert data_files.fetched_folder() == tmp_path / "own" / "data"
    monkeypatch.delenv("SEQBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert data_files.cache_root() == tmp_path / "xdg" / "seqbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_files.cache_root() == tmp_path / ".cache" / "seqbench"


def test_the_data_folder_of_the_user_is_searched_before_downloaded_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path / "mine"))
    assert data_files.data_roots() == [tmp_path / "mine", tmp_path / "cache" / "data"]
    monkeypatch.delenv("SEQBENCH_DATA")
    assert data_files.data_roots() == [tmp_path / "cache" / "data"]


def test_a_packed_name_also_finds_the_unpacked_file(tmp_path: Path) -> None:
    packed = tmp_path / "train.en.gz"
    assert data_files.existing_file(packed) is None
    (tmp_path / "train.en").write_text("a")
    assert data_files.existing_file(packed) == tmp_path / "train.en"
    packed.write_bytes(gzip.compress(b"a"))
    assert data_files.existing_file(packed) == packed


def test_packed_and_unpacked_files_have_the_same_contents_and_checksum(tmp_path: Path) -> None:
    data = b"to be, or not to be\n" * 1000
    (tmp_path / "text").write_bytes(data)
    (tmp_path / "text.gz").write_bytes(gzip.compress(data))
    for name in ("text", "text.gz"):
        assert data_files.read_file(tmp_path / name) == data
        assert data_files.file_checksum(tmp_path / name) == hashlib.sha256(data).hexdigest()


def test_the_checksum_follows_a_change_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"one")
    before = data_files.file_checksum(path)
    path.write_bytes(b"three")
    assert data_files.file_checksum(path) == hashlib.sha256(b"three").hexdigest() != before


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"some lines\n" * 5000)
    for damaged in (whole[: len(whole) // 2], b"no gzip at all", whole[:-4] + b"\0\0\0\0"):
        (tmp_path / "train.en.gz").write_bytes(damaged)
        with pytest.raises(SeqbenchError, match=r"train\.en\.gz is a damaged gzip file"):
            data_files.read_file(tmp_path / "train.en.gz")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (data_files.read_file, data_files.file_checksum):
        with pytest.raises(SeqbenchError, match=r"none\.txt cannot be read: No such file"):
            read(tmp_path / "none.txt")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_a_path_that_is_not_a_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "text.txt"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    for read in (data_files.read_file, data_files.file_checksum):
        with pytest.raises(SeqbenchError, match=r"text\.txt"):
            read(path)
