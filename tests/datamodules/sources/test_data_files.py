"""Files that are not what they seem: bombs, pipes, devices, links."""

from __future__ import annotations

import gzip
import os
import socket
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqbench.datamodules.sources import data_files, data_location
from seqbench.utils.errors import SeqbenchError

BOMB = gzip.compress(bytes(80 * 2**20))


@pytest.fixture
def memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("memory")
def test_a_packed_file_is_unpacked_no_further_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train.en.gz").write_bytes(BOMB)
    assert len(BOMB) < 2**17
    with pytest.raises(SeqbenchError, match="holds more than 64 MiB unpacked"):
        data_files.read_file(tmp_path / "train.en.gz")
    monkeypatch.setattr(data_files, "SMALL_BYTES", 2**20)
    tracemalloc.reset_peak()
    with pytest.raises(SeqbenchError, match=r"unpacked, .* give a smaller file"):
        data_files.checksum(tmp_path / "train.en.gz")
    assert tracemalloc.get_traced_memory()[1] < 40 * 2**20


def test_a_text_that_packs_well_is_no_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_files, "SMALL_BYTES", 2**10)
    text = b"".join(b"%d bottles of beer on the wall\n" % number for number in range(50_000))
    (tmp_path / "text.gz").write_bytes(gzip.compress(text))
    assert data_files.read_file(tmp_path / "text.gz") == text


def test_a_file_of_holes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for name in ("train.txt", "train.txt.gz"):
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, 2**40)
        with pytest.raises(SeqbenchError, match="holds more than 2,048 MiB"):
            data_files.read_file(tmp_path / name)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "link to a pipe"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "data"
    place.mkdir()
    path = place / "text.txt"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        listening = socket.socket(socket.AF_UNIX)
        here = Path.cwd()
        os.chdir(place)  # The path of a socket may not be long.
        listening.bind(path.name)
        os.chdir(here)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to(tmp_path / "pipe")
    for action in (data_files.read_file, data_files.checksum):
        with pytest.raises(SeqbenchError, match="is no regular file but a folder, a pipe, a socket or a device"):
            action(path)
    with pytest.raises(SeqbenchError, match="no regular file"):
        data_location.read_contents(data_location.locate_data("ptb", str(place)), "text")
    with pytest.raises(SeqbenchError):
        data_location.read_contents(data_location.locate_data("ptb", str(path)), "text")


def test_a_link_that_leads_out_of_the_users_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "private.txt").write_text("what is none of his business " * 30)
    place = tmp_path / "data"
    place.mkdir()
    (place / "text.txt").symlink_to(tmp_path / "private.txt")
    found = data_location.locate_data("ptb", str(place))
    for action in (data_location.verified_checksums, lambda found: data_location.read_contents(found, "text")):
        with pytest.raises(SeqbenchError, match=r"text\.txt is a link that leads out of .*data, to .*private\.txt"):
            action(found)
    # So are links on the way, and .. in them.
    (place / "text.txt").unlink()
    (place / "way").symlink_to("..")
    (place / "text.txt").symlink_to("way/private.txt")
    with pytest.raises(SeqbenchError, match="leads out of"):
        data_location.read_contents(data_location.locate_data("ptb", str(place)), "text")


def test_links_that_a_user_means_are_followed(tmp_path: Path) -> None:
    text = b"to be, or not to be " * 30
    place = tmp_path / "data"
    (place / "below").mkdir(parents=True)
    (place / "below" / "play").write_bytes(text)
    (place / "text.txt").symlink_to("below/play")
    (tmp_path / "link").symlink_to(place)
    for named in (place, tmp_path / "link", tmp_path / "link" / "text.txt", place / "text.txt"):
        assert data_location.read_contents(data_location.locate_data("ptb", str(named)), "text")[0] == {"all": text}


def test_published_files_may_lie_anywhere(tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, target in (
        ("folders", real_data / "tinyshakespeare"),
        ("files", real_data / "tinyshakespeare/input.txt"),
    ):
        place = tmp_path / name / "tinyshakespeare"
        place.parent.mkdir()
        if name == "folders":
            place.symlink_to(target)
        else:
            place.mkdir()
            (place / "input.txt").symlink_to(target)
        sums = data_location.verified_checksums(data_location.locate_data("tinyshakespeare", str(tmp_path / name)))
        assert data_location.is_published("tinyshakespeare", sums)
        monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path / name))
        assert data_location.verified_checksums(data_location.locate_data("tinyshakespeare")) == sums


@pytest.mark.parametrize("name", ["../ptb", "/etc", "..", "ptb/../ptb", "", "ptb\0"])
def test_a_data_set_is_a_name_and_no_path(name: str) -> None:
    with pytest.raises(SeqbenchError, match="unknown data set"):
        data_location.locate_data(name)


@pytest.mark.parametrize("language", ["../../etc/passwd", "/etc/passwd", "en/../de", ""])
def test_a_language_is_a_name_and_no_path(tmp_path: Path, language: str) -> None:
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.en").write_text("a\n")
    with pytest.raises(SeqbenchError, match="holds no such data"):
        data_location.locate_data("multi30k", str(tmp_path), languages=("en", language))
