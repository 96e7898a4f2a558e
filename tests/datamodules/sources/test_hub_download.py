"""The hub path for real: ``datasets.load_dataset`` on a local parquet repository of the hub's layout."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from seqbench.datamodules.sources import data_files, data_location, hub_download, published_datasets, texts
from seqbench.datamodules.sources.folder_layouts import SPLITS
from seqbench.utils.errors import SeqbenchError


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
def test_rows_become_the_published_files_and_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = repository(tmp_path / tmp_path.name, {split: {"sentence": rows} for split, rows in WORDS.items()})
    put(monkeypatch, "ptb", place, PUBLISHED)
    found = data_location.locate_data("ptb")
    assert found.source == "hub"
    assert texts.read_texts(found).splits == PUBLISHED
    assert data_location.is_published("ptb", data_location.file_checksums(found))
    again = data_location.locate_data("ptb")
    assert again.source == "folder"
    assert texts.read_texts(again).splits == PUBLISHED
    assert (data_files.fetched_folder() / "ptb" / "ptb.valid.txt").read_text() == PUBLISHED["validation"]


@pytest.mark.usefixtures("connected")
def test_rows_that_are_not_the_published_ones_leave_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = repository(tmp_path / tmp_path.name, {split: {"sentence": rows} for split, rows in WORDS.items()})
    put(monkeypatch, "ptb", place, {**PUBLISHED, "test": " f \n"})
    with pytest.raises(SeqbenchError, match=r"ptb\.test\.txt of 'ptb' from the hub .* is not the published file"):
        data_location.read_contents(data_location.locate_data("ptb"), "text")
    assert not data_files.fetched_folder().exists()
    put(monkeypatch, "ptb", place, PUBLISHED, lines={"": "{words}\n"})
    with pytest.raises(SeqbenchError, match="could not be read from the hub"):
        data_location.read_contents(data_location.locate_data("ptb"), "text")


@pytest.mark.usefixtures("connected")
def test_one_column_for_each_language_and_files_without_a_last_line_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {split: {"en": [f"{split} one", "two"], "de": [f"{split} eins", "zwei"]} for split in SPLITS}
    published = {f"{s}/{w}": "\n".join(columns[w]) + "\n" for s, columns in rows.items() for w in ("en", "de")}
    published["test/de"] = published["test/de"][:-1]
    put(monkeypatch, "multi30k", repository(tmp_path / tmp_path.name, rows), published)
    parts, _ = data_location.read_contents(data_location.locate_data("multi30k", languages=("en", "de")), "pairs")
    assert {part: data.decode() for part, data in parts.items()} == published
    assert (data_files.fetched_folder() / "multi30k-en-de" / "train.en").is_file()


@pytest.mark.usefixtures("connected")
def test_labels_beside_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {split: {"text": ["good", "bad"], "label": [1, 0], "label_text": ["p", "n"]} for split in SPLITS}
    put(monkeypatch, "sst2", repository(tmp_path / tmp_path.name, rows), dict.fromkeys(SPLITS, "good\t1\nbad\t0"))
    parts, _ = data_location.read_contents(data_location.locate_data("sst2"), "sentences")
    assert parts == dict.fromkeys(SPLITS, b"good\t1\nbad\t0")
