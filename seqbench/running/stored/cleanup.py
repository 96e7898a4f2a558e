"""Delete what finished and failed runs leave on disk: trials, checkpoints, W&B folders, whole runs.

Only files in run folders are deleted, and the folders of their W&B runs, each under the lock of the run. Symbolic links
are not followed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqbench.protocol import records, run_folder
from seqbench.running.stored.stored_runs import BROKEN, RUNNING, StoredRun, read_stored_run
from seqbench.utils.errors import SeqbenchError

WANDB = "wandb"
"""Name of the folder in which W&B keeps its files: in the folder of all runs, or in a run folder."""


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
        whole: whether the whole run folder is deleted.
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
    written it.

    Args:
        runs: the runs among which to choose.
        request: the kinds of files to delete.
    """
    plan = []
    for run in runs:
        if run.status in (RUNNING, BROKEN) or run.folder.is_symlink() or run.age() < request.older_than:
            continue
        whole, paths = _is_deleted_whole(run, request), _deleted_parts(run, request)
        if whole:
            paths = tuple(path for path in paths if run.folder not in path.parents)
        if whole or paths:
            plan.append(Deletion(run, whole, paths, whole * run.bytes + sum(map(_size, paths))))
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


def execute_deletion(deletion: Deletion, root: Path) -> None:
    """Delete the files of one run, under its lock; empty folders above it are removed up to ``root``.

    The record and the configuration go last, so that what an interruption leaves is still seen as a run.

    Args:
        deletion: what to delete, from ``plan_cleanup``.
        root: the folder of all runs, which stays.

    Raises:
        BusyError: a process uses the run.
        SeqbenchError: the run has changed since the plan was made, or a file cannot be deleted.
    """
    run = deletion.run
    if not run.folder.is_dir():
        return
    with run_folder.lock_folder(run.folder):
        if read_stored_run(run.folder).changed != run.changed:
            raise SeqbenchError(f"{run.folder} has changed since it was listed; it stays. Repeat the command.")
        try:
            for path in (*deletion.paths, *(_everything(run.folder) if deletion.whole else ())):
                _delete(path)
            if deletion.whole:
                run.folder.rmdir()
        except OSError as error:
            raise SeqbenchError(f"{error.filename or run.folder} cannot be deleted: {error.strerror}.") from error
    if deletion.whole:
        _remove_empty_folders(run.folder.parent, root)


def _everything(folder: Path) -> list[Path]:
    """Return all entries of a run folder; those that identify it as a run folder are last."""
    last = [folder / records.NAME, folder / run_folder.CONFIG, folder / run_folder.LOCK]
    return [path for path in folder.iterdir() if path not in last] + [path for path in last if os.path.lexists(path)]


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_empty_folders(folder: Path, root: Path) -> None:
    while folder != root and root in folder.parents:
        with contextlib.suppress(OSError):  # It is not empty.
            folder.rmdir()
        folder = folder.parent


def _size(path: Path) -> int:
    """Return the size of a file, or of all files in a folder (bytes)."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(entry.lstat().st_size for entry in path.rglob("*") if not entry.is_dir() or entry.is_symlink())
