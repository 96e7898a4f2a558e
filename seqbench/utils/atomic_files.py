"""Small files: read without waiting or filling the memory, written whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

from seqbench.utils.errors import SeqbenchError

MOST_BYTES = 64 * 2**20
"""A file beyond is no record, card or configuration, and would fill the memory before it is found to be none."""


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8, as ``write_bytes`` does; what UTF-8 cannot hold becomes an escape.

    Raises:
        SeqbenchError: as there.
    """
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a small file atomically: to a temporary neighbour, flushed to disk, then renamed.

    Raises:
        SeqbenchError: the disk refuses; what stood at ``path`` is untouched.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; a record is there to be read by others.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        kept = "; the earlier file stands" if path.exists() else ""
        raise SeqbenchError(f"{path} cannot be written: {error.strerror or error}{kept}.") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def read_bytes(path: Path) -> bytes:
    """The bytes of a small file; a pipe or a device is never waited for, and a huge file never read.

    Raises:
        OSError: it cannot be read.
        SeqbenchError: it is no regular file, or larger than any that seqbench writes.
    """
    with open_regular_file(path) as file:
        large = os.fstat(file.fileno()).st_size > MOST_BYTES
        data = b"" if large else file.read(MOST_BYTES + 1)
    if large or len(data) > MOST_BYTES:
        raise SeqbenchError(f"{path} has more than {MOST_BYTES // 2**20} MiB; expected a card, a record or options.")
    return data


def open_regular_file(path: Path) -> BinaryIO:
    """A regular file, open for reading.

    Raises:
        OSError: it cannot be opened.
        SeqbenchError: it is a folder, a pipe, a socket or a device.
    """
    if stat.S_ISREG(path.stat().st_mode):
        # Without waiting: it may have become a pipe by now.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        if stat.S_ISREG(os.fstat(handle).st_mode):
            return os.fdopen(handle, "rb")
        os.close(handle)
    raise SeqbenchError(f"{path} is no regular file but a folder, a pipe, a socket or a device; give a file.")
