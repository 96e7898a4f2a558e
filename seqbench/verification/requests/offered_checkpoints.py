"""Checkpoints that a request offers: run folders beside the request, found by the checksum of their records.

The folder is hostile data: no link is followed, and only the checkpoint of a run is taken from it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from seqbench.protocol import records, run_folder
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.requests.request_changes import LARGEST_RECORD

LARGEST_CHECKPOINT = 4 * 2**30
"""Largest size of a checkpoint (bytes)."""
MOST_RUNS = 10_000
"""Largest number of run folders that are looked at."""


def find_checkpoints(folder: Path) -> Mapping[str, Path]:
    """Return the checkpoints of the runs below a folder, by the digest of the run's record.

    A run without a readable record, or whose checkpoint is a link or too large, is left out.

    Raises:
        SeqbenchError: the folder does not exist, or holds too many runs.
    """
    if not folder.is_dir():
        raise SeqbenchError(f"there is no folder {folder}; name one that holds run folders.")
    found: dict[str, Path] = {}
    for number, path in enumerate(_record_files(folder)):
        if number >= MOST_RUNS:
            raise SeqbenchError(f"{folder} holds more than {MOST_RUNS:,} runs; offer those of the new records alone.")
        checkpoint = path.parent / run_folder.BEST
        if not (_is_file(path, LARGEST_RECORD) and _is_file(checkpoint, LARGEST_CHECKPOINT)):
            continue
        try:
            found.setdefault(records.read_record(path).digest(), checkpoint)
        except SeqbenchError:
            continue
    return found


def build_run_folder(record: Record, checkpoint: Path, folder: Path) -> Path:
    """Return a run folder with a record and a copy of its checkpoint, as ``verify_record`` reads it.

    Args:
        record: the record of the request.
        checkpoint: the checkpoint that was offered for it.
        folder: folder for the run folder.

    Raises:
        SeqbenchError: a file cannot be written or read.
    """
    target = folder / run_folder.BEST
    target.parent.mkdir(parents=True)
    record.write(folder)
    try:
        shutil.copyfile(checkpoint, target, follow_symlinks=False)
    except OSError as error:
        raise SeqbenchError(f"the checkpoint {checkpoint} cannot be read: {error}") from error
    return folder


def _record_files(folder: Path) -> Iterator[Path]:
    for place, subfolders, files in os.walk(folder):
        subfolders.sort()
        if records.NAME in files:
            yield Path(place, records.NAME)


def _is_file(path: Path, largest: int) -> bool:
    """Return whether a path is a regular file in a real folder, and not too large."""
    try:
        found = os.lstat(path)
        return stat.S_ISREG(found.st_mode) and found.st_size <= largest and not path.parent.is_symlink()
    except OSError:
        return False
