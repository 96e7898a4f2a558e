"""Splits and descriptions that file names say."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.datamodules.sources.split_names import is_documentation, join_names, split_in_name
from seqbench.utils.errors import SeqbenchError


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (("train.tsv", "Training_2.txt", "my-train.csv", "trainset.txt", "sstTrain.tsv", "ptb.train.txt"), "train"),
        (("dev.tsv", "valid.txt", "val_1.csv", "VALIDATION.txt", "devset2.txt", "newsdev2016.en"), "validation"),
        (("test.tsv", "testing.txt", "a.test.csv", "testdata.txt", "test2016.de", "newstest2014.de"), "test"),
        (("latest.txt", "contest.tsv", "reviews.csv", "trains.txt", "invalid.txt", "developer.txt", "1.txt"), None),
    ],
)
def test_a_split_is_a_word_of_the_name(names: tuple[str, ...], split: str | None) -> None:
    assert {name: split_in_name(name) for name in names} == dict.fromkeys(names, split)


def test_a_name_with_two_splits_or_an_unclear_one_is_refused() -> None:
    with pytest.raises(SeqbenchError, match=r"the name of train_dev\.tsv says train and validation; rename"):
        split_in_name("train_dev.tsv")
    with pytest.raises(SeqbenchError, match=r"'eval' in the name of eval\.tsv may mean validation or test"):
        split_in_name("eval.tsv")
    assert split_in_name("eval-test.tsv") == "test"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "evaluate.tsv",
            "'evaluate' in the name of evaluate.tsv may mean validation or test; rename it to dev or test.",
        ),
        ("my_evaluation.txt.gz", "may mean validation or test; rename it to dev or test."),
        ("evalset.tsv", "may mean validation or test; rename it to dev or test."),
        ("data_tr.tsv", "'tr' in the name of data_tr.tsv may mean train; rename it to train."),
        ("data_va.csv.gz", "may mean validation; rename it to dev."),
        ("data-te.jsonl", "may mean test; rename it to test."),
    ],
)
def test_a_word_that_may_mean_a_split_is_refused(name: str, sentence: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        split_in_name(name)
    assert str(caught.value).endswith(sentence)


def test_an_abbreviation_counts_only_at_the_end_of_a_name() -> None:
    names = ("te_deum.txt", "wiki.tr.txt", "evaluated.txt", "train_tr.tsv")
    assert [split_in_name(name) for name in names] == [None, None, None, "train"]


def test_descriptions_are_known_by_their_first_word() -> None:
    names = ("README", "readme.md", "LICENSE.txt", "Notes.txt", "train-notes.txt", "notes-train.txt", "my_readme.txt")
    assert [is_documentation(name) for name in names] == [True] * 4 + [False] * 3


def test_many_names_are_shortened() -> None:
    assert [join_names([Path(f"in/{name}") for name in names]) for names in ("a", "ab", "abcd", "abcdef")] == [
        *("a", "a and b", "a, b, c and d", "a, b, c and 3 more")
    ]
