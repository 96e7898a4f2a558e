"""The record of a run, ``result.json``: everything needed to check a result and to repeat the run, as strict JSON.

``results`` holds the values that a repetition with the same seed must reproduce bit for bit, ``measured`` the values
that differ from run to run, and ``config`` the description of the run; ``record_fields`` describes every field. A
checksum over the three sections shows whether a record was edited after it was written. It leaves out the parts that
may quote the task's data, so that a record can be published without these parts. A record is written atomically.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import JsonValue

from seqbench.protocol.record_fields import (
    Measured,
    RecordFile,
    Results,
    RunDescription,
    VerificationStamp,
)
from seqbench.utils.atomic_files import read_bytes, write_text
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import format_number
from seqbench.utils.plain_data import decode_json, json_digest, short_repr, to_json
from seqbench.utils.strict_model import validate

SCHEMA = 1
NAME = "result.json"
PRIVATE = ("sample", "sample_error")
"""Fields of ``results`` that may quote the task's data and are never published."""
TUNING_SEED = 999_999_937
"""Seed of the runs that choose a learning rate; no result is computed with it."""


@dataclass(frozen=True)
class Record:
    """One run's record.

    Args:
        results: values that a repetition with the same seed must reproduce bit for bit.
        measured: values that differ from run to run.
        config: description of the run.
        schema: version of the format.
        checksum: checksum in the file; None for a record that was not read from a file.
        verified: verification of a submitted record; not part of the checksum.
    """

    results: Results
    measured: Measured
    config: RunDescription
    schema: int = SCHEMA
    checksum: str | None = field(default=None, compare=False)
    verified: VerificationStamp | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        """Return one line: architecture, task, tier, seed, status and the deciding test score."""
        return f"Record({self.headline()})"

    def headline(self) -> str:
        """Return what was run and how it ended, such as ``gru on copy, small, seed 0: ok, accuracy 0.98``."""
        config, metric = self.config, self.config.card.metric
        score = self.results.metrics.get("test", {}).get(metric)
        ending = f"{self.status}, {metric} {format_number(score.value)}" if score else self.status
        return f"{config.model} on {config.card.name}, {config.card.tier}, seed {config.seed}: {ending}"

    @property
    def status(self) -> str:
        """One of ``STATUSES``."""
        return self.results.status

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the three sections without the private fields, which ``checksum`` must equal."""
        results = self.results.model_dump(exclude_unset=True, exclude=set(PRIVATE))
        return json_digest([results, self.measured.to_dict(), self.config.to_dict()])

    def without_sample(self) -> Record:
        """Return the record without the private fields, as it can be published."""
        kept = self.results.model_dump(exclude_unset=True, exclude=set(PRIVATE))
        return replace(self, results=Results.model_validate(kept))

    def intact(self) -> bool:
        """Return whether the checksum matches the contents, so that the record was not edited."""
        return self.checksum == self.digest()

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the record as plain data, with its checksum."""
        sections = {"results": self.results, "measured": self.measured, "config": self.config}
        return {
            **{name: section.to_dict() for name, section in sections.items()},
            "schema": self.schema,
            "checksum": self.digest(),
            **({} if self.verified is None else {"verified": self.verified.to_dict()}),
        }

    def to_json(self) -> str:
        """Return the record as strict JSON, with its checksum."""
        return to_json(self.to_dict())

    def write(self, folder: Path, name: str = NAME) -> Path:
        """Write the record into a folder atomically, and return the path of the file.

        Raises:
            SeqbenchError: the file cannot be written; an earlier record stays.
        """
        path = folder / name
        write_text(path, self.to_json())
        return path


def build_record(results: Mapping[str, object], measured: Mapping[str, object], config: Mapping[str, object]) -> Record:
    """Build a record from the plain data of its three sections; it equals the record read back from its file.

    Args:
        results: fields of ``Results``.
        measured: fields of ``Measured``.
        config: fields of ``RunDescription``.

    Raises:
        SeqbenchError: a value is not plain data, a key is unknown or missing, or a value has the wrong type.
    """
    sections = {"results": results, "measured": measured, "config": config, "schema": SCHEMA}
    return _build_record(decode_json(to_json(sections).encode()), "the record of this run")


def read_record(path: Path) -> Record:
    """Read a record from ``result.json`` or from the run folder that holds it.

    Raises:
        SeqbenchError: there is no record, it is broken, or a newer seqbench wrote it.
    """
    file = path / NAME if path.is_dir() else path
    try:
        data = decode_json(read_bytes(file))
    except FileNotFoundError:
        raise SeqbenchError(f"no record at {file}; give a run folder that holds a {NAME}.") from None
    except (OSError, ValueError) as error:
        raise SeqbenchError(f"{file} is not a readable record: {error}.") from error
    return parse_record(data, str(file))


def parse_record(data: object, where: str) -> Record:
    """Build a record from the plain data of a ``result.json``.

    Raises:
        SeqbenchError: the data are not a record, or a newer seqbench wrote them; the message starts with ``where``.
    """
    sections = ("results", "measured", "config")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), dict) for key in sections):
        raise SeqbenchError(f"{where} is not a record: it needs the sections {', '.join(sections)}.")
    if data.get("schema") != SCHEMA:
        raise SeqbenchError(
            f"{where} has schema {short_repr(data.get('schema'))}, this seqbench reads {SCHEMA}; "
            f"use the seqbench that wrote it."
        )
    return _build_record(data, where)


def _build_record(data: object, where: str) -> Record:
    file = validate(RecordFile, data, origin=where)
    return Record(file.results, file.measured, file.config, checksum=file.checksum, verified=file.verified)
