"""Changes of sources between the record of a run and the present, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from seqbench.protocol.identity.package_sources import SOURCE_SUFFIXES
from seqbench.protocol.record_fields import SourceDescription
from seqbench.utils.errors import NotAtHand

MOST_FILES = 5
"""Most files that a sentence names."""

SourceFiles = Mapping[str, Mapping[str, str]]
"""SHA-256 (hex) of the files of each class that is given by its path, by the name of the class."""


def require_recorded_files(recorded: Mapping[str, SourceDescription], present: SourceFiles) -> None:
    """Check that each class that is given by its path has the source that a run was trained with.

    A record without sources is of an earlier seqbench; it is not checked.

    Args:
        recorded: sources in the record of the run.
        present: the files that define the classes now.

    Raises:
        NotAtHand: a source differs.
    """
    for name, files in present.items():
        if name in recorded and (changes := describe_changes(recorded[name].files, files)):
            raise NotAtHand(
                f"the source of {name} has changed since the run: {changes}; restore it, or train the net again."
            )


def require_planned_files(planned: SourceFiles, present: SourceFiles) -> None:
    """Check that the classes of a run still have the source that its configuration was resolved with.

    Args:
        planned: files in the configuration of the run.
        present: the files that this process has imported.

    Raises:
        NotAtHand: a source differs.
    """
    for name, files in present.items():
        if changes := describe_changes(planned.get(name, {}), files):
            raise NotAtHand(
                f"the source of {name} has changed since the run was planned: {changes}; give the command again, which "
                f"starts the runs of the new source."
            )


def describe_changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Return the files that differ, as the end of a sentence; empty if none does.

    >>> describe_changes({"net.py": "1", "old.py": "2"}, {"net.py": "3", "new.py": "4"})
    'file net.py; file new.py is new; file old.py is gone'
    """
    changes = list_changes(before, now)
    more = f"; and {len(changes) - MOST_FILES} more" if len(changes) > MOST_FILES else ""
    return "; ".join(changes[:MOST_FILES]) + more


def list_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return a phrase for each file that differs."""
    changes = []
    for name in sorted({*before, *now}):
        if name not in before:
            changes.append(f"{_kind(name)} {name} is new")
        elif name not in now:
            changes.append(f"{_kind(name)} {name} is gone")
        elif before[name] != now[name]:
            changes.append(f"{_kind(name)} {name}")
    return changes


def _kind(name: str) -> str:
    """Return what a name stands for: a file, a definition of a script or notebook, or an installed package."""
    if ":" in name or name.startswith("__main__."):
        return "definition"
    return "file" if Path(name).suffix in SOURCE_SUFFIXES else "package"
