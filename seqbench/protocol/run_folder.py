"""The folder of a run: what stands in it, and whether a new attempt may use it."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError

CHECKPOINTS = "checkpoints"
BEST, LAST = f"{CHECKPOINTS}/best.ckpt", f"{CHECKPOINTS}/last.ckpt"
CONFIG, METRICS, ERROR = "config.yaml", "metrics.csv", "error.txt"
VOCABULARY, SAMPLE = "vocabulary.json", "sample.txt"
TOKENIZER, HYPOTHESES, TRANSLATIONS = "tokenizer.json", "hypotheses.txt", "translations.txt"
ATTENTION = "attention.png"
LOCK, WANDB_ID = ".lock", "wandb-id"

Existing = Literal["error", "resume", "overwrite"]
"""What to do with an earlier run of the same configuration: refuse to start, continue it, or delete it."""


class BusyError(SeqbenchError):
    """Another process is at work in a run's folder."""


def finished_record(folder: Path, existing: Existing) -> Record | None:
    """Return the record of a finished run that is to be resumed; None if there is something to run.

    Raises:
        SeqbenchError: the folder holds an earlier run, and ``existing`` is ``error``.
    """
    path = folder / records.NAME
    if existing == "overwrite":
        return None
    if path.is_file():
        record = records.read_record(path)
        if existing == "resume":
            return record if record.status == "ok" else None
        if record.status == "ok":
            raise SeqbenchError(f"this run is finished: {path}; add --overwrite to replace it.")
        raise SeqbenchError(
            f"this run is unfinished ({record.status}): {path}; add --resume to go on with it, or --overwrite."
        )
    if existing == "error" and (folder / CHECKPOINTS).exists():
        raise SeqbenchError(
            f"{folder} holds checkpoints of a run that was killed; add --resume to go on with it, or --overwrite."
        )
    return None


@contextlib.contextmanager
def lock_folder(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Make the folder, and have it to oneself until the end of the block, or of this process.

    The lock is the system's (``flock``), on a file that stays: it ends with its owner, however that one ends, and
    holds between machines wherever the file system they share has such locks (NFS 4 and most of the others do).

    Args:
        folder: of a run.
        patience: seconds to wait for another process to give it back.

    Raises:
        BusyError: another process has it.
        SeqbenchError: it cannot be written.
    """
    import filelock  # Here: `list` has no need of it.

    lock = filelock.FileLock(folder / LOCK, timeout=patience)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise BusyError(
            f"another process is at work on this run ({folder}); wait for its end, or choose other --runs FOLDER."
        ) from None
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Whether another process holds the folder; False for a folder that cannot be looked into."""
    try:
        with lock_folder(folder):
            return False
    except BusyError:
        return True
    except SeqbenchError:
        return False


def remove_leftovers(folder: Path, overwrite: bool) -> None:
    """Remove what a killed attempt left half-written, the traceback of a failed one, and, if wanted, all the rest.

    Only who holds the folder may do so.

    Raises:
        SeqbenchError: it cannot be written.
    """
    gone = [path for path in (*folder.glob(".*"), *(folder / CHECKPOINTS).glob(".*")) if path.name != LOCK]
    gone += [path for path in folder.iterdir() if path.name != LOCK] if overwrite else [folder / ERROR]
    try:
        for path in gone:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> SeqbenchError:
    reason = error.strerror or error
    return SeqbenchError(f"the run folder {folder} cannot be written: {reason}; choose another with --runs FOLDER.")


def wandb_id(folder: Path) -> str:
    """The id of the folder's W&B run: chosen by the first attempt, kept before W&B hears of it.

    Raises:
        SeqbenchError: it cannot be written.
    """
    path = folder / WANDB_ID
    if not path.is_file():
        atomic_files.write_text(path, secrets.token_hex(4) + "\n")
    return path.read_text(encoding="utf-8").strip()


def recorded_seconds(folder: Path) -> float:
    """Return the seconds that earlier attempts took, as the record in the folder says; 0 without a record."""
    if not (folder / records.NAME).is_file():
        return 0.0
    return records.read_record(folder).measured.seconds or 0.0
