"""Names of files: the split that a name says, and names of files that are no data."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from seqbench.utils.errors import SeqbenchError

_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training", "trn"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "devel", "development", "newsdev"), "validation"),
    **dict.fromkeys(("test", "tests", "testing", "tst", "devtest", "newstest"), "test"),
}
"""Words in file names, and the split that they mean."""

_UNCLEAR_WORDS = ("eval", "evals", "evaluate", "evaluation", "heldout", "holdout")
"""Words that may mean validation or test."""

_UNCLEAR_SUFFIX = re.compile(r"[_-](tr|va|te)[0-9]*(\.[a-z0-9]+)*$", re.IGNORECASE)
"""An abbreviation at the end of a name that may say a split, such as ``data_tr.tsv``; ``wiki.tr.txt`` is Turkish."""

_ABBREVIATIONS = {"tr": "train", "va": "dev", "te": "test"}

_ENDINGS = ("set", "data", "split", "file", "sentences", "reviews", "text")
"""Ends of words that follow the name of a split without a separator: ``trainset``, ``testdata``."""

_DOCUMENTS = frozenset(
    re.findall(
        "[a-z0-9]+",
        "readme license licence copying copyright notice notes changelog changes authors citation contributing "
        "requirements manifest metadata datasheet vocab vocabulary stopwords checksums",
    )
)
"""First words in the names of files that describe data."""


def split_in_name(name: str) -> str | None:
    """Return the split that a file name contains as a word; None if there is none.

    Raises:
        SeqbenchError: the name contains two splits, or a word that may mean a split.

    >>> [split_in_name(name) for name in ("my-train.tsv", "DevSet_2.txt", "testdata.csv", "latest.txt")]
    ['train', 'validation', 'test', None]
    """
    words = _words(name)
    splits = {split for split in map(_split_of_word, words) if split}
    if len(splits) > 1:
        raise SeqbenchError(
            f"the name of {name} says {' and '.join(sorted(splits))}; rename the file so that it says one split, such "
            f"as train, dev or test."
        )
    if not splits and (unclear := _find_unclear(name, words)):
        word, meaning, names = unclear
        raise SeqbenchError(f"'{word}' in the name of {name} may mean {meaning}; rename it to {names}.")
    return splits.pop() if splits else None


def is_documentation(name: str) -> bool:
    """Return whether a file name is that of a description, such as a licence, and not of data.

    >>> is_documentation("README.txt"), is_documentation("reading.txt")
    (True, False)
    """
    words = _words(name)
    # A name such as `notes-train.tsv` says a split, so the file holds data.
    return bool(words) and words[0] in _DOCUMENTS and not any(map(_split_of_word, words[1:]))


def join_names(paths: Sequence[Path]) -> str:
    """Return the names of files as a part of a sentence; of many files, the first three and the number of the others.

    >>> join_names([Path("a/b.txt"), Path("a/c.txt")])
    'b.txt and c.txt'
    """
    names = [path.name for path in paths]
    if len(names) > 4:
        names = [*names[:3], f"{len(names) - 3} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _words(name: str) -> list[str]:
    """Return the words of a name in small letters, without numbers: ``myTrain_2.tsv`` has my, train and tsv."""
    return re.findall("[a-z]+", re.sub("([a-z])([A-Z])", r"\1 \2", name).lower())


def _find_unclear(name: str, words: Sequence[str]) -> tuple[str, str, str] | None:
    """Return a part of a name that may say a split, what it may mean, and clear words for it; None if there is none."""
    for word in words:
        if any(stem in _UNCLEAR_WORDS for stem in _stems(word)):
            return word, "validation or test", "dev or test"
    if suffix := _UNCLEAR_SUFFIX.search(name):
        clear = _ABBREVIATIONS[suffix[1].lower()]
        return suffix[1], {"dev": "validation"}.get(clear, clear), clear
    return None


def _split_of_word(word: str) -> str | None:
    return next((_SPLIT_WORDS[stem] for stem in _stems(word) if stem in _SPLIT_WORDS), None)


def _stems(word: str) -> list[str]:
    return [word, *(word.removesuffix(ending) for ending in _ENDINGS if word.endswith(ending))]
