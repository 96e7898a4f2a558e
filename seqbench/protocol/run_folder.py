"""The folder of a run: its files, its lock, and the treatment of an earlier run in it."""

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
TEST_SCORES, ATTEMPTS = "test_scores.npz", "attempts.txt"
VOCABULARY, SAMPLE, CURVES = "vocabulary.json", "sample.txt", "learning-curves.svg"
TOKENIZER, HYPOTHESES, TRANSLATIONS = "tokenizer.json", "hypotheses.txt", "translations.txt"
ATTENTION = "attention.png"
MIDI, PIANO_ROLL, GENERATED_MIDI = "continuation.mid", "piano-roll.png", "generated.mid"
LOCK, WANDB_ID, LOGGED_STEPS = ".lock", "wandb-id", "logged-steps.json"
WANDB, TENSORBOARD = "wandb", "tensorboard"

FILES = (
    *(records.NAME, CONFIG, METRICS, ERROR, LOCK, WANDB_ID, LOGGED_STEPS, TEST_SCORES, ATTEMPTS),
    *(VOCABULARY, SAMPLE, CURVES, TOKENIZER, HYPOTHESES, TRANSLATIONS, ATTENTION),
    *(MIDI, PIANO_ROLL, GENERATED_MIDI),
)
"""Names of all files that seqbench writes into the folder of a run."""

FOLDERS = (CHECKPOINTS, WANDB, TENSORBOARD)
"""Names of all folders that seqbench and its loggers write into the folder of a run."""

Existing = Literal["error", "resume", "overwrite"]
"""Treatment of an earlier run of the same configuration: raise an error, continue the run, or delete it."""


PATIENCE = 0.2
"""Time for which a starting run waits for a lock (s): ``is_locked`` holds it for some microseconds."""


def is_temporary(name: str) -> bool:
    """Return whether a file of this name is the temporary file of a file of a run: ``.NAME`` or ``.NAME.SUFFIX``.

    >>> is_temporary(".result.json.k3x9"), is_temporary(".last.ckpt.part"), is_temporary(".gitignore")
    (True, True, False)
    """
    names = (*FILES, Path(BEST).name, Path(LAST).name)
    return any(name == f".{one}" or name.startswith(f".{one}.") for one in names if one != LOCK)


def is_own(path: Path) -> bool:
    """Return whether a run writes an entry of this name and kind into its folder; other entries are the user's."""
    if path.is_dir() and not path.is_symlink():
        return path.name in FOLDERS
    return path.name in (*FILES, *FOLDERS) or is_temporary(path.name)


class BusyError(SeqbenchError):
    """Another process uses the folder of a run."""


