"""The record of a cell whose process ended without writing one; the process of the sweep writes it."""

from __future__ import annotations

import dataclasses

from seqbench.protocol import run_folder
from seqbench.protocol.records import build_record
from seqbench.sweep.engines.engine import JobFailure
from seqbench.sweep.planning.sweep_plan import Cell
from seqbench.utils import atomic_files, redaction

LOCK_SECONDS = 5.0
"""Seconds to wait for the lock of the run folder: the system releases the lock of a killed process with a delay."""


def write_failure_record(cell: Cell, failure: JobFailure) -> None:
    """Write the failure into the cell's record and the output of its process to ``error.txt``.

    Values that the process has already recorded are kept. A finished record is not changed: the process failed after
    its work was done, or another process has finished the cell in the meantime.

    Raises:
        SeqbenchError: another process runs the cell now, or the record cannot be written.
    """
    with run_folder.lock_folder(cell.folder, LOCK_SECONDS):
        earlier = cell.record()
        if earlier is not None and cell.finished():
            return
        outcome = {"status": failure.status, "reason": redaction.redact(failure.reason)}
        if earlier is None:
            from seqbench.running import provenance  # Imports torch, which the process of a sweep rarely needs.

            described = provenance.describe_config(cell.config)
            record = build_record({"curves": {}, **outcome}, {"wandb": None}, described)
            options = cell.config.options_to_repeat()
            atomic_files.write_text(cell.folder / run_folder.CONFIG, provenance.to_yaml(options))
        else:
            record = dataclasses.replace(earlier, results=earlier.results.with_values(**outcome))
        record.write(cell.folder)  # Written before the output, which could fill a disk that is almost full.
        if failure.output.strip():
            atomic_files.write_text(cell.folder / run_folder.ERROR, redaction.redact(failure.output))
