"""List the data sets, fetch them, verify their files, or print their folders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from seqbench.cli.text_tables import align_columns
from seqbench.datamodules.sources import data_contents, data_files, data_location, hub_download, published_datasets
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.protocol import card_lookup, registry
from seqbench.utils.errors import SeqbenchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench data`` to its parser."""
    parser.add_argument(
        "action",
        choices=ACTIONS,
        help="list the data sets, fetch them from the hub, verify their files, or print their folders",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="use these data sets, or those of these tasks (default: list all, verify those on this machine; "
        "fetch and path need names)",
    )


def main(options: argparse.Namespace) -> int:
    """Run the chosen action.

    Returns:
        1 if a file differs from the published one or a named data set is not on this machine, else 0.

    Raises:
        SeqbenchError: a name is unknown or missing, or a data set cannot be fetched.
    """
    return ACTIONS[options.action](list(dict.fromkeys(_dataset_name(name) for name in options.names)))


def _dataset_name(name: str) -> str:
    """Return the name of a data set, which may be given by the name of a task.

    Raises:
        SeqbenchError: the name is neither that of a data set nor of a task, or the task needs no data.
    """
    if name not in published_datasets.DATASETS and name in registry.list_entries(registry.TASKS):
        arguments = card_lookup.read_card_file(name).data.get("arguments")
        dataset = arguments.get("dataset") if isinstance(arguments, Mapping) else None
        if dataset is None:
            raise SeqbenchError(f"task '{name}' is generated and needs no data.")
        name = str(dataset)
    published_datasets.find_dataset(name)
    return name


def _list_datasets(names: Sequence[str]) -> int:
    rows: list[tuple[str, ...]] = [("name", "location", "train", "validation", "test", "licence")]
    for name in names or published_datasets.DATASETS:
        dataset, location = published_datasets.find_dataset(name), _find_location(name)
        where = str(_common_folder(location)) if location else ("not here; on the hub" if dataset.hub else "not here")
        rows.append((name, where, *(f"{count:,}" for count in dataset.rows.values()), dataset.licence))
    print(align_columns(rows))
    return 0


def _fetch_datasets(names: Sequence[str]) -> int:
    _require_names(names)
    for name in names:
        dataset, location = published_datasets.find_dataset(name), _find_location(name)
        if location is not None and not _is_intact(location):
            location = None
        if location is None:
            if dataset.hub is not None and not hub_download.hub_is_reachable():
                data_location.locate_data(name, source="hub")  # The error lists the ways to provide the data.
            print(f"{name}: fetching {dataset.hub.id if dataset.hub else ''}", file=sys.stderr)
            hub_download.fetch_dataset(name, dataset)
            location = _locate_in_folder(name)
        print(f"{name}: {_common_folder(location)}")
    return 0


def _is_intact(location: DataLocation) -> bool:
    """Return whether all files are the published ones; damaged files that seqbench has fetched are deleted.

    Raises:
        SeqbenchError: a file of the user differs from the published one.
    """
    try:
        data_contents.verified_checksums(location)
    except SeqbenchError:
        paths = [path for paths in location.files.values() for path in paths]
        if not all(path.is_relative_to(data_files.fetched_folder()) for path in paths):
            raise
        for path in paths:
            path.unlink(missing_ok=True)
        return False
    return True


def _verify_datasets(names: Sequence[str]) -> int:
    problems = 0
    for name in names or published_datasets.DATASETS:
        location = _find_location(name)
        if location is None:
            print(f"{name}: not found")
            problems += bool(names)
            continue
        try:
            data_contents.verified_checksums(location)
            dataset = published_datasets.find_dataset(name)
            counts = _COUNTERS[dataset.format](location)
            if counts != dict(dataset.rows):
                raise SeqbenchError(f"expected {dict(dataset.rows)} rows, found {counts}.")
            print(f"{name}: ok, {', '.join(f'{count:,} {split}' for split, count in counts.items())}")
        except SeqbenchError as error:
            problems += 1
            print(f"{name}: WRONG: {error}")
    return 1 if problems else 0


def _print_folders(names: Sequence[str]) -> int:
    _require_names(names)
    for name in names:
        print(_common_folder(_locate_in_folder(name)))
    return 0


def _locate_in_folder(name: str) -> DataLocation:
    """Return the location of the files of a data set on this machine.

    Raises:
        SeqbenchError: the files are not on this machine; the message lists the ways to provide them.
    """
    languages = published_datasets.find_dataset(name).languages
    return data_location.locate_data(name, source="folder", languages=languages)


def _find_location(name: str) -> DataLocation | None:
    """Return the location of the files of a data set; None if they are not on this machine."""
    try:
        return _locate_in_folder(name)
    except SeqbenchError:
        return None


def _common_folder(location: DataLocation) -> Path:
    """Return the folder of a data set's files, or the parent folder if they are in several folders."""
    folders = {path.parent for paths in location.files.values() for path in paths}
    return folders.pop() if len(folders) == 1 else next(iter(folders)).parent


def _require_names(names: Sequence[str]) -> None:
    if not names:
        raise SeqbenchError(f"name at least one data set: {', '.join(published_datasets.DATASETS)}.")


# Each function counts the sequences of each split (for a text, its characters). It imports its reader when called.


def _count_characters(location: DataLocation) -> dict[str, int]:
    from seqbench.datamodules.sources import texts

    return {split: len(text) for split, text in texts.read_texts(location).splits.items()}


def _count_sentences(location: DataLocation) -> dict[str, int]:
    from seqbench.datamodules.sources import labelled_sentences

    return {split: len(lines) for split, lines in labelled_sentences.read_labelled_sentences(location).texts.items()}


def _count_rolls(location: DataLocation) -> dict[str, int]:
    from seqbench.datamodules.sources import rolls

    return {split: len(borders) - 1 for split, borders in rolls.read_rolls(location).borders.items()}


def _count_pairs(location: DataLocation) -> dict[str, int]:
    from seqbench.datamodules.sources import sentence_pairs

    splits = sentence_pairs.read_sentence_pairs(location).splits
    return {split: len(sources) for split, (sources, _) in splits.items()}


_COUNTERS: Mapping[str, Callable[[DataLocation], dict[str, int]]] = {
    "text": _count_characters,
    "sentences": _count_sentences,
    "rolls": _count_rolls,
    "pairs": _count_pairs,
}
ACTIONS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "list": _list_datasets,
    "fetch": _fetch_datasets,
    "verify": _verify_datasets,
    "path": _print_folders,
}