def finished_record(folder: Path, existing: Existing) -> Record | None:
    """Return the record of a finished run if ``existing`` is ``resume``; None if the run must be started or continued.

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
        if record.status == "failed":
            raise SeqbenchError(
                f"this run has failed: {path}; add --overwrite to start anew, or --resume to try again from "
                f"its last checkpoint."
            )
        raise SeqbenchError(
            f"this run is unfinished ({record.status}): {path}; add --resume to continue it, or --overwrite."
        )
    if existing == "error" and (folder / CHECKPOINTS).exists():
        raise SeqbenchError(
            f"{folder} holds checkpoints of a run that was killed; add --resume to continue it, or --overwrite."
        )
    return None


@contextlib.contextmanager
def lock_folder(folder: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Create the folder, and lock it until the end of the block or of this process.

    The lock is a lock of the operating system (``flock``) on a file that is not deleted. It is released when its
    process ends, even if the process is killed. It also works between machines if their file system supports it, as
    NFS 4 does.

    Args:
        folder: folder of a run.
        patience: longest time to wait for another process to release the lock (s).

    Raises:
        BusyError: another process holds the lock.
        SeqbenchError: the folder cannot be written.
    """
    import filelock  # Imported here, so that `seqbench list` does not wait for it.

    lock = filelock.FileLock(folder / LOCK, timeout=patience)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise BusyError(
            f"another process uses the folder of this run ({folder}); wait for its end, or give another --runs."
        ) from None
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Return whether a process has locked the folder; no file is created, and False if the lock cannot be read."""
    import fcntl

    try:
        with (folder / LOCK).open("rb") as file:
            # Other readers may hold a shared lock at the same time, so that looking does not seem to be running.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def remove_leftovers(folder: Path, overwrite: bool) -> None:
    """Remove the temporary files of a killed attempt and the traceback of a failed one; files of the user stay.

    The caller must have locked the folder.

    Args:
        folder: folder of the run.
        overwrite: whether to remove all other files of the run as well, except the number of attempts.

    Raises:
        SeqbenchError: a file cannot be removed.
    """
    hidden = (*folder.glob(".*"), *(folder / CHECKPOINTS).glob(".*"))
    leftovers = [path for path in hidden if is_temporary(path.name)]
    own = [path for path in folder.iterdir() if is_own(path) and path.name not in (LOCK, ATTEMPTS)]
    leftovers += own if overwrite else [folder / ERROR]
    try:
        for path in leftovers:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def remove_checkpoints(folder: Path, keep: str) -> None:
    """Remove the checkpoints of a finished run that are not kept; a checkpoint that cannot be removed stays.

    Args:
        folder: folder of the run, locked by the caller.
        keep: one of ``choices.KEPT``.
    """
    for name, path in (("best", BEST), ("last", LAST)):
        if keep not in (name, "all"):
            with contextlib.suppress(OSError):
                (folder / path).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # A checkpoint is left in it.
        (folder / CHECKPOINTS).rmdir()


def explain_missing_weights(folder: Path) -> str:
    """Return a sentence that says why a run's folder holds no best checkpoint, and what to do."""
    try:
        finished = records.read_record(folder).status == "ok"
    except SeqbenchError:
        finished = False
    if not finished:
        return f"{folder} holds no {BEST}; the run ended before its first validation."
    runs = folder.parent.parent.parent
    where = "" if runs == Path("runs") else f" --runs {runs}"
    kept = " (the last one is there, but it was not tested)" if (folder / LAST).is_file() else ""
    return (
        f"{folder} holds no {BEST}: the checkpoint that was tested is not kept{kept}, because of --keep or `seqbench "
        f"clean`. Train the run again: `seqbench run --config {folder}{where} --overwrite`."
    )


def _unwritable(folder: Path, error: OSError) -> SeqbenchError:
    reason = error.strerror or error
    return SeqbenchError(f"the run folder {folder} cannot be written: {reason}; choose another with --runs FOLDER.")


def read_or_create_wandb_id(folder: Path) -> str:
    """Return the id of the W&B run and of the trackio run, which the first attempt writes into the folder.

    Raises:
        SeqbenchError: the id cannot be written.
    """
    path = folder / WANDB_ID
    if not path.is_file():
        atomic_files.write_text(path, secrets.token_hex(4) + "\n")
    return path.read_text(encoding="utf-8").strip()


def recorded_seconds(folder: Path) -> float:
    """Return the duration of earlier attempts from the record in the folder (s); 0 without a record."""
    if not (folder / records.NAME).is_file():
        return 0.0
    return records.read_record(folder).measured.seconds or 0.0


def count_attempt(folder: Path) -> int:
    """Add one to the number of attempts in the folder, and return it; ``--overwrite`` does not reset the number.

    A file that holds no number counts as one attempt.

    Args:
        folder: folder of the run, locked by the caller.

    Raises:
        SeqbenchError: the number cannot be written.
    """
    count = recorded_attempts(folder) + 1
    atomic_files.write_text(folder / ATTEMPTS, f"{count}\n")
    return count


def recorded_attempts(folder: Path) -> int:
    """Return the number of attempts in the folder of a run; for one of an older seqbench 1 if it holds a record."""
    path = folder / ATTEMPTS
    try:
        return max(int(path.read_text(encoding="utf-8")), 1)
    except FileNotFoundError:
        return int((folder / records.NAME).is_file() or (folder / CHECKPOINTS).exists())
    except (OSError, ValueError):
        return 1
