"""Files of data: where they may lie, their bytes unpacked, and their checksums."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from functools import lru_cache
from pathlib import Path

from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError

MOST_BYTES = 2 * 2**30
"""Bytes of one file, unpacked: they are held in memory whole, and the largest published one has a thousandth."""
SMALL_BYTES, MOST_RATIO = 64 * 2**20, 100
"""Bytes that any packed file may unpack to, and how many times its size a larger one may: texts stay below 10, and
gzip reaches 1,032 with a file that was made to fill a memory."""


def cache_root() -> Path:
    """Where seqbench keeps what it fetched and prepared: ``$SEQBENCH_CACHE``, else ``~/.cache/seqbench``."""
    chosen = os.environ.get("SEQBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "seqbench"


def fetched_folder() -> Path:
    """The data folder that the hub's files are written to."""
    return cache_root() / "data"


def data_roots() -> list[Path]:
    """Data folders, in the order in which they are looked through."""
    named = os.environ.get("SEQBENCH_DATA")
    return [*([Path(named).expanduser()] if named else []), fetched_folder()]


def existing_file(path: Path) -> Path | None:
    """The file, packed or (for a name in ``.gz``) unpacked; None if it is not there."""
    plain = path.with_name(path.name.removesuffix(".gz"))
    return next((place for place in (path, plain) if place.is_file()), None)


def read_file(path: Path) -> bytes:
    """The bytes of a file, unpacked if its name ends in ``.gz``.

    Raises:
        SeqbenchError: it cannot be read, is cut short, is no regular file (a pipe is never waited for), or holds more
            than ``MOST_BYTES``, also where only its unpacked bytes do.
    """
    packed = path.suffix == ".gz"
    try:
        with atomic_files.open_regular_file(path) as file:
            size = os.fstat(file.fileno()).st_size
            most = min(MOST_BYTES, max(SMALL_BYTES, MOST_RATIO * size)) if packed else MOST_BYTES
            if size > most:  # Before anything is read: a file of holes takes no place on the disk.
                raise _too_large(path, most, packed)
            data = gzip.GzipFile(fileobj=file).read(most + 1) if packed else file.read(most + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SeqbenchError(f"{path} is no whole gzip file ({error}); fetch it again.") from error
    except OSError as error:
        raise SeqbenchError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > most:
        raise _too_large(path, most, packed)
    return data


def _too_large(path: Path, most: int, packed: bool) -> SeqbenchError:
    return SeqbenchError(
        f"{path} holds more than {most / 2**20:,.0f} MiB{' unpacked' if packed else ''}, far from any data set of this "
        f"suite; {'unpack it yourself if you trust it, or ' if packed else ''}give a smaller file."
    )


def checksum(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, unpacked; each state of a file is read once."""
    try:
        state = path.stat()
    except OSError as error:
        raise SeqbenchError(f"{path} cannot be read: {error.strerror or error}.") from error
    return _checksum(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _checksum(path: Path, modified: int, size: int) -> str:
    return hashlib.sha256(read_file(path)).hexdigest()


def decode_text(path_or_part: str, data: bytes) -> str:
    """Bytes as a text in UTF-8.

    Raises:
        SeqbenchError: they are empty, not UTF-8, or hold zero bytes.
    """
    if not data:
        raise SeqbenchError(f"{path_or_part} is empty; expected a text in UTF-8.")
    try:
        text = data.decode("utf-8-sig")  # A byte-order mark would become part of the first word.
    except UnicodeDecodeError as error:
        raise SeqbenchError(
            f"{path_or_part} is not a text in UTF-8 (byte {error.start} is 0x{data[error.start]:02x}); "
            f"remove it from the folder, or convert it."
        ) from None
    if "\0" in text:
        raise SeqbenchError(f"{path_or_part} holds zero bytes, so it is no text; remove it from the folder.")
    return text
