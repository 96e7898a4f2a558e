from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest

from seqbench.datamodules.sources import data_files, data_location, folder_layouts, published_datasets
from seqbench.utils.errors import SeqbenchError

PTB = ("ptb.train.txt", "ptb.valid.txt", "ptb.test.txt")


def test_a_folder_without_data_names_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(b"")
    with pytest.raises(SeqbenchError, match=r"expected ptb\.train\.txt, ptb\.valid\.txt.* found photo\.png"):
        data_location.locate_data("ptb", str(tmp_path))
    with pytest.raises(SeqbenchError, match="neither a folder nor a file"):
        data_location.locate_data("ptb", str(tmp_path / "none"))
    with pytest.raises(SeqbenchError, match=r"train\.LANGUAGE.* found photo\.png"):
        data_location.locate_data("multi30k", str(tmp_path), languages=("en", "fr"))


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize(
    ("dataset", "ways"),
    [
        ("ptb", ("(1)", "(2)", "unset HF_HUB_OFFLINE", "--task.source synthetic", *PTB)),
        ("sst2-phrases", ("no hub has them", "sst2/train.tsv")),
        ("jsb", ("--task.source package", "--task.source synthetic", "JSB_Chorales.mat")),
        ("multi30k", ("train.en.gz", "--task.source synthetic", "bentrevett/multi30k")),
    ],
)
def test_neither_network_nor_folder_fails_at_once_with_the_ways_out(dataset: str, ways: tuple[str, ...]) -> None:
    start = time.perf_counter()
    with pytest.raises(SeqbenchError) as caught:
        data_location.locate_data(dataset)
    assert time.perf_counter() - start < 2
    assert [way for way in ways if way not in str(caught.value)] == []


@pytest.mark.usefixtures("no_data")
def test_an_unreachable_hub_fails_within_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.perf_counter()
    with pytest.raises(SeqbenchError, match="cannot be reached"):
        data_location.locate_data("ptb")
    assert time.perf_counter() - start < 2


