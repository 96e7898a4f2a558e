"""Collection of records from folders: each file gives a checked record, or an excluded one with the reason."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seqbench.leaderboard.data.checked_records import CheckedRecord, check_record_values
from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError, one_line

MANY = 1000
"""Number of records from which reading in several processes is faster."""
MOST_REASON = 300
"""Largest number of characters of a reason."""
_NOT_RUNS = ("checkpoints", "wandb", "slurm")
"""Names of folders that hold no record."""


@dataclass(frozen=True, slots=True)
class ExcludedRecord:
    """A record that does not count on a board: its path or W&B run, and the reason."""

    origin: str
    reason: str


CollectedRecord = CheckedRecord | ExcludedRecord


def collect_records(places: Iterable[Path], named: bool = False, workers: int = 1) -> Iterator[CollectedRecord]:
    """Yield the records under folders, in the order of their paths.

    A folder with a ``result.json`` gives that record; of any other folder, each ``*.json`` is a record.

    Args:
        places: folders, or files.
        named: whether origins begin with the folder's path; otherwise they are relative to the folder.
        workers: number of processes that read, if there are at least ``MANY`` records and the system can fork. More
            than one is safe only before a library that starts threads, such as numpy or torch, has been imported.

    Raises:
        SeqbenchError: a place does not exist.
    """
    files = list(_files_with_origins(places, named))
    if workers > 1 and len(files) >= MANY and "fork" in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            yield from pool.imap(_read_and_check, files, chunksize=100)
    else:
        yield from map(_read_and_check, files)


def check_record(record: Record | SeqbenchError, origin: str) -> CollectedRecord:
    """Return the checked record, or an excluded one if the record could not be read or is not valid.

    Args:
        record: the record, or the error that was raised while it was read.
        origin: path or W&B run of the record.
    """
    if isinstance(record, SeqbenchError):
        return ExcludedRecord(origin, _reason(record))
    try:
        return check_record_values(record, origin)
    except SeqbenchError as error:
        return ExcludedRecord(origin, _reason(error))


def find_record_files(places: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths of the records under folders, in the order that ``collect_records`` states.

    Raises:
        SeqbenchError: a place does not exist.
    """
    return (path for path, _ in _files_with_origins(places, named=True))


def _files_with_origins(places: Iterable[Path], named: bool) -> Iterator[tuple[Path, str]]:
    for place in places:
        if not place.exists():
            raise SeqbenchError(
                f"there is no {place}; give a folder of runs, as --runs named it, or of a board's results."
            )
        for path in [place] if place.is_file() else _record_files(place):
            relative = path.relative_to(place).as_posix() if path != place else path.name
            yield path, path.as_posix() if named else relative


def _record_files(place: Path) -> Iterator[Path]:
    for folder, subfolders, files in os.walk(place):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith(".") and name not in _NOT_RUNS)
        if records.NAME in files:
            yield Path(folder, records.NAME)
            subfolders.clear()
        else:
            yield from (Path(folder, name) for name in sorted(files) if name.endswith(".json"))


def _read_and_check(file: tuple[Path, str]) -> CollectedRecord:
    path, origin = file
    try:
        record = records.read_record(path)
    except SeqbenchError as error:
        return check_record(SeqbenchError(str(error).replace(str(path), "it")), origin)
    return check_record(record, origin)


def _reason(error: SeqbenchError) -> str:
    return one_line(error).rstrip(".;")[:MOST_REASON]
