"""List the data sets, fetch them, verify their files, or say where they lie."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from seqbench.cli.text_tables import align_columns
from seqbench.datamodules.sources import data_files, data_location, hub_download, published_datasets
from seqbench.datamodules.sources.data_location import DataLocation
from seqbench.utils.errors import SeqbenchError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, and with which data sets."""
    parser.add_argument("action", choices=ACTIONS, help="list all; fetch from the hub; verify files; print the folder")
    parser.add_argument("names", nargs="*", metavar="NAME", help="data sets (verify: default those at hand)")


def main(options: argparse.Namespace) -> int:
    """Do it; 1 if a file is not the published one, or what is named is not at hand."""
    for name in options.names:
        published_datasets.find_dataset(name)
    return ACTIONS[options.action](options.names)


def _list(names: list[str]) -> int:
    rows: list[tuple[str, ...]] = [("name", "at hand", "train", "validation", "test", "licence")]
    for name in names or published_datasets.DATASETS:
        entry, place = published_datasets.find_dataset(name), _at_hand(name)
        where = str(_folder(place)) if place else ("no; on the hub" if entry.hub else "no")
        rows.append((name, where, *(f"{count:,}" for count in entry.rows.values()), entry.licence))
    print(align_columns(rows))
    return 0


def _fetch(names: list[str]) -> int:
    _some(names)
    for name in names:
        place = _at_hand(name)
        entry = published_datasets.find_dataset(name)
        if place is not None:
            place = _whole(place)
        if place is None:
            if entry.hub is not None and not hub_download.hub_is_reachable():
                data_location.locate_data(name, source="hub")  # Raises, with the ways out.
            print(f"{name}: fetching {entry.hub.id if entry.hub else ''}", file=sys.stderr)
            hub_download.fetch_dataset(name, entry)
            place = data_location.locate_data(name, source="folder", languages=entry.languages)
        print(f"{name}: {_folder(place)}")
    return 0


def _whole(place: DataLocation) -> DataLocation | None:
    """The place, if its files are the published ones; None where damaged ones were our own and are gone.

    Raises:
        SeqbenchError: files that are not ours to remove differ.
    """
    try:
        data_location.verified_checksums(place)
        return place
    except SeqbenchError:
        paths = [path for paths in place.files.values() for path in paths]
        if not all(path.is_relative_to(data_files.fetched_folder()) for path in paths):
            raise
        for path in paths:
            path.unlink(missing_ok=True)
        return None


def _verify(names: list[str]) -> int:
    wrong = 0
    for name in names or published_datasets.DATASETS:
        place = _at_hand(name)
        if place is None:
            print(f"{name}: not at hand")
            wrong += bool(names)
            continue
        try:
            data_location.check_published(place, data_location.file_checksums(place))
            found = _READERS[place.entry.format](place)
            if found != dict(place.entry.rows):
                raise SeqbenchError(f"expected {dict(place.entry.rows)} rows, found {found}.")
            print(f"{name}: ok, {', '.join(f'{count:,} {split}' for split, count in found.items())}")
        except SeqbenchError as error:
            wrong += 1
            print(f"{name}: WRONG: {error}")
    return 1 if wrong else 0


def _path(names: list[str]) -> int:
    _some(names)
    for name in names:
        place = _at_hand(name)
        # Raises, with the ways out, where it is not at hand.
        print(
            _folder(
                place
                or data_location.locate_data(
                    name, source="folder", languages=published_datasets.find_dataset(name).languages
                )
            )
        )
    return 0


def _at_hand(name: str) -> DataLocation | None:
    try:
        return data_location.locate_data(
            name, source="folder", languages=published_datasets.find_dataset(name).languages
        )
    except SeqbenchError:
        return None


def _folder(place: DataLocation) -> Path:
    """The folder that holds a data set's files, or the data folder above it where they lie in several."""
    folders = {path.parent for paths in place.files.values() for path in paths}
    return folders.pop() if len(folders) == 1 else next(iter(folders)).parent


def _some(names: list[str]) -> None:
    if not names:
        raise SeqbenchError(f"name at least one data set: {', '.join(published_datasets.DATASETS)}.")


# What each reader finds: sequences of each split (characters, for a text). Imported only to verify.


def _texts(place: DataLocation) -> dict[str, int]:
    from seqbench.datamodules.sources import texts

    return {split: len(text) for split, text in texts.read_texts(place).splits.items()}


def _sentences(place: DataLocation) -> dict[str, int]:
    from seqbench.datamodules.sources import labelled_sentences

    return {split: len(lines) for split, lines in labelled_sentences.read_labelled_sentences(place).texts.items()}


def _rolls(place: DataLocation) -> dict[str, int]:
    from seqbench.datamodules.sources import rolls

    return {split: len(borders) - 1 for split, borders in rolls.read_rolls(place).borders.items()}


def _pairs(place: DataLocation) -> dict[str, int]:
    from seqbench.datamodules.sources import sentence_pairs

    return {split: len(sources) for split, (sources, _) in sentence_pairs.read_sentence_pairs(place).splits.items()}


_READERS: Mapping[str, Callable[[DataLocation], dict[str, int]]] = {
    "text": _texts,
    "sentences": _sentences,
    "rolls": _rolls,
    "pairs": _pairs,
}
ACTIONS: Mapping[str, Callable[[list[str]], int]] = {"list": _list, "fetch": _fetch, "verify": _verify, "path": _path}
