"""Files of a folder that does not have the published layout."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqbench.datamodules.sources import folder_layouts
from seqbench.datamodules.sources.split_names import split_in_name
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def names_by_part(found: folder_layouts.FoundFiles) -> dict[str, list[str]]:
    return {part: [path.name for path in paths] for part, paths in found.files.items()}


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_splits_are_recognised_by_a_word_in_the_name(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "my-train.tsv", f"{name}.tsv", "Test_2.tsv")
    files = folder_layouts.sentence_files(tmp_path, ())
    assert names_by_part(files) == {"train": ["my-train.tsv"], "validation": [f"{name}.tsv"], "test": ["Test_2.tsv"]}


def test_several_files_of_a_split_are_kept_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "train-b.txt", "train-a.txt", "dev.txt", "test.txt")
    assert names_by_part(folder_layouts.text_files(tmp_path, ()))["train"] == ["train-a.txt", "train-b.txt"]


def test_files_without_splits_are_one_collection(tmp_path: Path) -> None:
    touch(tmp_path, "b.txt", "a.TXT", "c.txt.gz", "latest.txt", "photo.png", ".a.txt")
    (tmp_path / "d.txt").mkdir()
    found = folder_layouts.text_files(tmp_path, ())
    assert names_by_part(found) == {"all": ["a.TXT", "b.txt", "c.txt.gz", "latest.txt"]}
    assert found.notes == ("not read: .a.txt (hidden), d.txt (a folder), photo.png",)
    assert folder_layouts.roll_files(tmp_path, ()).files == {}


def test_texts_are_only_read_from_txt_files_and_sentences_also_from_tsv_files(tmp_path: Path) -> None:
    touch(tmp_path, "a.tsv", "b.txt")
    assert names_by_part(folder_layouts.text_files(tmp_path, ())) == {"all": ["b.txt"]}
    assert names_by_part(folder_layouts.sentence_files(tmp_path, ())) == {"all": ["a.tsv", "b.txt"]}


def test_two_splits_without_the_third_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train.tsv", "test.tsv")
    message = (
        r"contains test\.tsv \(test\), train\.tsv \(train\) but no validation file\. .* there is also dev\.tsv, or give"
    )
    with pytest.raises(SeqbenchError, match=message):
        folder_layouts.sentence_files(tmp_path, ())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("reviews.tsv", "test.tsv"), r"test\.tsv \(test\) but no train and no validation file, beside reviews\.tsv"),
        (("corpus.csv", "TRAIN.csv"), r"TRAIN\.csv \(train\) .* also dev\.csv, test\.csv"),
        (("dev.txt", "a.txt", "b.tsv"), r"beside a\.txt and b\.tsv, whose name says no split"),
        (
            ("train_1.tsv", "train_2.tsv"),
            r"train_1\.tsv \(train\), train_2\.tsv \(train\) but no validation and no test",
        ),
        (("test.txt",), r"give a single file with --task\.data_dir"),
        (("train-test.tsv",), "says test and train; rename"),
        (("eval.tsv", "train.tsv"), "may mean validation or test"),
        (("data_tr.tsv", "data_te.tsv"), "'te' in the name of data_te.tsv may mean test"),
        (("a.tsv", "a.csv"), r"contains a\.csv and a\.tsv, which seem to hold the same data"),
        (("train.tsv", "train.tsv.gz"), r"train\.tsv and train\.tsv\.gz"),
    ],
)
def test_a_file_with_the_name_of_a_split_is_never_joined_with_others(
    tmp_path: Path, names: tuple[str, ...], message: str
) -> None:
    touch(tmp_path, *names)
    with pytest.raises(SeqbenchError, match=message):
        folder_layouts.sentence_files(tmp_path, ())


PLAIN = st.text("abcdfghijkmoquwxyz", min_size=1, max_size=6).filter(lambda name: split_in_name(name) is None)
SPLIT_WORDS = [
    "train",
    "training",
    "trainset",
    "dev",
    "valid",
    "val",
    "validation",
    "devdata",
    "test",
    "testing",
    "devtest",
]


@given(
    words=st.lists(st.sampled_from(SPLIT_WORDS), min_size=1, max_size=4),
    plain=st.lists(PLAIN, max_size=3, unique=True),
    before=st.sampled_from(["", "my_", "a-", "x.", "2013."]),
    after=st.sampled_from(["", "_1", ".v2", "-final", "2"]),
    change=st.sampled_from([str.lower, str.upper, str.title]),
)
def test_no_file_with_the_name_of_a_split_is_in_a_part_that_is_divided(
    words: list[str], plain: list[str], before: str, after: str, change: Callable[[str], str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        touch(
            Path(folder), *(f"{before}{change(word)}{after}.tsv" for word in words), *(f"{name}.tsv" for name in plain)
        )
        splits = {str(split_in_name(word)) for word in words}
        if len(splits) < 3:
            with pytest.raises(SeqbenchError, match="but no "):
                folder_layouts.sentence_files(Path(folder), ())
        else:
            found = folder_layouts.sentence_files(Path(folder), ())
            assert set(found.files) == set(SPLITS)
            assert not {f"{name}.tsv" for name in plain} & {p.name for part in found.files.values() for p in part}
            assert all(name in " ".join(found.notes) for name in plain)


def test_descriptions_are_no_data_and_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "README.txt", "LICENSE.txt", "notes.txt", "a.txt")
    found = folder_layouts.text_files(tmp_path, ())
    assert names_by_part(found) == {"all": ["a.txt"]}
    note = "not read: LICENSE.txt (a description), README.txt (a description), notes.txt (a description)"
    assert found.notes == (note,)
    (tmp_path / "a.txt").unlink()
    assert folder_layouts.text_files(tmp_path, ()).files == {}


def test_joined_files_and_files_without_a_split_beside_splits_are_named(tmp_path: Path) -> None:
    touch(tmp_path, "train-a.txt", "train-b.txt", "dev.txt", "test.txt", "extra.txt", "photo.png")
    assert folder_layouts.text_files(tmp_path, ()).notes == (
        "train is train-a.txt and train-b.txt, joined",
        "not read: extra.txt (its name says no split), photo.png",
    )


def test_json_is_only_read_without_other_tables(tmp_path: Path) -> None:
    touch(tmp_path, "a.jsonl", "info.json")
    assert names_by_part(folder_layouts.sentence_files(tmp_path, ())) == {"all": ["a.jsonl", "info.json"]}
    touch(tmp_path, "b.csv")
    found = folder_layouts.sentence_files(tmp_path, ())
    assert (names_by_part(found), found.notes) == ({"all": ["b.csv"]}, ("not read: a.jsonl, info.json",))


def test_json_files_named_by_split_are_read_beside_a_stray_table(tmp_path: Path) -> None:
    touch(tmp_path, "train.jsonl", "dev.jsonl", "test.jsonl", "extra.txt")
    found = folder_layouts.sentence_files(tmp_path, ())
    assert names_by_part(found) == {"train": ["train.jsonl"], "validation": ["dev.jsonl"], "test": ["test.jsonl"]}
    assert found.notes == ("not read: extra.txt",)
    (tmp_path / "dev.jsonl").unlink()
    with pytest.raises(SeqbenchError, match="but no validation file"):
        folder_layouts.sentence_files(tmp_path, ())


def test_a_folder_of_other_formats_has_a_way_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.parquet", "b.zip")
    (tmp_path / "train").mkdir()
    text = folder_layouts.describe_folder(tmp_path)
    assert text == (
        "a.parquet, b.zip, train/ (a.parquet: save it as CSV; b.zip: unpack it; folders inside are not searched)"
    )


def test_several_collections_of_rolls_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mat")
    assert names_by_part(folder_layouts.roll_files(tmp_path, ())) == {"all": ["a.mat"]}
    touch(tmp_path, "b.json")
    with pytest.raises(SeqbenchError, match=r"several collections \(a\.mat, b\.json\)"):
        folder_layouts.roll_files(tmp_path, ())


def test_pairs_are_the_files_of_both_languages(tmp_path: Path) -> None:
    touch(tmp_path, "train.en.gz", "train.fr", "val.en", "val.fr.gz", "test_2016.en", "test_2016.fr", "train.de")
    found = folder_layouts.pair_files(tmp_path, ("en", "fr"))
    assert list(found.files) == [f"{split}/{language}" for split in SPLITS for language in ("en", "fr")]
    assert names_by_part(found)["train/en"] == ["train.en.gz"]
    assert names_by_part(found)["test/fr"] == ["test_2016.fr"]
    assert found.notes == ("not read: train.de",)
    assert folder_layouts.pair_files(tmp_path, ("en", "de")).files == {}


def test_two_files_for_one_part_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "test_2016.en", "test_2017.en")
    with pytest.raises(SeqbenchError, match=r"two files for test/en: test_2016\.en and test_2017\.en"):
        folder_layouts.pair_files(tmp_path, ("en", "fr"))


def test_a_folder_is_described_by_its_first_five_names(tmp_path: Path) -> None:
    assert folder_layouts.describe_folder(tmp_path) == "nothing"
    touch(tmp_path, *"gfedcba")
    assert folder_layouts.describe_folder(tmp_path) == "a, b, c, d, e and 2 more"
    with pytest.raises(SeqbenchError, match="cannot be listed"):
        folder_layouts.describe_folder(tmp_path / "none")


def test_each_format_has_a_layout() -> None:
    assert set(folder_layouts.LAYOUTS) == {"text", "sentences", "rolls", "pairs"}
    assert all(layout.description for layout in folder_layouts.LAYOUTS.values())
