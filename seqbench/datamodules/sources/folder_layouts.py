"""Which files of a user's own folder are which part, for data that lies there in no published layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seqbench.utils.errors import SeqbenchError

SPLITS = ("train", "validation", "test")
Files = Mapping[str, tuple[Path, ...]]
_SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def text_files(folder: Path, languages: Sequence[str]) -> Files:
    """Any ``*.txt``: the splits where their names tell, else all of them joined, to be cut."""
    return _splits_or_all([path for path in _listed(folder) if path.suffix == ".txt"])


def sentence_files(folder: Path, languages: Sequence[str]) -> Files:
    """Any ``*.tsv`` or ``*.txt``: the splits where their names tell, else all of them together, to be cut."""
    return _splits_or_all([path for path in _listed(folder) if path.suffix in (".tsv", ".txt")])


def roll_files(folder: Path, languages: Sequence[str]) -> Files:
    """The one ``*.mat`` or ``*.json``; each holds all three splits."""
    found = [path for path in _listed(folder) if path.suffix in (".mat", ".json")]
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise SeqbenchError(f"{folder} holds several collections ({names}); name one of them with --task.data_dir.")
    return {"all": tuple(found)} if found else {}


def pair_files(folder: Path, languages: Sequence[str]) -> Files:
    """``train``, ``val`` and ``test`` in each language: ``train.en``, ``val.de.gz``, ``test_2016.fr`` and so on."""
    files: dict[str, tuple[Path, ...]] = {}
    for path in _listed(folder):
        stem, _, language = path.name.removesuffix(".gz").rpartition(".")
        split = _split_of(stem)
        if split is None or language not in languages:
            continue
        part = f"{split}/{language}"
        if part in files:
            raise SeqbenchError(
                f"{folder} holds two files for {part}: {files[part][0].name} and {path.name}; leave one of them."
            )
        files[part] = (path,)
    wanted = [f"{split}/{language}" for split in SPLITS for language in languages]
    return {part: files[part] for part in wanted} if all(part in files for part in wanted) else {}


LAYOUTS: Mapping[str, tuple[Callable[[Path, Sequence[str]], Files], str]] = {
    "text": (text_files, "any *.txt"),
    "sentences": (sentence_files, "*.tsv or *.txt with lines of 'sentence<TAB>label' or 'label sentence'"),
    "rolls": (roll_files, "one *.mat or *.json"),
    "pairs": (pair_files, "train.LANGUAGE, val.LANGUAGE and test.LANGUAGE (also .gz) in both languages"),
}
"""By format: how a folder is looked through, and what is expected in it."""


def list_folder(folder: Path) -> str:
    """What a folder holds, for a sentence."""
    names = [path.name for path in _listed(folder)]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "nothing"


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SeqbenchError(f"{folder} cannot be listed: {error.strerror or error}.") from error


def _splits_or_all(found: list[Path]) -> Files:
    splits: dict[str, tuple[Path, ...]] = {}
    for path in found:
        split = _split_of(path.stem)
        if split is not None:
            splits[split] = (*splits.get(split, ()), path)
    if set(splits) == set(SPLITS):
        return splits
    if len(splits) == len(SPLITS) - 1:
        # Pooled and cut anew, the user's test set would be trained on.
        (missing,) = set(SPLITS) - set(splits)
        names = ", ".join(path.name for paths in splits.values() for path in paths)
        raise SeqbenchError(f"{found[0].parent} holds {names} but no {missing} file; add one, or name a single file.")
    return {"all": tuple(found)} if found else {}


def _split_of(stem: str) -> str | None:
    words = stem.lower().replace("-", ".").replace("_", ".").split(".")
    return next((_SPLIT_WORDS[word] for word in words if word in _SPLIT_WORDS), None)
