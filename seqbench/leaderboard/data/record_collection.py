"""Records from folders: whatever lies there, one after another, each as an entry or with the reason why not."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seqbench.leaderboard.data import checked_records
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError, one_line

MANY = 1000
"""Records from which it pays to read them in several processes."""


@dataclass(frozen=True, slots=True)
class ExcludedRecord:
    """A record that a board does not count, and why."""

    origin: str
    reason: str


def collect_records(
    places: Iterable[Path], named: bool = False, workers: int = 1
) -> Iterator[CheckedRecord | ExcludedRecord]:
    """The records under folders, in the order of their paths; a file is itself.

    A run's folder gives its ``result.json``, any other its ``*.json``, as a board's ``results`` has them. Where a
    record was found is told by its path below the folder, or, if ``named``, with the folder's.

    Args:
        places: folders, or files.
        named: see above.
        workers: processes that read, where there are ``MANY`` records and the system can fork. Only for a process
            without threads, so before numpy or torch is imported.

    Raises:
        SeqbenchError: a place is not there.
    """
    found = list(_found(places, named))
    if workers > 1 and len(found) >= MANY and "fork" in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            yield from pool.imap(_read, found, chunksize=100)
    else:
        yield from map(_read, found)


def _found(places: Iterable[Path], named: bool) -> Iterator[tuple[Path, str]]:
    """The files of all places, each with what its origin is called."""
    for place in places:
        if not place.exists():
            raise SeqbenchError(
                f"there is no {place}; give a folder of runs, as --runs named it, or of a board's results."
            )
        for path in [place] if place.is_file() else _files(place):
            below = path.relative_to(place).as_posix() if path != place else path.name
            yield path, path.as_posix() if named else below


def _read(found: tuple[Path, str]) -> CheckedRecord | ExcludedRecord:
    path, origin = found
    try:
        return check_record(records.read_record(path), origin)
    except SeqbenchError as error:
        return check_record(SeqbenchError(str(error).replace(str(path), "it")), origin)


def check_record(record: Record | SeqbenchError, origin: str) -> CheckedRecord | ExcludedRecord:
    """The entry of a record that was read, or why there is none."""
    if isinstance(record, SeqbenchError):
        return ExcludedRecord(origin, _reason(record))
    try:
        return checked_records.check_record_values(record, origin)
    except SeqbenchError as error:
        return ExcludedRecord(origin, _reason(error))


def _files(place: Path) -> Iterator[Path]:
    for folder, below, files in os.walk(place):
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in _NOT_RUNS)
        if records.NAME in files:
            yield Path(folder, records.NAME)
            below.clear()
        else:
            yield from (Path(folder, name) for name in sorted(files) if name.endswith(".json"))


_NOT_RUNS = ("checkpoints", "wandb", "slurm")
"""Folders in which no record lies."""


def _reason(error: SeqbenchError) -> str:
    return one_line(error).rstrip(".;")[:300]
