"""A cache of prepared arrays on disk, memory-mapped, and safe under concurrent and killed runs.

An entry is a folder of ``.npy`` files. It is written under a temporary name and renamed when it is complete, so a
partial entry is never read. If two runs prepare the same arrays at once, the entry of the first to finish is kept.
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

import numpy as np

from seqbench.datamodules.sources import data_files

Arrays = dict[str, np.ndarray]
"""Arrays of one entry by name."""

STALE_SECONDS = 24 * 3600.0
"""Age in seconds after which an incomplete entry is deleted: the run that wrote it was killed."""

_PARTIAL = ".half-"
"""Prefix of the names of incomplete entries."""


def load_or_prepare(kind: str, key: Mapping[str, object], prepare: Callable[[], Arrays]) -> Arrays:
    """Return arrays from the cache, or prepare them and store them.

    If the cache is not writable, the arrays are prepared each time and kept in memory.

    Args:
        kind: name of the kind of data, with a version that changes when the preparation changes.
        key: plain data that determines the arrays: checksums of files and options.
        prepare: function that prepares the arrays.
    """
    text = json.dumps(key, sort_keys=True, separators=(",", ":"))
    folder = data_files.cache_root() / "prepared" / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    cached = _read_entry(folder)
    if cached is not None:
        return cached
    arrays = prepare()
    with contextlib.suppress(OSError):
        _write_entry(folder, arrays)
        return _read_entry(folder) or arrays
    return arrays


def text_array(text: str) -> np.ndarray:
    """Return a text as an array of its bytes, so that it can be stored beside arrays.

    >>> array_text(text_array("naïve"))
    'naïve'
    """
    return np.frombuffer(text.encode(), np.uint8)


def array_text(array: np.ndarray) -> str:
    """Return the text that ``text_array`` encoded."""
    return array.tobytes().decode()


def _read_entry(folder: Path) -> Arrays | None:
    """Return the arrays of an entry; None, after removing it, if it is damaged."""
    if not folder.is_dir():
        return None
    try:
        arrays = {path.stem: _map_array(path) for path in sorted(folder.glob("*.npy"))}
        if sorted(arrays) == json.loads((folder / "names.json").read_bytes()):
            return arrays
    # The header parser of numpy raises exceptions of many types for damaged bytes.
    except Exception:
        pass
    shutil.rmtree(folder, ignore_errors=True)
    return None


def _map_array(path: Path) -> np.ndarray:
    try:
        mapped: np.ndarray = np.lib.format.open_memmap(path, mode="r")
    except ValueError:  # An empty array cannot be mapped.
        with path.open("rb") as file:
            mapped = np.lib.format.read_array(file, allow_pickle=False)
    return mapped


def _write_entry(folder: Path, arrays: Arrays) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder.parent)
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_PARTIAL))
    try:
        for name, array in arrays.items():
            _write_array(partial / f"{name}.npy", array)
        with (partial / "names.json").open("w", encoding="utf-8") as file:
            json.dump(sorted(arrays), file)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o755)  # mkdtemp creates private folders, but a cache may be shared.
        # The rename fails if another run has stored the same entry.
        with contextlib.suppress(OSError):
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_array(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())


def _remove_stale(parent: Path) -> None:
    """Remove the incomplete entries of killed runs."""
    for path in parent.glob(f"{_PARTIAL}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
