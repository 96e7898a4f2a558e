"""Write small files atomically, and read small regular files of a limited size."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

from seqbench.utils.errors import SeqbenchError

MOST_BYTES = 64 * 2**20
"""Largest size of a file that is read. A record, a card or a configuration is far smaller."""


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8 atomically; characters that UTF-8 cannot encode are written as escapes.

    Raises:
        SeqbenchError: the file cannot be written; an earlier file at ``path`` is unchanged.
    """
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file atomically: to a temporary file in the same folder, which is flushed to disk and then renamed.

    Raises:
        SeqbenchError: the file cannot be written; an earlier file at ``path`` is unchanged.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp creates private files, but other users must be able to read a record.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        kept = "; the earlier file is unchanged" if path.exists() else ""
        raise SeqbenchError(f"{path} cannot be written: {error.strerror or error}{kept}.") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def read_bytes(path: Path) -> bytes:
    """Return the bytes of a small regular file.

    A hostile record may be a pipe, a device or a huge file; these raise an error.

    Raises:
        OSError: the file cannot be read.
        SeqbenchError: the file is not a regular file, or it has more than ``MOST_BYTES``.
    """
    with open_regular_file(path) as file:
        large = os.fstat(file.fileno()).st_size > MOST_BYTES
        data = b"" if large else file.read(MOST_BYTES + 1)
    if large or len(data) > MOST_BYTES:
        raise SeqbenchError(f"{path} has more than {MOST_BYTES // 2**20} MiB; expected a card, a record or options.")
    return data


def open_regular_file(path: Path) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        OSError: the file cannot be opened.
        SeqbenchError: the path is a folder, a pipe, a socket or a device.
    """
    if stat.S_ISREG(path.stat().st_mode):
        # Opened without blocking, because a pipe may have replaced the file since the check.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return os.fdopen(handle, "rb")
        os.close(handle)
    raise SeqbenchError(f"{path} is not a regular file but a folder, a pipe, a socket or a device; give a file.")
