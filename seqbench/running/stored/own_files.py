"""Tell the files that a run wrote into its folder from files of the user, so that only the former are deleted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from seqbench.protocol import records, run_folder

_RUN_NAME = re.compile(r".+-s-?\d+-[0-9a-f]{8}")
_LAST = (records.NAME, run_folder.CONFIG, run_folder.LOCK)
"""Files that identify a run folder, in the order in which they are deleted after all others."""


def has_run_name(folder: Path) -> bool:
    """Return whether the name of a folder has the form of a run folder, ``<tier>-s<seed>-<8 hexadecimal digits>``.

    >>> has_run_name(Path("runs/copy/gru/small-s0-dfe74ec4")), has_run_name(Path("runs"))
    (True, False)
    """
    return _RUN_NAME.fullmatch(folder.resolve().name) is not None


def reason_to_keep(folder: Path) -> str:
    """Return why nothing in a folder with a record or a configuration may be deleted; empty for a run folder.

    A record may have been copied to a folder of the user, such as the folder of all runs or that of a paper. Another
    run may lie below a run folder.
    """
    if not has_run_name(folder):
        return "its name is not that of a run folder (<tier>-s<seed>-<8 hexadecimal digits>)"
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    for entry in entries:
        found = None if run_folder.is_own(entry) else next(_marks_of_runs(entry), None)
        if found:
            return f"it contains {found.relative_to(folder)}, a file of another run or project"
    return ""


def _marks_of_runs(place: Path) -> Iterator[Path]:
    """Yield the records, configurations and locks below a folder; symbolic links are not followed."""
    for name, _, files in os.walk(place):
        yield from (Path(name, file) for file in _LAST if file in files)


def own_entries(folder: Path) -> list[Path]:
    """Return the entries of a run folder that the run wrote; those that identify it as a run folder are last."""
    own = sorted(path for path in folder.iterdir() if run_folder.is_own(path))
    last = [folder / name for name in _LAST]
    return [path for path in own if path not in last] + [path for path in last if path in own]


def own_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in the folder of checkpoints, and the temporary files of checkpoints."""
    names = (Path(run_folder.BEST).name, Path(run_folder.LAST).name)
    return sorted(
        path
        for path in folder.iterdir()
        if (path.is_symlink() or not path.is_dir()) and (path.name in names or run_folder.is_temporary(path.name))
    )
