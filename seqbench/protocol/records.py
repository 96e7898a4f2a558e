"""The record of a run: all that is needed to believe it and to repeat it, as strict JSON.

``results`` holds what the same seed must repeat bit for bit, ``measured`` what may differ from run to run,
``config`` what was run. A checksum over the three tells whether a record is still what was written; it leaves out what
may quote the data, so that a record can be published without it. A record is written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from seqbench.utils.atomic_files import write_text
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import check_plain, json_digest, read_json, short_repr, to_json

SCHEMA = 1
NAME = "result.json"
PRIVATE = ("sample", "sample_error")
"""Of ``results``: what may quote the task's data, and is never published."""
TUNING_SEED = 999_999_937
"""Of the runs that choose a learning rate: none that anybody would take for a result."""
STATUSES = ("ok", "diverged", "interrupted", "failed", "timeout", "out_of_memory")


@dataclass(frozen=True)
class Record:
    """One run's record; see the module's docstring for the three sections.

    ``checksum`` is the one that was read, None for a record that has just been made. ``verified`` says how a submitted
    record was verified; it is no part of the checksum.
    """

    results: Mapping[str, Any]
    measured: Mapping[str, Any]
    config: Mapping[str, Any]
    schema: int = SCHEMA
    checksum: str | None = field(default=None, compare=False)
    verified: Mapping[str, Any] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.results.get("status") not in STATUSES:
            raise SeqbenchError(
                f"a record's status must be one of {', '.join(STATUSES)}, got {short_repr(self.results.get('status'))}."
            )

    @property
    def status(self) -> str:
        """One of ``STATUSES``."""
        return str(self.results["status"])

    def digest(self) -> str:
        """SHA-256 (hex) over the three sections, without what is private: what ``checksum`` must be."""
        return json_digest([self.without_sample().results, self.measured, self.config])

    def without_sample(self) -> Record:
        """The same without what is private: what can be published."""
        return replace(self, results={key: value for key, value in self.results.items() if key not in PRIVATE})

    def intact(self) -> bool:
        """Whether the record reads as it was written: nobody has edited it, unless its checksum as well."""
        return self.checksum == self.digest()

    def to_json(self) -> str:
        """The record as strict JSON, with its checksum.

        Raises:
            SeqbenchError: a value is not plain data.
        """
        check_plain({"results": self.results, "measured": self.measured, "config": self.config}, "record")
        data = {**asdict(self), "checksum": self.digest()}
        if self.verified is None:
            del data["verified"]
        return to_json(data)

    def write(self, folder: Path, name: str = NAME) -> Path:
        """Write ``result.json`` (or another name) into the folder, atomically; return its path.

        Raises:
            SeqbenchError: a value is not plain data, or the disk refuses; the earlier record stays.
        """
        path = folder / name
        write_text(path, self.to_json())
        return path


def read_record(path: Path) -> Record:
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
    return parse_record(data, str(file))


def parse_record(data: Any, where: str) -> Record:
    """The record of plain data.

    Raises:
        SeqbenchError: it is none, or a newer seqbench wrote it; the sentence names ``where`` it came from.
    """
    sections = ("results", "measured", "config")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), dict) for key in sections):
        raise SeqbenchError(f"{where} is not a record: it needs the sections {', '.join(sections)}.")
    if data.get("schema") != SCHEMA:
        raise SeqbenchError(
            f"{where} has schema {short_repr(data.get('schema'))}, this seqbench reads {SCHEMA}; "
            f"use the seqbench that wrote it."
        )
    made = {key: data[key] for key in sections}
    return Record(**made, checksum=data.get("checksum"), verified=data.get("verified"))
