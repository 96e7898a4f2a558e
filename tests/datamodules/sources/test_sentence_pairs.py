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
