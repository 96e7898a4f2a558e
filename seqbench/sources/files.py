"""Files of data: where they may lie, their bytes unpacked, and their checksums."""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from functools import lru_cache
from pathlib import Path

from seqbench.errors import SeqbenchError


def cache_root() -> Path:
    """Where seqbench keeps what it fetched and prepared: ``$SEQBENCH_CACHE``, else ``~/.cache/seqbench``."""
    chosen = os.environ.get("SEQBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "seqbench"


def fetched() -> Path:
    """The data folder that the hub's files are written to."""
    return cache_root() / "data"


def roots() -> list[Path]:
    """Data folders, in the order in which they are looked through."""
    named = os.environ.get("SEQBENCH_DATA")
    return [*([Path(named).expanduser()] if named else []), fetched()]


def standing(path: Path) -> Path | None:
    """The file, packed or (for a name in ``.gz``) unpacked; None if it is not there."""
    plain = path.with_name(path.name.removesuffix(".gz"))
    return next((place for place in (path, plain) if place.is_file()), None)


def read(path: Path) -> bytes:
    """The bytes of a file, unpacked if its name ends in ``.gz``.

    Raises:
        SeqbenchError: it cannot be read, or it is cut short.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SeqbenchError(f"{path} is no whole gzip file ({error}); fetch it again.") from error
    except OSError as error:
        raise SeqbenchError(f"{path} cannot be read: {error.strerror or error}.") from error


def checksum(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes, unpacked; each state of a file is read once."""
    try:
        state = path.stat()
    except OSError as error:
        raise SeqbenchError(f"{path} cannot be read: {error.strerror or error}.") from error
    return _checksum(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=64)
def _checksum(path: Path, modified: int, size: int) -> str:
    return hashlib.sha256(read(path)).hexdigest()


def decode(path_or_part: str, data: bytes) -> str:
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
