"""The files that a confined process needs in order to import what this process could import, and no others."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import machinery
from pathlib import Path
from urllib.parse import unquote, urlparse

INSTALLED = ("site-packages", "dist-packages")
"""Names of folders that hold installed packages alone."""

MODULE_SUFFIXES = tuple(machinery.all_suffixes())
METADATA_SUFFIXES = (".dist-info", ".egg-info")


def python_files(hidden: Sequence[Path], folders: Sequence[Path] = ()) -> tuple[list[Path], list[Path]]:
    """Return the files and folders from which this interpreter imports, and the folders that it lists for that.

    A folder of installed packages is readable as a whole. Of another folder, such as a checkout, only modules and
    packages are readable: a checkout may hold runs, records and data.

    Args:
        hidden: files and folders that must not be readable, wherever they are, without links.
        folders: further folders from which modules are imported.

    Returns:
        The readable files and folders, and the folders whose names may be listed.
    """
    entries = [Path(entry).absolute() for entry in sys.path]
    packed = [entry for entry in entries if entry.name in INSTALLED or entry.suffix == ".zip"]
    prefixes = [Path(prefix) for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix)]
    installed = [path.resolve() for path in (*prefixes, *packed)]
    sources = [path.resolve() for path in (*entries, *folders, *_editable_folders(entries))]
    sources = [path for path in sources if not any(path.is_relative_to(other) for other in installed)]
    whole = [*installed, *(module for folder in sources for module in modules_in(folder))]
    readable = [part for path in whole for part in without(path, hidden)]
    return list(dict.fromkeys(readable)), list(dict.fromkeys([*sources, *_divided_folders(whole, hidden)]))


def modules_in(folder: Path) -> list[Path]:
    """Return the modules, the packages and the metadata of distributions in a folder."""
    try:
        return [path.resolve() for path in sorted(folder.iterdir()) if _is_module(path)]
    except OSError:
        return []


def without(path: Path, hidden: Sequence[Path]) -> list[Path]:
    """Return the parts of a folder that hold no hidden file; the folder itself if there is none in it.

    Args:
        path: the folder or file.
        hidden: files and folders, as absolute paths.
    """
    inside = [other for other in hidden if other.is_relative_to(path)]
    if not inside:
        return [path]
    if path in inside or not path.is_dir():
        return []
    return [part for entry in path.iterdir() for part in without(entry, inside)]


def is_below(path: str, folder: str) -> bool:
    """Return whether a path is a folder or lies in it; both are absolute and without links.

    >>> is_below("/data/text", "/data"), is_below("/database", "/data")
    (True, False)
    """
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _divided_folders(paths: Iterable[Path], hidden: Sequence[Path]) -> list[Path]:
    """Return the folders that ``without`` divides, whose names Python lists."""
    return [
        folder
        for path in paths
        for other in hidden
        for folder in other.parents
        if other != path and folder.is_relative_to(path)
    ]


def _is_module(path: Path) -> bool:
    """Return whether Python could import a file or folder, or reads it as metadata."""
    if not path.is_dir():
        return path.name.endswith(MODULE_SUFFIXES)
    if path.suffix in METADATA_SUFFIXES:
        return True
    return path.name.isidentifier() and any(part.name.endswith(MODULE_SUFFIXES) for part in path.iterdir())


def _editable_folders(entries: Iterable[Path]) -> list[Path]:
    """Return the folders of distributions that are installed as editable, with their ``src`` folders.

    Args:
        entries: folders of installed packages.
    """
    folders = []
    for path in (file for entry in entries for file in entry.glob("*.dist-info/direct_url.json")):
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["dir_info"].get("editable"):
                folder = Path(unquote(urlparse(data["url"]).path))
                folders += [folder, folder / "src"]
        except (OSError, ValueError, LookupError, AttributeError, TypeError):  # It is no file of pip.
            continue
    return folders
