"""Prepared arrays on disk, memory-mapped: made once, safe under concurrent runs and kills.

An entry is a folder of ``.npy`` files, written under another name and renamed when it is whole: a half-written
one is never read. Two runs that prepare the same at once both get the right arrays; the first to finish keeps its.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from seqbench.datamodules.sources import data_files
from seqbench.utils import atomic_files

Arrays = dict[str, np.ndarray]

STALE_SECONDS = 24 * 3600.0
"""Age from which a half-written entry is that of a killed run."""


def load_or_prepare(kind: str, key: Mapping[str, Any], make: Callable[[], Arrays]) -> Arrays:
    """The arrays that ``make`` gives, from the cache if they are there.

    Where the cache cannot be written, they are made anew each time and held in memory.

    Args:
        kind: what they are, for the folder's name; with a version that changes when their making does.
        key: plain data that decides them: checksums of the files and options.
        make: makes them.
    """
    text = json.dumps(key, sort_keys=True, separators=(",", ":"))
    folder = data_files.cache_root() / "prepared" / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    found = _load(folder)
    if found is not None:
        return found
    arrays = make()
    with contextlib.suppress(OSError):
        _keep(folder, arrays)
        return _load(folder) or arrays
    return arrays


def _load(folder: Path) -> Arrays | None:
    if not folder.is_dir():
        return None
    try:
        found = {path.stem: _mapped(path) for path in sorted(folder.glob("*.npy"))}
        names = json.loads(atomic_files.read_bytes(folder / "names.json"))
        if sorted(found) == names:
            return found
    # Damaged bytes make numpy's reader of headers raise what Python's own parser raises.
    except Exception:
        pass
    # Damaged after it was written: make room for a whole one.
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _mapped(path: Path) -> np.ndarray:
    with atomic_files.open_regular_file(path) as file:
        np.lib.format.read_magic(file)
        shape = np.lib.format.read_array_header_1_0(file)[0]
    # An empty file part cannot be mapped.
    mapped: np.ndarray = np.load(path, mmap_mode="r" if 0 not in shape else None, allow_pickle=False)
    return mapped


def _keep(folder: Path, arrays: Arrays) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".half-"))
    try:
        for name, array in arrays.items():
            _write(work / f"{name}.npy", array)
        with (work / "names.json").open("w", encoding="utf-8") as file:
            json.dump(sorted(arrays), file)
            file.flush()
            os.fsync(file.fileno())
        work.chmod(0o755)  # mkdtemp makes private folders; a cache may be shared.
        # Fails where another run was faster: its entry is as good.
        with contextlib.suppress(OSError):
            work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def _sweep(parent: Path) -> None:
    """Remove what runs that were killed long ago left half-written."""
    for path in parent.glob(".half-*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
