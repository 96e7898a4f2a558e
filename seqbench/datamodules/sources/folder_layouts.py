"""Files of a data set in a folder of the user that does not have the published layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import SeqbenchError

Files = Mapping[str, tuple[Path, ...]]
"""Files by part (a split, ``split/language``, or ``all``); the files of one part are joined."""

_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Words in file names, and the split that they mean."""


@dataclass(frozen=True)
class FolderLayout:
    """The layout of folders with data of one format.

    Args:
        find_files: function from a folder and two languages to the files by part; empty if there are none.
        description: files that the folder should contain, for error messages.
    """

    find_files: Callable[[Path, Sequence[str]], Files]
    description: str


def text_files(folder: Path, languages: Sequence[str]) -> Files:
    """Return all ``*.txt`` files: by split if their names contain the splits, otherwise as one text.

    Args:
        folder: folder to search.
        languages: not used.

    Raises:
        SeqbenchError: the files of one split are missing.
    """
    return _splits_or_all([path for path in _folder_entries(folder) if path.suffix == ".txt"])


def sentence_files(folder: Path, languages: Sequence[str]) -> Files:
    """Return all ``*.tsv`` and ``*.txt`` files: by split if their names contain the splits, otherwise as one part.

    Args:
        folder: folder to search.
        languages: not used.

    Raises:
        SeqbenchError: the files of one split are missing.
    """
    return _splits_or_all([path for path in _folder_entries(folder) if path.suffix in (".tsv", ".txt")])


def roll_files(folder: Path, languages: Sequence[str]) -> Files:
    """Return the only ``*.mat`` or ``*.json`` file, which contains all splits.

    Args:
        folder: folder to search.
        languages: not used.

    Raises:
        SeqbenchError: there are several such files.
    """
    files = [path for path in _folder_entries(folder) if path.suffix in (".mat", ".json")]
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise SeqbenchError(f"{folder} contains several collections ({names}); choose one with --task.data_dir.")
    return {"all": tuple(files)} if files else {}


def pair_files(folder: Path, languages: Sequence[str]) -> Files:
    """Return the files of each split in two languages: ``train.en``, ``val.de.gz``, ``test_2016.fr`` and so on.

    Args:
        folder: folder to search.
        languages: endings of the names of the files, without ``.gz``.

    Raises:
        SeqbenchError: there are several files for one part.
    """
    files: dict[str, tuple[Path, ...]] = {}
    for path in _folder_entries(folder):
        stem, _, language = path.name.removesuffix(".gz").rpartition(".")
        split = _split_in_name(stem)
        if split is None or language not in languages:
            continue
        part = f"{split}/{language}"
        if part in files:
            raise SeqbenchError(
                f"{folder} contains two files for {part}: {files[part][0].name} and {path.name}; remove one of them."
            )
        files[part] = (path,)
    parts = [f"{split}/{language}" for split in SPLITS for language in languages]
    return {part: files[part] for part in parts} if all(part in files for part in parts) else {}


LAYOUTS: Mapping[str, FolderLayout] = {
    "text": FolderLayout(text_files, "any *.txt"),
    "sentences": FolderLayout(sentence_files, "*.tsv or *.txt with lines of 'sentence<TAB>label' or 'label sentence'"),
    "rolls": FolderLayout(roll_files, "one *.mat or *.json"),
    "pairs": FolderLayout(pair_files, "train.LANGUAGE, val.LANGUAGE and test.LANGUAGE (also .gz) in both languages"),
}
"""Layouts by the format of the data."""


def describe_folder(folder: Path) -> str:
    """Return the first names in a folder, for error messages.

    Raises:
        SeqbenchError: the folder cannot be listed.
    """
    names = [path.name for path in _folder_entries(folder)]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more if names else "nothing"


def _folder_entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SeqbenchError(f"{folder} cannot be listed: {error.strerror or error}.") from error


def _splits_or_all(paths: list[Path]) -> Files:
    splits: dict[str, tuple[Path, ...]] = {}
    for path in paths:
        split = _split_in_name(path.stem)
        if split is not None:
            splits[split] = (*splits.get(split, ()), path)
    if set(splits) == set(SPLITS):
        return splits
    if len(splits) == len(SPLITS) - 1:
        # Joining and dividing the files again would train on the test set of the user.
        (missing,) = set(SPLITS) - set(splits)
        names = ", ".join(path.name for files in splits.values() for path in files)
        raise SeqbenchError(
            f"{paths[0].parent} contains {names} but no {missing} file; add this file, or choose a single file with "
            f"--task.data_dir."
        )
    return {"all": tuple(paths)} if paths else {}


def _split_in_name(stem: str) -> str | None:
    """Return the split that a file name contains as a word; None if there is none."""
    words = stem.lower().replace("-", ".").replace("_", ".").split(".")
    return next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), None)
