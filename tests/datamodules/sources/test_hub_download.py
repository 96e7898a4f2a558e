"""Downloads with ``datasets.load_dataset`` from a local parquet repository with the layout of the hub."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from seqbench.datamodules.sources import (
    data_contents,
    data_files,
    data_location,
    hub_download,
    published_datasets,
    texts,
)
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import NotAtHand, SeqbenchError


def repository(folder: Path, rows: dict[str, dict[str, list[Any]]]) -> str:
    import datasets

    for split, columns in rows.items():
        (folder / split).mkdir(parents=True)
        datasets.Dataset.from_dict(columns).to_parquet(str(folder / split / f"{split}.parquet"))
    listed = "".join(f"  - split: {split}\n    path: {split}/*.parquet\n" for split in rows)
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files:\n{listed}---\n")
    return str(folder)


@pytest.fixture
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("SEQBENCH_DATA", raising=False)
    monkeypatch.setattr(hub_download, "hub_is_reachable", lambda: True)


def put(monkeypatch: pytest.MonkeyPatch, name: str, place: str, published: dict[str, str], **changed: Any) -> None:
    entry = published_datasets.find_dataset(name)
    assert entry.hub is not None
    sums = {part: hashlib.sha256(text.encode()).hexdigest() for part, text in published.items()}
    ours = dataclasses.replace(entry, hub=dataclasses.replace(entry.hub, id=place, revision=None, **changed))
    monkeypatch.setattr(published_datasets, "DATASETS", {name: dataclasses.replace(ours, sha256=sums)})


WORDS = {"train": ["a b", "c"], "validation": ["d <unk>"], "test": ["e"]}
PUBLISHED = {"train": " a b \n c \n", "validation": " d <unk> \n", "test": " e \n"}


@pytest.mark.usefixtures("connected")
def test_rows_become_the_published_files_and_are_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = repository(tmp_path / tmp_path.name, {split: {"sentence": rows} for split, rows in WORDS.items()})
    put(monkeypatch, "ptb", place, PUBLISHED)
    result = data_location.locate_data("ptb")
    assert result.source == "hub"
    assert texts.read_texts(result).splits == PUBLISHED
    assert data_contents.is_published("ptb", data_contents.file_checksums(result))
    again = data_location.locate_data("ptb")
    assert again.source == "folder"
    assert texts.read_texts(again).splits == PUBLISHED
    assert (data_files.fetched_folder() / "ptb" / "ptb.valid.txt").read_text() == PUBLISHED["validation"]


@pytest.mark.usefixtures("connected")
def test_rows_that_differ_from_the_published_files_are_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = repository(tmp_path / tmp_path.name, {split: {"sentence": rows} for split, rows in WORDS.items()})
    put(monkeypatch, "ptb", place, {**PUBLISHED, "test": " f \n"})
    with pytest.raises(SeqbenchError, match=r"ptb\.test\.txt of 'ptb' from the hub .* is not the published file"):
        data_contents.read_contents(data_location.locate_data("ptb"), "text")
    assert not data_files.fetched_folder().exists()
    put(monkeypatch, "ptb", place, PUBLISHED, row_templates={"": "{words}\n"})
    with pytest.raises(SeqbenchError, match="could not be read from the hub"):
        data_contents.read_contents(data_location.locate_data("ptb"), "text")


@pytest.mark.usefixtures("connected")
def test_pairs_have_one_column_per_language_and_the_last_line_end_is_optional(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {split: {"en": [f"{split} one", "two"], "de": [f"{split} eins", "zwei"]} for split in SPLITS}
    published = {f"{s}/{w}": "\n".join(columns[w]) + "\n" for s, columns in rows.items() for w in ("en", "de")}
    published["test/de"] = published["test/de"][:-1]
    put(monkeypatch, "multi30k", repository(tmp_path / tmp_path.name, rows), published)
    parts, _ = data_contents.read_contents(data_location.locate_data("multi30k", languages=("en", "de")), "pairs")
    assert {part: data.decode() for part, data in parts.items()} == published
    assert (data_files.fetched_folder() / "multi30k-en-de" / "train.en").is_file()


@pytest.mark.usefixtures("connected")
def test_labels_follow_their_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: dict[str, dict[str, list[Any]]] = {
        split: {"text": ["good", "bad"], "label": [1, 0], "label_text": ["p", "n"]} for split in SPLITS
    }
    put(monkeypatch, "sst2", repository(tmp_path / tmp_path.name, rows), dict.fromkeys(SPLITS, "good\t1\nbad\t0"))
    parts, _ = data_contents.read_contents(data_location.locate_data("sst2"), "sentences")
    assert parts == dict.fromkeys(SPLITS, b"good\t1\nbad\t0")


def test_offline_variables_and_a_closed_port_make_the_hub_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_download.network, "is_reachable", lambda url: url == "http://mirror")
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror")
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    assert hub_download.hub_is_reachable()
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setenv(name, "on")
        assert not hub_download.hub_is_reachable()
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_ENDPOINT", "http://elsewhere")
    assert not hub_download.hub_is_reachable()


@pytest.mark.usefixtures("connected")
def test_a_data_set_that_is_not_on_a_hub_names_its_files() -> None:
    with pytest.raises(NotAtHand, match=r"'jsb' is not on a hub; copy .*JSB_Chorales"):
        hub_download.fetch_dataset("jsb", published_datasets.find_dataset("jsb"))


@pytest.mark.usefixtures("connected")
def test_a_folder_that_is_not_writable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = repository(tmp_path / tmp_path.name, {split: {"sentence": rows} for split, rows in WORDS.items()})
    put(monkeypatch, "ptb", place, PUBLISHED)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SEQBENCH_CACHE", str(tmp_path / "file" / "below"))
    with pytest.raises(NotAtHand, match="Set SEQBENCH_CACHE"):
        data_contents.read_contents(data_location.locate_data("ptb"), "text")
