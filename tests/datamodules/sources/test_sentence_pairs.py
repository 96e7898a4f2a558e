from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.datamodules.sources import data_location, sentence_pairs, synthetic_pairs
from seqbench.utils.errors import SeqbenchError


def put(folder: Path, **changed: str) -> Path:
    lines = {
        f"{split}.{language}": f"{language} {split}\n"
        for split in ("train", "val", "test")
        for language in ("en", "fr")
    }
    for name, text in {**lines, **{name.replace("_", "."): text for name, text in changed.items()}}.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def read(folder: Path) -> sentence_pairs.SentencePairs:
    return sentence_pairs.read_sentence_pairs(
        data_location.locate_data("multi30k", str(folder), languages=("en", "fr"))
    )


def test_line_n_of_both_files_makes_pair_n(tmp_path: Path) -> None:
    result = read(put(tmp_path, train_en="a b \r\nc\u2028d\n", train_fr="é\nf"))
    assert result.splits["train"] == (["a b", "c\u2028d"], ["é", "f"])
    assert result.splits["test"] == (["en test"], ["fr test"])
    assert not result.exact


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"train_en": "a\nb\n"}, r"train\.en has 2 lines and train\.fr has 1: each line must be"),
        ({"val_en": "a\n\n", "val_fr": "b\nc\n"}, r"val\.en has an empty sentence in line 2"),
        ({"test_fr": "  \n"}, r"test\.fr has an empty sentence in line 1"),
        ({"test_en": ""}, r"test\.en is empty"),
    ],
)
def test_files_that_are_not_parallel_are_refused(tmp_path: Path, changed: dict[str, str], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        read(put(tmp_path, **changed))


def test_the_published_pairs_have_their_published_size(real_data: Path) -> None:
    result = sentence_pairs.read_sentence_pairs(data_location.locate_data("multi30k", languages=("de", "en")))
    assert {split: len(both[0]) for split, both in result.splits.items()} == {
        "train": 29_000,
        "validation": 1014,
        "test": 1000,
    }
    assert result.splits["test"][1][0] == "A man in an orange hat starring at something."


def test_the_synthetic_pairs_are_exact() -> None:
    location = data_location.locate_data("multi30k", source="synthetic", languages=("en", "de"))
    pairs = sentence_pairs.read_sentence_pairs(location)
    assert pairs.exact
    assert {split: len(both[0]) for split, both in pairs.splits.items()} == synthetic_pairs.SIZES


@pytest.mark.parametrize(("source", "target"), [("source", "target"), ("en", "fr"), ('"English"', '"French"')])
def test_a_header_in_both_files_is_not_a_pair_and_is_said(tmp_path: Path, source: str, target: str) -> None:
    result = read(put(tmp_path, val_en=f"{source}\na\nb\n", val_fr=f"{target}\nc\nd\n"))
    assert result.splits["validation"] == (["a", "b"], ["c", "d"])
    assert result.notes == (f"line 1 of val.en and val.fr is read as a header: '{source}' and '{target}'",)
    assert result.first_lines == {"train": 1, "validation": 2, "test": 1}


@pytest.mark.parametrize(
    ("source", "target"), [("text", "text"), ("source", "Quelle"), ("en", "the target"), ("a", "fr")]
)
def test_a_first_pair_is_not_hidden(tmp_path: Path, source: str, target: str) -> None:
    result = read(put(tmp_path, val_en=f"{source}\na\n", val_fr=f"{target}\nc\n"))
    assert result.splits["validation"] == ([source, "a"], [target, "c"])
    assert result.notes == ()


def test_a_header_in_one_file_only_is_named(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match=r"Line 1 of val\.en, 'English', may be a header; remove it"):
        read(put(tmp_path, val_en="English\na\n", val_fr="c\n"))
