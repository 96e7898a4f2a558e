"""Digests of the source files of packages: of seqbench itself, and of distributions that offer an architecture.

They cover files byte for byte. They are provenance: a record holds them, and no run's digest does. Each is computed
once in a process, when it is used first, because a process does not import a package again after an edit.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.machinery import PathFinder
from importlib.metadata import Distribution, distributions
from pathlib import Path
from types import ModuleType

from seqbench.protocol.registry import plugin_folders

SOURCE_SUFFIXES = frozenset({".py", ".pyx", ".so", ".pyd", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h"})
"""Ends of the names of source files and compiled extensions."""

SEQBENCH = "seqbench"


def package_digest(package: ModuleType) -> str:
    """Return the SHA-256 (hex) of the source files of a package or a module."""
    return _digest(_package_files(package.__name__.partition(".")[0]))


@cache
def seqbench_digest() -> str:
    """Return the SHA-256 (hex) of the source files of seqbench."""
    return _digest(_package_files(SEQBENCH))


@cache
def distribution_digest(name: str, packages: tuple[str, ...] = ()) -> str | None:
    """Return the SHA-256 (hex) of the source files of a distribution, relative to the folder of its imports.

    An installed distribution lists its files. Of an editable one, the files of its packages are read where they are
    edited. The same release has the same digest in both cases, if its wheel holds no other source files.

    Args:
        name: name of the distribution.
        packages: packages that belong to it in any case, such as those of its entry points.

    Returns:
        The digest; None if the distribution is not installed or has no source file.

    >>> distribution_digest("no-such-distribution") is None
    True
    """
    if name == SEQBENCH:
        return seqbench_digest()
    # Those in folders of plug-ins, which this process does not import, come last.
    places = [*sys.path, *plugin_folders()]
    installed = next(iter(distributions(name=name, path=places)), None)
    if installed is None:
        return None
    files = _listed_files(installed)
    # An editable distribution lists only files that lead to its packages.
    for package in _top_level_packages(installed, packages):
        files |= _package_files(package)
    return _digest(files) if files else None


def _listed_files(installed: Distribution) -> dict[str, Path]:
    """Return the source files that pip has installed, by path; none for a distribution without such a list."""
    return {
        file.as_posix(): Path(str(file.locate()))
        for file in installed.files or ()
        if file.suffix in SOURCE_SUFFIXES and ".." not in file.parts and not file.name.startswith("__editable__")
    }


def _top_level_packages(installed: Distribution, packages: Iterable[str]) -> set[str]:
    named = (installed.read_text("top_level.txt") or "").split()
    tops = {name.partition(".")[0] for name in (*named, *packages)}
    return {name for name in tops if name.isidentifier() and not name.startswith("__editable__")}


def _package_files(name: str) -> dict[str, Path]:
    """Return the source files of a top-level package or module by path; nothing is imported."""
    module = sys.modules.get(name)
    try:
        spec = module.__spec__ if module else importlib.util.find_spec(name)
        spec = spec or PathFinder.find_spec(name, list(plugin_folders()))
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return {}
    if not spec.submodule_search_locations:
        file = Path(spec.origin or "")
        return {file.name: file} if file.suffix in SOURCE_SUFFIXES and file.is_file() else {}
    return {
        f"{name}/{file.relative_to(folder).as_posix()}": file
        for folder in spec.submodule_search_locations
        for file in Path(folder).rglob("*")
        if file.suffix in SOURCE_SUFFIXES and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    }


def _digest(files: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, file in sorted(files.items()):
        if file.is_file():
            digest.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