def test_a_changed_file_in_the_data_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tinyshakespeare").mkdir()
    (tmp_path / "tinyshakespeare" / "input.txt").write_text("not the plays " * 50)
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path))
    with pytest.raises(SeqbenchError, match=r"input\.txt of 'tinyshakespeare' .* is not the published file"):
        data_location.read_contents(data_location.locate_data("tinyshakespeare"), "text")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dataset": "ptbb"}, "Did you mean 'ptb'"),
        ({"dataset": "ptb", "source": "synthetik"}, "Did you mean 'synthetic'"),
        ({"dataset": "ptb", "source": "package"}, "no package holds 'ptb'"),
        ({"dataset": "sst2", "source": "synthetic"}, "no synthetic stand-in for 'sst2'; the tasks sentiment-order"),
        ({"dataset": "ptb", "source": "hub", "data_dir": "x"}, "exclude each other"),
        ({"dataset": "ptb", "data_dir": ""}, "must name a folder or a file"),
    ],
)
def test_a_mistake_is_one_sentence(options: dict[str, str], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        data_location.locate_data(**options)  # type: ignore[arg-type]


def test_every_entry_of_the_table_is_whole() -> None:
    for name, entry in published_datasets.DATASETS.items():
        assert entry.format in folder_layouts.LAYOUTS, name
        assert set(entry.files) == set(entry.sha256), name
        assert set(entry.rows) == set(folder_layouts.SPLITS), name
        assert all(len(value) == 64 for value in entry.sha256.values()), name


@pytest.mark.parametrize("name", published_datasets.DATASETS)
def test_the_published_files_are_known_by_their_checksums(real_data: Path, name: str) -> None:
    languages = ("en", "de") if published_datasets.find_dataset(name).format == "pairs" else ()
    place = data_location.locate_data(name, languages=languages)
    assert data_location.is_published(name, data_location.file_checksums(place))
    assert set(data_location.read_contents(place, published_datasets.find_dataset(name).format)[0]) == set(
        published_datasets.find_dataset(name).files
    )


def pair_folder(folder: Path, names: dict[str, str]) -> Path:
    for name, text in names.items():
        data = text.encode()
        (folder / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return folder


def test_a_folder_of_other_languages(tmp_path: Path) -> None:
    names = {"train.en.gz": "a\n", "train.fr": "b\n", "val.en": "c\n", "val.fr.gz": "d\n"}
    names |= {"test_2016_flickr.en": "e\n", "test_2016_flickr.fr": "f\n", "train.de": "no\n"}
    place = data_location.locate_data("multi30k", str(pair_folder(tmp_path, names)), languages=("en", "fr"))
    parts, sums = data_location.read_contents(place, "pairs")
    assert parts == {
        **{"train/en": b"a\n", "train/fr": b"b\n", "validation/en": b"c\n", "validation/fr": b"d\n"},
        **{"test/en": b"e\n", "test/fr": b"f\n"},
    }
    assert not data_location.is_published("multi30k", sums)
    (tmp_path / "test_2017.en").write_text("x\n")
    with pytest.raises(SeqbenchError, match=r"two files for test/en: test_2016_flickr\.en and test_2017\.en"):
        data_location.locate_data("multi30k", str(tmp_path), languages=("en", "fr"))


def test_packed_and_unpacked_files_are_the_same_data(tmp_path: Path, real_data: Path) -> None:
    for path in (real_data / "multi30k-en-de").glob("*.gz"):
        (tmp_path / path.name.removesuffix(".gz")).write_bytes(gzip.decompress(path.read_bytes()))
    place = data_location.locate_data("multi30k", str(tmp_path), languages=("en", "de"))
    assert data_location.is_published("multi30k", data_location.file_checksums(place))


def test_a_truncated_gzip_file_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(b"some lines\n" * 5000)
    for cut in (whole[: len(whole) // 2], b"no gzip at all", whole[:-4] + b"\0\0\0\0"):
        (tmp_path / "train.en.gz").write_bytes(cut)
        with pytest.raises(SeqbenchError, match="is no whole gzip file"):
            data_files.read_file(tmp_path / "train.en.gz")


def test_several_collections_must_be_told_apart(tmp_path: Path) -> None:
    for name in ("a.mat", "b.json"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(SeqbenchError, match=r"several collections \(a\.mat, b\.json\)"):
        data_location.locate_data("jsb", str(tmp_path))


def test_a_data_set_of_another_kind_is_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"'ptb' holds text, and this task reads rolls; give .* jsb, nottingham"):
        data_location.read_contents(data_location.DataLocation("ptb", "folder"), "rolls")


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_splits_are_known_by_their_names(tmp_path: Path, name: str) -> None:
    for split in ("train", name, "my-test"):
        (tmp_path / f"{split}.tsv").write_text("a\t1\n")
    assert set(data_location.locate_data("sst2", str(tmp_path)).files) == set(folder_layouts.SPLITS)


def test_a_missing_split_is_not_made_up(tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / f"{split}.tsv").write_text("a\t1\n")
    with pytest.raises(SeqbenchError, match=r"holds test\.tsv, train\.tsv|train\.tsv.* but no validation file"):
        data_location.locate_data("sst2", str(tmp_path))


def test_a_wrong_file_is_refused_also_where_it_was_prepared_before(
    tmp_path: Path, real_data: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    from seqbench.datamodules.labelled import Sentences
    from seqbench.protocol.batches import Keys

    for path in published_datasets.find_dataset("sst2").files.values():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes((real_data / path).read_bytes())
    with (tmp_path / "sst2-sentences/train.tsv").open("a") as file:
        file.write("\none more\t1")
    options = {"dataset": "sst2", "batch_size": 8, "keys": Keys(0, "s", 1)}
    Sentences(**options, data_dir=str(tmp_path))
    monkeypatch.setenv("SEQBENCH_DATA", str(tmp_path))
    with pytest.raises(SeqbenchError, match=r"train\.tsv of 'sst2' .* is not the published file"):
        Sentences(**options)
