"""The record of a cell whose process could not write one: the parent does."""

from __future__ import annotations

import dataclasses
from typing import Any

from seqbench.protocol import run_folder
from seqbench.protocol.records import Record
from seqbench.sweep.engines.engine import JobFailure
from seqbench.sweep.planning.sweep_plan import Cell
from seqbench.utils import atomic_files, redaction

PATIENCE = 5.0
"""Seconds: of a process that was killed the system closes one file after the other, and the lock is one of them."""


def write_failure_record(cell: Cell, failure: JobFailure) -> None:
    """Write how a cell's process died, beside what it had written itself; its last words go to ``error.txt``.

    A finished record stays as it is: the process died after its work was done, or another has done it since.

    Raises:
        SeqbenchError: another process is at the cell by now, or the disk refuses.
    """
    with run_folder.lock_folder(cell.folder, PATIENCE):
        earlier = cell.record()
        if earlier is not None and cell.finished():
            return
        results: dict[str, Any] = {**(earlier.results if earlier else {"curves": {}})}
        results |= {"status": failure.status, "reason": redaction.redact(failure.reason)}
        if earlier is None:
            from seqbench.running import provenance  # torch, which a sweep's own process does without.

            record = Record(results, {"wandb": None}, provenance.describe_config(cell.config))
            atomic_files.write_text(cell.folder / run_folder.CONFIG, provenance.to_yaml(cell.config.options()))
        else:
            record = dataclasses.replace(earlier, results=results)
        record.write(cell.folder)  # First: on a disk that is almost full, its words may take the room.
        if failure.output.strip():
            atomic_files.write_text(cell.folder / run_folder.ERROR, redaction.redact(failure.output))
