"""Delete what finished and failed runs leave on disk: trials, checkpoints, W&B folders, whole runs.

Only files that a run wrote into its folder are deleted, and the folders of its W&B runs, under the lock of the run.
Files of the user stay, also inside of a run folder. Symbolic links are not followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqbench.protocol import run_folder
from seqbench.running.stored import own_files
from seqbench.running.stored.stored_runs import BROKEN, RUNNING, StoredRun, read_stored_run
from seqbench.utils.errors import SeqbenchError

WANDB = run_folder.WANDB
"""Name of the folder in which W&B keeps its files: in the folder of all runs, or in a run folder."""


class PartlyDeletedError(SeqbenchError):
    """A part of a run is deleted, and another part cannot be deleted."""


@dataclass(frozen=True)
class Request:
    """The kinds of files that a user wants to delete.

    Args:
        trials: run folders of learning-rate trials.
        failed: run folders of runs without a result.
        finished: run folders of finished runs, with their records.
        checkpoints: all checkpoints of finished runs.
        last_checkpoints: the last checkpoints of finished runs.
        wandb: W&B folders.
        older_than: only runs that have not changed for this time (s).
    """

    trials: bool = False
    failed: bool = False
    finished: bool = False
    checkpoints: bool = False
    last_checkpoints: bool = False
    wandb: bool = False
    older_than: float = 0.0

    @property
    def kinds(self) -> list[str]:
        """Names of the chosen kinds."""
        names = ("trials", "failed", "finished", "checkpoints", "last_checkpoints", "wandb")
        return [name for name in names if getattr(self, name)]


@dataclass(frozen=True)
class Deletion:
    """What is deleted of one run.

    Args:
        run: the run.
        whole: whether all that the run wrote into its folder is deleted.
        paths: other files and folders that are deleted.
        bytes: size of all that is deleted.
    """

    run: StoredRun
    whole: bool
    paths: tuple[Path, ...]
    bytes: int


def plan_cleanup(runs: Iterable[StoredRun], request: Request) -> list[Deletion]:
    """Return what would be deleted.

    Runs in use are left out. So are folders whose record cannot be read, because another version of seqbench may have
    written it, and folders that are no run folders by ``own_files.reason_to_keep``.

    Args:
        runs: the runs among which to choose.
        request: the kinds of files to delete.
    """
    plan = []
    for run in runs:
        if run.status in (RUNNING, BROKEN) or run.folder.is_symlink() or run.age() < request.older_than:
            continue
        if own_files.reason_to_keep(run.folder):
            continue
        whole, paths = _is_deleted_whole(run, request), _deleted_parts(run, request)
        if whole:
            paths = tuple(path for path in paths if run.folder not in path.parents)
        if whole or paths:
            everything = (*paths, *(own_files.own_entries(run.folder) if whole else ()))
            plan.append(Deletion(run, whole, paths, sum(map(_size, everything))))
    return plan


def _is_deleted_whole(run: StoredRun, request: Request) -> bool:
    if run.is_trial and request.trials:
        return True
    return request.finished if run.finished else request.failed


def _deleted_parts(run: StoredRun, request: Request) -> tuple[Path, ...]:
    names = []
    if run.finished and request.checkpoints:
        names.append(run_folder.CHECKPOINTS)
    elif run.finished and request.last_checkpoints:
        names.append(run_folder.LAST)
    paths = [run.folder / name for name in names]
    if request.wandb:
        paths += _wandb_folders(run.folder)
    # A link may lead to files that are shared with other runs.
    links = (run.folder / run_folder.CHECKPOINTS).is_symlink()
    return tuple(
        path
        for path in paths
        if path.exists() and not path.is_symlink() and not (links and path.parent.name == run_folder.CHECKPOINTS)
    )


def _wandb_folders(folder: Path) -> list[Path]:
    """Return the folders of a run's W&B runs: in its own folder, and in the folder of all runs by the W&B id."""
    found = [folder / WANDB]
    shared = folder.parent.parent.parent / WANDB
    try:
        run_id = (folder / run_folder.WANDB_ID).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return found
    if re.fullmatch("[0-9a-f]{8}", run_id) and not shared.is_symlink():
        found += sorted(shared.glob(f"*run-*-{run_id}"))
    return found


def trials_in_use(plan: Sequence[Deletion], runs: Iterable[StoredRun]) -> int:
    """Return how many finished runs name a trial whose folder would be deleted, and stay themselves.

    Args:
        plan: what would be deleted.
        runs: all runs in the folder.
    """
    trials = {one.run.folder.name for one in plan if one.whole and one.run.is_trial}
    gone = {one.run.folder for one in plan if one.whole}
    return sum(run.folder not in gone and bool(trials.intersection(run.trials)) for run in runs if run.finished)


