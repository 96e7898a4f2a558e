"""The record of a run: all that is needed to believe it and to repeat it, as strict JSON.

``results`` holds what the same seed must repeat bit for bit, ``measured`` what may differ from run to run,
``config`` what was run. A record is written whole or not at all.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seqbench.errors import SeqbenchError

SCHEMA = 1
NAME = "result.json"
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
                f"a record's status must be one of {', '.join(STATUSES)}, got {self.results.get('status')!r}."
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
        data = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except FileNotFoundError:
        raise SeqbenchError(f"no record at {file}; give a run folder that holds a {NAME}.") from None
    except (OSError, ValueError, RecursionError) as error:
        raise SeqbenchError(f"{file} is not a readable record: {error}.") from error
    sections = ("results", "measured", "config")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), dict) for key in sections):
        raise SeqbenchError(f"{file} is not a record: it needs the sections {', '.join(sections)}.")
    if data.get("schema") != SCHEMA:
        raise SeqbenchError(
            f"{file} has schema {data.get('schema')!r}, this seqbench reads {SCHEMA}; use the seqbench that wrote it."
        )
    return Record(**{key: data[key] for key in sections})


def to_json(data: Any) -> str:
    """Strict JSON text (no NaN, no infinity, nothing but plain data), sorted, with a final newline.

    Raises:
        SeqbenchError: naming the place of the first value that is not plain data.
    """
    _check_plain(data, "record")
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


def _check_plain(value: Any, where: str) -> None:
    if value is None or isinstance(value, str | bool | int):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise SeqbenchError(f"{where} is {value}, which JSON cannot hold; record null and the reason.")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise SeqbenchError(f"{where} has the key {key!r}; keys must be strings.")
            _check_plain(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _check_plain(item, f"{where}[{index}]")
    else:
        raise SeqbenchError(f"{where} is a {type(value).__name__}, not plain data; it cannot be recorded.")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not strict JSON")
