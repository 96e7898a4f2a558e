"""The search for data: its order, and the messages if the data is not there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from seqbench.datamodules.sources import data_location
from seqbench.datamodules.sources.published_datasets import find_dataset
from seqbench.utils.errors import NotAtHand, SeqbenchError

PTB = ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt")


def write_ptb(folder: Path) -> Path:
    """Write files with the names of the published ones."""
    folder.mkdir(parents=True)
    for name in PTB:
        (folder / name).write_text(name)
    return folder


def test_a_folder_without_data_names_what_was_expected_and_found(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"")
    with pytest.raises(NotAtHand, match=r"expected ptb\.train\.txt, ptb\.valid\.txt.* found photo\.png"):
        data_location.locate_data("ptb", str(tmp_path))
    with pytest.raises(NotAtHand, match="neither a folder nor a file"):
        data_location.locate_data("ptb", str(tmp_path / "none"))
    with pytest.raises(NotAtHand, match=r"train\.LANGUAGE.* found photo\.png"):
        data_location.locate_data("multi30k", str(tmp_path), languages=("en", "fr"))


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize(
    ("dataset", "options"),
    [
        ("ptb", ("(1)", "(2)", "unset HF_HUB_OFFLINE", "--task.source synthetic", *PTB)),
        ("sst2-phrases", ("not on a hub", "sst2/train.tsv")),
        ("jsb", ("--task.source package", "--task.source synthetic", "JSB_Chorales.mat")),
        ("multi30k", ("train.en.gz", "--task.source synthetic", "bentrevett/multi30k")),
    ],
)
def test_without_folder_and_network_the_error_is_fast_and_lists_the_options(
    dataset: str, options: tuple[str, ...]
) -> None:
    start = time.perf_counter()
    with pytest.raises(NotAtHand) as caught:
        data_location.locate_data(dataset)
    assert time.perf_counter() - start < 10  # Milliseconds, or one second of a connection, on an idle machine.
    assert [option for option in options if option not in str(caught.value)] == []


@pytest.mark.usefixtures("no_data")
def test_an_unreachable_hub_is_noticed_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.perf_counter()
    with pytest.raises(NotAtHand, match="cannot be reached"):
        data_location.locate_data("ptb")
    assert time.perf_counter() - start < 10  # Milliseconds, or one second of a connection, on an idle machine.


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "ptbb"}, "Did you mean 'ptb'"),
        ({"dataset": "ptb", "source": "synthetik"}, "Did you mean 'synthetic'"),
        ({"dataset": "ptb", "source": "package"}, "no package contains 'ptb'"),
        ({"dataset": "sst2", "source": "synthetic"}, "no synthetic data in place of 'sst2'"),
        ({"dataset": "ptb", "source": "hub", "data_dir": "x"}, "exclude each other"),
        ({"dataset": "ptb", "data_dir": ""}, "must name a folder or a file"),
        ({"dataset": "multi30k", "data_dir": __file__}, "is a file; give the folder"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        data_location.locate_data(**options)


@pytest.mark.parametrize("name", ["../ptb", "/etc", "..", "ptb/../ptb", "", "ptb\0"])
def test_a_path_is_not_the_name_of_a_data_set(name: str) -> None:
    with pytest.raises(SeqbenchError, match="unknown data set"):
        data_location.locate_data(name)


@pytest.mark.parametrize("language", ["../../etc/passwd", "/etc/passwd", "en/../de", ""])
def test_a_path_is_not_a_language(tmp_path: Path, language: str) -> None:
    for split in ("train", "val", "test"):
        (tmp_path / f"{split}.en").write_text("a\n")
    with pytest.raises(NotAtHand, match="does not contain this data"):
        data_location.locate_data("multi30k", str(tmp_path), languages=("en", language))


def test_the_named_folder_comes_before_the_data_folder_and_that_before_downloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SEQBENCH_DATA", raising=False)
    downloaded = write_ptb(tmp_path / "cache" / "data" / "ptb")
    assert data_location.locate_data("ptb").files["train"] == (downloaded / PTB[0],)
    shared = write_ptb(tmp_path / "shared" / "ptb")
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path / "shared"))
    location = data_location.locate_data("ptb")
    assert location.files["train"] == (shared / PTB[0],)
    assert location.must_be_published
    mine = write_ptb(tmp_path / "mine")
    for folder in (mine, tmp_path / "shared"):  # The folder of the data set, or the data folder above it.
        location = data_location.locate_data("ptb", str(folder))
        assert location.files["test"][0].parent == (mine if folder == mine else shared)
        assert not location.must_be_published


@pytest.mark.usefixtures("no_data")
def test_the_hub_is_used_if_no_folder_has_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqbench.datamodules.sources.hub_download.hub_is_reachable", lambda: True)
    assert data_location.locate_data("ptb").source == "hub"
    assert data_location.locate_data("multi30k", languages=("en", "de")).languages == ("en", "de")
    with pytest.raises(NotAtHand):
        data_location.locate_data("ptb", source="folder")


def test_one_file_is_the_whole_collection(tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text("once")
    location = data_location.locate_data("ptb", str(tmp_path / "story.txt"))
    assert location.files == {"all": (tmp_path / "story.txt",)}
    assert not location.must_be_published


def test_a_part_is_named_by_its_files_or_by_the_data_set(tmp_path: Path) -> None:
    files = {"train": (tmp_path / "a.txt", tmp_path / "b.txt")}
    location = data_location.DataLocation("ptb", "folder", files)
    assert location.part_name("train") == f"{tmp_path / 'a.txt'}, {tmp_path / 'b.txt'}"
    assert location.part_name("test") == "'ptb', test"
    assert location.entry == find_dataset("ptb")


def test_published_files_are_all_there_or_none(tmp_path: Path) -> None:
    folder = write_ptb(tmp_path / "ptb")
    entry = find_dataset("ptb")
    assert set(data_location.published_files(tmp_path, entry, ())) == {"train", "validation", "test"}
    (folder / PTB[1]).unlink()
    assert data_location.published_files(tmp_path, entry, ()) == {}