def unsynced_wandb_runs(plan: Sequence[Deletion]) -> int:
    """Return the number of offline W&B runs among what would be deleted that W&B has not marked as uploaded."""
    count = 0
    for one in plan:
        own = [one.run.folder / WANDB] if one.whole else []
        for path in (*own, *one.paths):
            folders = path.glob("offline-run-*") if path.name == WANDB else [path]
            offline = [folder for folder in folders if folder.name.startswith("offline-run-")]
            count += sum(not list(folder.glob("*.synced")) for folder in offline)
    return count


def execute_deletion(deletion: Deletion, root: Path) -> list[Path]:
    """Delete the files of one run, under its lock; empty folders above it are removed up to ``root``.

    The record and the configuration go last, so that what an interruption leaves is still seen as a run.

    Args:
        deletion: what to delete, from ``plan_cleanup``.
        root: the folder of all runs, which stays.

    Returns:
        Files and folders of the user that stay in a folder which would be deleted without them.

    Raises:
        BusyError: a process uses the run.
        PartlyDeletedError: a file or a folder cannot be deleted, after others were.
        SeqbenchError: the run has changed since the plan was made, or nothing of it can be deleted.
    """
    folder, root = deletion.run.folder.absolute(), root.absolute()
    if not folder.is_dir():
        return []
    _check_current_folder([*deletion.paths, *([folder] if deletion.whole else [])])
    with run_folder.lock_folder(folder):
        if read_stored_run(folder).changed != deletion.run.changed or own_files.reason_to_keep(folder):
            raise SeqbenchError(f"{folder} has changed since it was listed; it stays. Repeat the command.")
        paths = [*deletion.paths, *(own_files.own_entries(folder) if deletion.whole else ())]
        left = _delete_all(paths, folder if deletion.whole else None)
    if deletion.whole and not left:
        _remove_empty_folders(folder.parent, root)
    return left


def _check_current_folder(paths: Iterable[Path]) -> None:
    """Check that the current folder is not deleted, because relative paths of other runs would lead nowhere.

    Raises:
        SeqbenchError: the current folder is one of the paths, or below it.
    """
    current = Path.cwd()
    for path in paths:
        if path.resolve() in (current, *current.parents):
            raise SeqbenchError(f"{path} contains the current folder; repeat the command from a folder above it.")


def _delete_all(paths: Sequence[Path], folder: Path | None) -> list[Path]:
    """Delete files and folders, and then the folder of the run unless a file of the user stays in it.

    Args:
        paths: files and folders that the run wrote.
        folder: the run folder if it is deleted as well.

    Returns:
        Files of the user that stay.
    """
    before, left = _count(paths), []
    try:
        for path in paths:
            left += _delete(path)
        if folder:
            left = sorted({*left, *(path for path in folder.iterdir() if not run_folder.is_own(path))})
            if not left:
                folder.rmdir()
    except OSError as error:
        kind = PartlyDeletedError if _count(paths) < before else SeqbenchError
        raise kind(f"{error.filename or folder} cannot be deleted: {error.strerror}.") from error
    return left


def _count(paths: Iterable[Path]) -> int:
    """Return the number of existing files and folders, with all that is below them."""
    return sum(1 + sum(1 for _ in path.rglob("*")) for path in paths if os.path.lexists(path))


def _delete(path: Path) -> list[Path]:
    """Delete a file or a folder that a run wrote; return files of the user that stay in a folder of checkpoints."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
    elif path.name == run_folder.CHECKPOINTS:
        for own in own_files.own_checkpoints(path):
            own.unlink()
        if left := sorted(path.iterdir()):
            return left
        path.rmdir()
    else:
        shutil.rmtree(path)
    return []


def _remove_empty_folders(folder: Path, root: Path) -> None:
    """Remove empty folders from a folder up to ``root``, which stays; the current folder stays as well."""
    folder, root = Path(os.path.normpath(folder)), Path(os.path.normpath(root))
    while folder not in (root, Path.cwd()) and root in folder.parents:
        with contextlib.suppress(OSError):  # It is not empty.
            folder.rmdir()
        folder = folder.parent


def _size(path: Path) -> int:
    """Return the size of a file, or of all files in a folder that would be deleted with it (bytes)."""
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    entries = own_files.own_checkpoints(path) if path.name == run_folder.CHECKPOINTS else path.rglob("*")
    return sum(entry.lstat().st_size for entry in entries if not entry.is_dir() or entry.is_symlink())
