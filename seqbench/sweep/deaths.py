"""The record of a cell whose process could not write one: the parent does."""

from __future__ import annotations

import dataclasses
from typing import Any

from seqbench import disk, folders, redaction
from seqbench.records import Record
from seqbench.sweep.jobs import Death
from seqbench.sweep.plan import Cell

PATIENCE = 5.0
"""Seconds: of a process that was killed the system closes one file after the other, and the lock is one of them."""


def note(cell: Cell, death: Death) -> None:
    """Write how a cell's process died, beside what it had written itself; its last words go to ``error.txt``.

    A finished record stays as it is: the process died after its work was done, or another has done it since.

    Raises:
        SeqbenchError: another process is at the cell by now, or the disk refuses.
    """
    with folders.hold(cell.folder, PATIENCE):
        earlier = cell.record()
        if earlier is not None and cell.finished():
            return
        results: dict[str, Any] = {**(earlier.results if earlier else {"curves": {}})}
        results |= {"status": death.status, "reason": redaction.redact(death.reason)}
        if earlier is None:
            from seqbench import provenance  # torch, which a sweep's own process does without.

            record = Record(results, {"wandb": None}, provenance.identify(cell.config))
            disk.write_text(cell.folder / folders.CONFIG, provenance.to_yaml(cell.config.options()))
        else:
            record = dataclasses.replace(earlier, results=results)
        record.write(cell.folder)  # First: on a disk that is almost full, its words may take the room.
        if death.output.strip():
            disk.write_text(cell.folder / folders.ERROR, redaction.redact(death.output))
