"""Contents of located data: links of the user are followed, and files in data folders must be the published ones."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
from pathlib import Path

import pytest

from seqbench.datamodules.sources import data_contents, data_location, published_datasets
from seqbench.utils.errors import NotAtHand, SeqbenchError

TEXT = b"to be, or not to be " * 30


@pytest.mark.parametrize("link", ["folder", "file", "file outside the folder", "chain of links"])
def test_links_in_a_folder_of_the_user_are_followed(tmp_path: Path, link: str) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "play").write_bytes(TEXT)
    folder = tmp_path / "data"
    if link == "folder":
        (tmp_path / "shared" / "text.txt").write_bytes(TEXT)
        folder.symlink_to(tmp_path / "shared")
    else:
        folder.mkdir()
        (folder / "play").write_bytes(TEXT)
        targets = {
            "file": "play",
            "file outside the folder": str(tmp_path / "shared" / "play"),
            "chain of links": "up/play",
        }
        (folder / "up").symlink_to("../shared")
        (folder / "text.txt").symlink_to(targets[link])
    for path in (folder, folder / "text.txt"):
        location = data_location.locate_data("ptb", str(path))
        parts, checksums = data_contents.read_contents(location, "text")
        assert parts == {"all": TEXT}
        assert checksums == {"all/text.txt": hashlib.sha256(TEXT).hexdigest()}


def test_published_files_may_be_links(tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").symlink_to(real_data / "tinyshakespeare" / "input.txt")
    checksums = data_contents.verified_checksums(data_location.locate_data("tinyshakespeare", str(tmp_path)))
    assert data_contents.is_published("tinyshakespeare", checksums)
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path))
    assert data_contents.verified_checksums(data_location.locate_data("tinyshakespeare")) == checksums


def changed_plays(folder: Path) -> Path:
    """Return a data folder in which a file has the name but not the contents of a published file."""
    (folder / "tinyshakespeare").mkdir()
    (folder / "tinyshakespeare" / "input.txt").write_bytes(TEXT)
    return folder


def test_a_changed_file_in_a_data_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQBENCH_DATA", str(changed_plays(tmp_path)))
    location = data_location.locate_data("tinyshakespeare")
    expected = published_datasets.find_dataset("tinyshakespeare").sha256["all"][:16]
    message = rf"input\.txt of 'tinyshakespeare' .* not the published file: expected the SHA-256 {expected}"
    with pytest.raises(NotAtHand, match=message):
        data_contents.verified_checksums(location)
    with pytest.raises(NotAtHand, match=message):
        data_contents.read_contents(location, "text")


def test_a_changed_file_in_a_folder_of_the_user_is_other_data(tmp_path: Path) -> None:
    location = data_location.locate_data("tinyshakespeare", str(changed_plays(tmp_path)))
    parts, checksums = data_contents.read_contents(location, "text")
    assert parts == {"all": TEXT}
    assert not data_contents.is_published("tinyshakespeare", checksums)


def test_the_files_of_one_part_are_joined_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / f"{name}.txt").write_text(name)
    parts, checksums = data_contents.read_contents(data_location.locate_data("ptb", str(tmp_path)), "text")
    assert parts == {"all": b"ab"}
    assert set(checksums) == {"all/a.txt", "all/b.txt"}


def test_published_data_is_recognised_by_checksum_and_part() -> None:
    published = published_datasets.find_dataset("ptb").sha256
    assert data_contents.is_published("ptb", {f"{part}/any": checksum for part, checksum in published.items()})
    swapped = dict(zip(published, reversed(list(published.values())), strict=True))
    assert not data_contents.is_published("ptb", {f"{part}/any": checksum for part, checksum in swapped.items()})
    assert not data_contents.is_published("ptb", {"train/any": published["train"]})


def test_a_published_file_in_the_place_of_another_part_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = published_datasets.find_dataset("ptb")
    contents = {part: f"text of {part}".encode() for part in entry.files}
    checksums = {part: hashlib.sha256(data).hexdigest() for part, data in contents.items()}
    monkeypatch.setattr(published_datasets, "DATASETS", {"ptb": dataclasses.replace(entry, sha256=checksums)})
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path))
    (tmp_path / "ptb").mkdir()
    for part, path in entry.files.items():
        (tmp_path / path).write_bytes(contents[part])
    assert data_contents.read_contents(data_location.locate_data("ptb"), "text")[0] == contents
    (tmp_path / entry.files["train"]).write_bytes(contents["test"])
    with pytest.raises(NotAtHand, match=r"ptb\.train\.txt of 'ptb'"):
        data_contents.verified_checksums(data_location.locate_data("ptb"))


def test_data_without_files_is_identified_by_its_source() -> None:
    hub = data_contents.file_checksums(data_location.DataLocation("ptb", "hub"))
    assert data_contents.is_published("ptb", hub)
    assert hub["train/ptb.train.txt"] == published_datasets.find_dataset("ptb").sha256["train"]
    synthetic = data_contents.file_checksums(data_location.locate_data("ptb", source="synthetic"))
    assert synthetic == {"all/synthetic": "1"}


def test_a_data_set_of_another_format_is_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"'ptb' contains text, but this task reads rolls; give .* jsb, nottingham"):
        data_contents.read_contents(data_location.DataLocation("ptb", "folder"), "rolls")


@pytest.mark.parametrize("name", published_datasets.DATASETS)
def test_the_published_files_have_the_checksums_of_the_table(real_data: Path, name: str) -> None:
    entry = published_datasets.find_dataset(name)
    location = data_location.locate_data(name, languages=entry.languages)
    assert data_contents.is_published(name, data_contents.file_checksums(location))
    assert set(data_contents.read_contents(location, entry.format)[0]) == set(entry.files)


def test_published_files_may_be_unpacked(tmp_path: Path, real_data: Path) -> None:
    for path in (real_data / "multi30k-en-de").glob("*.gz"):
        (tmp_path / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    location = data_location.locate_data("multi30k", str(tmp_path), languages=("en", "de"))
    assert data_contents.is_published("multi30k", data_contents.file_checksums(location))


def test_a_changed_file_is_also_refused_if_it_was_prepared_before(
    tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    from seqbench.datamodules.labelled import Sentences
    from seqbench.protocol.batches import Keys

    for path in published_datasets.find_dataset("sst2").files.values():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes((real_data / path).read_bytes())
    with (tmp_path / "sst2-sentences/train.tsv").open("a") as file:
        file.write("\none more\t1")
    keys = Keys(0, "s", 1)
    Sentences(dataset="sst2", batch_size=8, keys=keys, data_dir=str(tmp_path))
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path))
    with pytest.raises(SeqbenchError, match=r"train\.tsv of 'sst2' .* is not the published file"):
        Sentences(dataset="sst2", batch_size=8, keys=keys)
