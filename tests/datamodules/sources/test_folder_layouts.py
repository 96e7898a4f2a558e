"""Files of a folder that does not have the published layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.datamodules.sources import folder_layouts
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def names_by_part(files: folder_layouts.Files) -> dict[str, list[str]]:
    return {part: [path.name for path in paths] for part, paths in files.items()}


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_splits_are_recognised_by_a_word_in_the_name(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "my-train.tsv", f"{name}.tsv", "Test_2.tsv")
    files = folder_layouts.sentence_files(tmp_path, ())
    assert names_by_part(files) == {"train": ["my-train.tsv"], "validation": [f"{name}.tsv"], "test": ["Test_2.tsv"]}


def test_several_files_of_a_split_are_kept_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "train-b.txt", "train-a.txt", "dev.txt", "test.txt")
    assert names_by_part(folder_layouts.text_files(tmp_path, ()))["train"] == ["train-a.txt", "train-b.txt"]


def test_files_without_splits_are_one_collection(tmp_path: Path) -> None:
    touch(tmp_path, "b.txt", "a.txt", "train.txt", "photo.png")
    assert names_by_part(folder_layouts.text_files(tmp_path, ())) == {"all": ["a.txt", "b.txt", "train.txt"]}
    assert folder_layouts.roll_files(tmp_path, ()) == {}


def test_texts_are_only_read_from_txt_files_and_sentences_also_from_tsv_files(tmp_path: Path) -> None:
    touch(tmp_path, "a.tsv", "b.txt")
    assert names_by_part(folder_layouts.text_files(tmp_path, ())) == {"all": ["b.txt"]}
    assert names_by_part(folder_layouts.sentence_files(tmp_path, ())) == {"all": ["a.tsv", "b.txt"]}


def test_two_splits_without_the_third_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train.tsv", "test.tsv")
    with pytest.raises(SeqbenchError, match=r"contains test\.tsv, train\.tsv|train\.tsv.* but no validation file"):
        folder_layouts.sentence_files(tmp_path, ())


def test_several_collections_of_rolls_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.mat")
    assert names_by_part(folder_layouts.roll_files(tmp_path, ())) == {"all": ["a.mat"]}
    touch(tmp_path, "b.json")
    with pytest.raises(SeqbenchError, match=r"several collections \(a\.mat, b\.json\)"):
        folder_layouts.roll_files(tmp_path, ())


def test_pairs_are_the_files_of_both_languages(tmp_path: Path) -> None:
    touch(tmp_path, "train.en.gz", "train.fr", "val.en", "val.fr.gz", "test_2016.en", "test_2016.fr", "train.de")
    files = folder_layouts.pair_files(tmp_path, ("en", "fr"))
    assert list(files) == [f"{split}/{language}" for split in SPLITS for language in ("en", "fr")]
    assert names_by_part(files)["train/en"] == ["train.en.gz"]
    assert names_by_part(files)["test/fr"] == ["test_2016.fr"]
    assert folder_layouts.pair_files(tmp_path, ("en", "de")) == {}


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
