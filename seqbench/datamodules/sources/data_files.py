"""Files of data sets: the folders where they are kept, their contents, and their checksums."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from functools import lru_cache
from pathlib import Path

from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError


def cache_root() -> Path:
    """Return the folder of downloaded and prepared data: ``$SEQBENCH_CACHE``, or ``~/.cache/seqbench``."""
    path = os.environ.get("SEQBENCH_CACHE")
    if path:
        return Path(path).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "seqbench"


def fetched_folder() -> Path:
    """Return the data folder to which files from the hub are written."""
    return cache_root() / "data"


def data_roots() -> list[Path]:
    """Return the data folders in the order in which they are searched."""
    path = os.environ.get("SEQBENCH_DATA")
    return [*([Path(path).expanduser()] if path else []), fetched_folder()]


def existing_file(path: Path) -> Path | None:
    """Return ``path`` if this file exists; for a name in ``.gz`` also the unpacked file; None if there is neither."""
    unpacked = path.with_name(path.name.removesuffix(".gz"))
    return next((candidate for candidate in (path, unpacked) if candidate.is_file()), None)


def read_file(path: Path) -> bytes:
    """Return the bytes of a file, unpacked if its name ends in ``.gz``. Links are followed.

    Raises:
        SeqbenchError: the file cannot be read, is not a regular file, or is a damaged gzip file.
    """
    try:
        with atomic_files.open_regular_file(path) as file:
            data = file.read()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SeqbenchError(f"{path} is a damaged gzip file ({error}); download it again.") from error
    except OSError as error:
        raise SeqbenchError(f"{path} cannot be read: {error.strerror or error}.") from error


def file_checksum(path: Path) -> str:
    """Return the SHA-256 (hex) of the bytes of a file, unpacked.

    The result is cached until the file changes.

    Raises:
        SeqbenchError: the file cannot be read.
    """
    try:
        state = path.stat()
    except OSError as error:
        raise SeqbenchError(f"{path} cannot be read: {error.strerror or error}.") from error
    return _cached_checksum(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _cached_checksum(path: Path, modified: int, size: int) -> str:
    return hashlib.sha256(read_file(path)).hexdigest()
