"""Files of a data set in a folder of the user that does not have the published layout.

A file whose name says a split belongs to this split and is never joined with others and divided again. Files that are
joined or not read are noted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqbench.datamodules.sources.split_names import is_documentation, join_names, split_in_name
from seqbench.protocol.splits import SPLITS
from seqbench.utils.errors import NotAtHand, SeqbenchError

Files = Mapping[str, tuple[Path, ...]]
"""Files by part (a split, ``split/language``, or ``all``); the files of one part are joined."""

TEXT_ENDINGS = (".txt",)
TABLE_ENDINGS = (".tsv", ".txt", ".csv")
JSON_ENDINGS = (".jsonl", ".ndjson", ".json")
ROLL_ENDINGS = (".mat", ".json")
"""Endings of the names of files, without ``.gz``, by the format of the data."""

_WAYS_OUT = {
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz", ".zst"), "unpack it"),
    **dict.fromkeys((".parquet", ".arrow", ".feather", ".xlsx", ".xls", ".ods", ".db", ".sqlite"), "save it as CSV"),
    **dict.fromkeys((".pickle", ".pkl", ".npz", ".npy", ".pt"), "save its contents as text or JSON"),
    **dict.fromkeys((".mid", ".midi"), "save the MIDI notes of each frame as JSON"),
}
"""What a user can do with files of other formats, by the ending of the name."""


@dataclass(frozen=True)
class FoundFiles:
    """Files of a data set in a folder.

    Args:
        files: files by part; empty if the folder does not contain the data.
        notes: sentences on files that are joined or not read.
    """

    files: Files = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class FolderLayout:
    """The layout of folders with data of one format.

    Args:
        find_files: function from a folder and two languages to its files.
        description: files that the folder should contain, for error messages.
    """

    find_files: Callable[[Path, Sequence[str]], FoundFiles]
    description: str


def text_files(folder: Path, languages: Sequence[str]) -> FoundFiles:
    """Return all ``*.txt`` files: by split if their names contain the splits, otherwise as one text.

    Args:
        folder: folder to search.
        languages: not used.

    Raises:
        SeqbenchError: the names say some splits but not all, or a name says two splits.
    """
    return _splits_or_all(folder, TEXT_ENDINGS)


def sentence_files(folder: Path, languages: Sequence[str]) -> FoundFiles:
    """Return the tables (``*.tsv``, ``*.txt``, ``*.csv``) or the JSON files, by split or as one part.

    Files whose names say splits come first, then tables, then JSON files.

    Args:
        folder: folder to search.
        languages: not used.

    Raises:
        SeqbenchError: the names say some splits but not all, a name says two splits, or two files have one stem.
    """
    # A stray table, such as extra.txt, does not replace JSON files that are named by split.
    if _names_say_a_split(folder, JSON_ENDINGS) and not _names_say_a_split(folder, TABLE_ENDINGS):
        return _splits_or_all(folder, JSON_ENDINGS)
    tables = _splits_or_all(folder, TABLE_ENDINGS)
    return tables if tables.files else _splits_or_all(folder, JSON_ENDINGS)


def roll_files(folder: Path, languages: Sequence[str]) -> FoundFiles:
    """Return the only ``*.mat`` or ``*.json`` file, which contains all splits.

    Args:
        folder: folder to search.
        languages: not used.

    Raises:
        SeqbenchError: there are several such files.
    """
    files = _data_files(folder, ROLL_ENDINGS)
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise SeqbenchError(f"{folder} contains several collections ({names}); choose one with --task.data_dir.")
    return FoundFiles({"all": tuple(files)}, _skipped_note(folder, files)) if files else FoundFiles()


def pair_files(folder: Path, languages: Sequence[str]) -> FoundFiles:
    """Return the files of each split in two languages: ``train.en``, ``val.de.gz``, ``test_2016.fr`` and so on.

    Args:
        folder: folder to search.
        languages: endings of the names of the files, without ``.gz``.

    Raises:
        SeqbenchError: there are several files for one part, or a name says two splits.
    """
    files: dict[str, tuple[Path, ...]] = {}
    for path in _folder_entries(folder):
        stem, _, language = path.name.removesuffix(".gz").rpartition(".")
        if language not in languages or path.name.startswith(".") or not path.is_file():
            continue
        split = split_in_name(stem)
        if split is None:
            continue
        part = f"{split}/{language}"
        if part in files:
            raise SeqbenchError(
                f"{folder} contains two files for {part}: {files[part][0].name} and {path.name}; remove one of them."
            )
        files[part] = (path,)
    parts = [f"{split}/{language}" for split in SPLITS for language in languages]
    if not all(part in files for part in parts):
        return FoundFiles()
    return FoundFiles(
        {part: files[part] for part in parts}, _skipped_note(folder, [path for part in files.values() for path in part])
    )


LAYOUTS: Mapping[str, FolderLayout] = {
    "text": FolderLayout(text_files, "any *.txt (also .gz)"),
    "sentences": FolderLayout(
        sentence_files, "*.tsv, *.csv, *.txt or *.jsonl (also .gz) with a sentence and a label in each line"
    ),
    "rolls": FolderLayout(roll_files, "one *.mat or *.json (also .gz)"),
    "pairs": FolderLayout(pair_files, "train.LANGUAGE, val.LANGUAGE and test.LANGUAGE (also .gz) in both languages"),
}
"""Layouts by the format of the data."""


def describe_folder(folder: Path) -> str:
    """Return the first names in a folder, for error messages, with a way out for formats that are not read.

    Raises:
        SeqbenchError: the folder cannot be listed.
    """
    entries = _folder_entries(folder)
    names = [f"{path.name}/" if path.is_dir() else path.name for path in entries]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    hints = [f"{path.name}: {_WAYS_OUT[path.suffix.lower()]}" for path in entries if path.suffix.lower() in _WAYS_OUT]
    if any(path.is_dir() for path in entries):
        hints.append("folders inside are not searched")
    return (", ".join(names[:5]) + more if names else "nothing") + (f" ({'; '.join(hints[:3])})" if hints else "")


def ending_of(path: Path) -> str:
    """Return the ending of a file name in small letters, without ``.gz``.

    >>> ending_of(Path("Train.TSV.gz"))
    '.tsv'
    """
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _folder_entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SeqbenchError(f"{folder} cannot be listed: {error.strerror or error}.") from error


def _data_files(folder: Path, endings: Sequence[str]) -> list[Path]:
    """Return the files of a folder with one of the endings, except hidden files and descriptions.

    Raises:
        SeqbenchError: two files have the same name without its endings, so that data would be read twice.
    """
    files = [
        path
        for path in _folder_entries(folder)
        if ending_of(path) in endings
        and not path.name.startswith(".")
        and not is_documentation(path.name)
        and path.is_file()
    ]
    stems: dict[str, Path] = {}
    for path in files:
        stem = path.name.lower().removesuffix(".gz").rpartition(".")[0]
        if stem in stems:
            raise SeqbenchError(
                f"{folder} contains {stems[stem].name} and {path.name}, which seem to hold the same data; remove one "
                f"of them, or give one file with --task.data_dir."
            )
        stems[stem] = path
    return files


def _names_say_a_split(folder: Path, endings: Sequence[str]) -> bool:
    return any(split_in_name(path.name) for path in _data_files(folder, endings))


def _splits_or_all(folder: Path, endings: Sequence[str]) -> FoundFiles:
    """Return the files of a folder by split, or as the part ``all`` if no name says a split.

    Raises:
        NotAtHand: the names say some splits but not all.
        SeqbenchError: a name says two splits.
    """
    splits: dict[str, list[Path]] = {}
    unnamed: list[Path] = []
    for path in _data_files(folder, endings):
        split = split_in_name(path.name)
        (unnamed if split is None else splits.setdefault(split, [])).append(path)
    if not splits:
        return FoundFiles({"all": tuple(unnamed)}, _skipped_note(folder, unnamed)) if unnamed else FoundFiles()
    if missing := [split for split in SPLITS if split not in splits]:
        raise NotAtHand(_describe_missing(folder, splits, unnamed, missing))
    read = [path for split in SPLITS for path in splits[split]]
    joined = [f"{split} is {join_names(splits[split])}, joined" for split in SPLITS if len(splits[split]) > 1]
    return FoundFiles(
        {split: tuple(splits[split]) for split in SPLITS},
        (*joined, *_skipped_note(folder, read, "its name says no split")),
    )


def _describe_missing(
    folder: Path, splits: Mapping[str, Sequence[Path]], unnamed: Sequence[Path], missing: Sequence[str]
) -> str:
    """Return the message for a folder whose file names say some splits but not all.

    Args:
        folder: the folder.
        splits: files whose names say a split.
        unnamed: files whose names say none.
        missing: splits without a file.
    """
    named = ", ".join(f"{path.name} ({split})" for split, paths in splits.items() for path in paths)
    # Joining and dividing the files again would train on the test set of the user.
    beside = f", beside {join_names(unnamed)}, whose name says no split" if unnamed else ""
    example = ", ".join(
        f"{ {'validation': 'dev'}.get(split, split) }{ending_of(next(iter(splits.values()))[0])}" for split in missing
    )
    rename = f"rename or add files so that there is also {example}"
    return (
        f"{folder} contains {named} but no {' and no '.join(missing)} file{beside}. Files with the name of a split are "
        f"not joined and divided again: {rename}, or give a single file with --task.data_dir, which is divided."
    )


def _skipped_note(folder: Path, read: Sequence[Path], reason: str = "") -> tuple[str, ...]:
    """Return a note that names the entries of a folder that are not read; no note if there are none.

    Args:
        folder: the folder.
        read: files that are read.
        reason: why other data files are not read.
    """
    endings = {ending_of(path) for path in read}
    names = []
    for path in _folder_entries(folder):
        if path in read:
            continue
        why = (
            "a folder"
            if path.is_dir()
            else "hidden"
            if path.name.startswith(".")
            else "a description"
            if is_documentation(path.name)
            else reason
            if ending_of(path) in endings
            else ""
        )
        names.append(f"{path.name} ({why})" if why else path.name)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return (f"not read: {', '.join(names[:5])}{more}",) if names else ()
