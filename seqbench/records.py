"""The record of a run: all that is needed to believe it and to repeat it, as strict JSON.

``results`` holds what the same seed must repeat bit for bit, ``measured`` what may differ from run to run,
``config`` what was run. A record is written whole or not at all.
"""

from __future__ import annotations

import json
import math
import os
import reprlib
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from seqbench.errors import SeqbenchError

SCHEMA = 1
NAME = "result.json"
MOST_BYTES = 64 * 2**20
"""A file beyond is no record, card or configuration, and would fill the memory before it is found to be none."""
DEEPEST, MOST_BITS = 100, 1024
"""Levels of nesting, and bits of a whole number, up to which data is plain: what any reader of JSON can take."""
STATUSES = ("ok", "diverged", "interrupted", "failed", "timeout", "out_of_memory")


@dataclass(frozen=True)
class Record:
    """One run's record; see the module's docstring for the three sections."""

    results: Mapping[str, Any]
    measured: Mapping[str, Any]
    config: Mapping[str, Any]
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        if self.results.get("status") not in STATUSES:
            raise SeqbenchError(
                f"a record's status must be one of {', '.join(STATUSES)}, got {shown(self.results.get('status'))}."
            )

    @property
    def status(self) -> str:
        """One of ``STATUSES``."""
        return str(self.results["status"])

    def write(self, folder: Path) -> Path:
        """Write ``result.json`` into the folder, atomically; return its path.

        Raises:
            SeqbenchError: a value is not plain data, or the disk refuses; the earlier record stays.
        """
        path = folder / NAME
        write_text(path, to_json(asdict(self)))
        return path


def read(path: Path) -> Record:
    """Read a record from ``result.json`` or from the run folder that holds it.

    Raises:
        SeqbenchError: there is none, it is broken, or a newer seqbench wrote it.
    """
    file = path / NAME if path.is_dir() else path
    try:
        data = read_json(file)
    except FileNotFoundError:
        raise SeqbenchError(f"no record at {file}; give a run folder that holds a {NAME}.") from None
    except (OSError, ValueError) as error:
        raise SeqbenchError(f"{file} is not a readable record: {error}.") from error
    sections = ("results", "measured", "config")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), dict) for key in sections):
        raise SeqbenchError(f"{file} is not a record: it needs the sections {', '.join(sections)}.")
    if data.get("schema") != SCHEMA:
        raise SeqbenchError(
            f"{file} has schema {shown(data.get('schema'))}, this seqbench reads {SCHEMA}; "
            f"use the seqbench that wrote it."
        )
    return Record(**{key: data[key] for key in sections})


def to_json(data: Any) -> str:
    """Strict JSON text (no NaN, no infinity, nothing but plain data), sorted, with a final newline.

    Raises:
        SeqbenchError: naming the place of the first value that is not plain data.
    """
    check_plain(data, "record")
    return json.dumps(data, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a small file atomically: to a temporary neighbour, flushed to disk, then renamed.

    Raises:
        SeqbenchError: the disk refuses; what stood at ``path`` is untouched.
    """
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; a record is there to be read by others.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
        temporary = None
    except OSError as error:
        raise SeqbenchError(f"{path} cannot be written: {error.strerror or error}; the earlier file stands.") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def read_json(path: Path) -> Any:
    """The plain data of a small file of strict JSON.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no strict JSON in UTF-8.
        SeqbenchError: as ``read_bytes`` and ``check_plain``.
    """
    try:
        data = json.loads(read_bytes(path).decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError(f"it is nested more than {DEEPEST} levels deep") from error
    check_plain(data, str(path))
    return data


def read_bytes(path: Path) -> bytes:
    """The bytes of a small file; a pipe or a device is never waited for, and a huge file never read.

    Raises:
        OSError: it cannot be read.
        SeqbenchError: it is no regular file, or larger than any that seqbench writes.
    """
    with opened(path) as file:
        large = os.fstat(file.fileno()).st_size > MOST_BYTES
        data = b"" if large else file.read(MOST_BYTES + 1)
    if large or len(data) > MOST_BYTES:
        raise SeqbenchError(f"{path} has more than {MOST_BYTES // 2**20} MiB; expected a card, a record or options.")
    return data


def opened(path: Path) -> BinaryIO:
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


def check_plain(value: Any, where: str, depth: int = 0) -> None:
    """Make sure that data is what strict JSON in UTF-8 can hold and any reader can take.

    Raises:
        SeqbenchError: naming the place, below ``where``, of the first value that is not.
    """
    if depth > DEEPEST:
        raise SeqbenchError(f"{where[:80]}… is nested more than {DEEPEST} levels deep; nothing of seqbench's is.")
    if value is None or isinstance(value, bool):
        return
    if isinstance(value, str):
        if not _in_utf8(value):
            raise SeqbenchError(f"{where} is the text {shown(value)}, with half of a character; UTF-8 cannot hold it.")
    elif isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            bits = value.bit_length()
            raise SeqbenchError(f"{where} is a whole number of {bits} bits; expected at most {MOST_BITS}.")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise SeqbenchError(f"{where} is {value}, which JSON cannot hold; give a finite number or null.")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or not _in_utf8(key):
                raise SeqbenchError(f"{where} has the key {shown(key)}; keys must be strings in UTF-8.")
            check_plain(item, f"{where}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_plain(item, f"{where}[{index}]", depth + 1)
    else:
        raise SeqbenchError(f"{where} is a {type(value).__name__}, not plain data; it cannot be recorded.")


def _in_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def shown(value: Any) -> str:
    """A value of a stranger's, for a sentence: of whatever type and length, in a few words."""
    try:
        return reprlib.repr(value)
    except ValueError:  # A whole number of thousands of digits.
        return f"something of type {type(value).__name__}"


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not strict JSON")
