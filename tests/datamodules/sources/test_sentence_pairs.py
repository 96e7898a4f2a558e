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


def test_each_line_goes_with_its_other(tmp_path: Path) -> None:
    found = read(put(tmp_path, train_en="a b \r\nc\u2028d\n", train_fr="é\nf"))
    assert found.splits["train"] == (["a b", "c\u2028d"], ["é", "f"])
    assert found.splits["test"] == (["en test"], ["fr test"])
    assert not found.exact


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"train_en": "a\nb\n"}, r"train\.en has 2 lines and train\.fr has 1: each line must be"),
        ({"val_en": "a\n\n", "val_fr": "b\nc\n"}, r"val\.en has an empty sentence in line 2"),
        ({"test_fr": "  \n"}, r"test\.fr has an empty sentence in line 1"),
        ({"test_en": ""}, r"test\.en is empty"),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path: Path, changed: dict[str, str], sentence: str) -> None:
    with pytest.raises(SeqbenchError, match=sentence):
        read(put(tmp_path, **changed))


def test_the_published_sizes(real_data: Path) -> None:
    found = sentence_pairs.read_sentence_pairs(data_location.locate_data("multi30k", languages=("de", "en")))
    assert {split: len(both[0]) for split, both in found.splits.items()} == {
        "train": 29_000,
        "validation": 1014,
        "test": 1000,
    }
    assert found.splits["test"][1][0] == "A man in an orange hat starring at something."


def inverse(target: str) -> str:
    """An oracle of our own: back from the target language by its rules alone."""
    nouns = {v: k for k, v in synthetic_pairs.NOUNS.items()}
    verbs = {v: k for k, v in synthetic_pairs.VERBS.items()}
    adjectives = {v: k for k, v in synthetic_pairs.ADJECTIVES.items()}
    small = {
        v: k
        for words in (synthetic_pairs.PREPOSITIONS, synthetic_pairs.CONNECTIVES)
        for v, k in ((v, k) for k, v in words.items())
    }
    clauses: list[str] = []
    words = target.split()[:-1]
    out: list[str] = []
    article, noun, described = "the", "", []

    def flush() -> None:
        nonlocal article, noun, described
        if noun:
            out.extend([article, *described, noun])
        article, noun, described = "the", "", []

    mark = 0
    for word in words:
        if word == "ebe":
            flush()
            article = "a"
        elif word in nouns:
            if noun:
                flush()
            noun = nouns[word]
        elif noun and word[:-1] in adjectives:
            described.append(adjectives[word[:-1]])
        elif word == "li":
            flush()
            mark = len(out)
        elif word in verbs:
            flush()
            out.insert(mark, verbs[word])
        else:
            flush()
            out.append(small[word])
    clauses.append(" ".join(out))
    return " ".join([*clauses, "."])


def test_the_toy_pair_is_exact_and_its_splits_are_disjoint() -> None:
    found = synthetic_pairs.make_splits()
    assert found == synthetic_pairs.make_splits()
    sources = {split: set(both[0]) for split, both in found.items()}
    assert {split: len(both[0]) for split, both in found.items()} == synthetic_pairs.SIZES
    assert not sources["train"] & sources["test"]
    assert not sources["validation"] & (sources["train"] | sources["test"])
    for source, target in zip(*found["test"], strict=True):
        assert inverse(target) == source


def test_the_toy_pair_moves_words_and_agrees() -> None:
    targets = " ".join(synthetic_pairs.make_splits()["train"][1]).split()
    endings = {word[-1] for word in targets if word[:-1] in synthetic_pairs.ADJECTIVES.values()}
    assert endings == {"a", "o", "u"}
