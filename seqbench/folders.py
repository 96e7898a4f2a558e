"""The folder of a run: what stands in it, and whether a new attempt may use it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seqbench import records
from seqbench.errors import SeqbenchError
from seqbench.records import Record

CHECKPOINTS = "checkpoints"
BEST, LAST = f"{CHECKPOINTS}/best.ckpt", f"{CHECKPOINTS}/last.ckpt"
CONFIG, METRICS, ERROR = "config.yaml", "metrics.csv", "error.txt"
VOCABULARY, SAMPLE = "vocabulary.json", "sample.txt"
TOKENIZER, HYPOTHESES, TRANSLATIONS = "tokenizer.json", "hypotheses.txt", "translations.txt"
ATTENTION = "attention.png"


def finished(folder: Path, resume: bool, overwrite: bool) -> Record | None:
    """The record of a finished run that is to be resumed; None if there is work to do.

    Raises:
        SeqbenchError: the folder holds an earlier run, and the flags do not say what to do with it.
    """
    path = folder / records.NAME
    if overwrite:
        return None
    if path.is_file():
        record = records.read(path)
        if resume:
            return record if record.status == "ok" else None
        if record.status == "ok":
            raise SeqbenchError(f"this run is finished: {path}; add --overwrite to replace it.")
        raise SeqbenchError(
            f"this run is unfinished ({record.status}): {path}; add --resume to go on with it, or --overwrite."
        )
    if not resume and (folder / CHECKPOINTS).exists():
        raise SeqbenchError(
            f"{folder} holds checkpoints of a run that was killed; add --resume to go on with it, or --overwrite."
        )
    return None


def make(folder: Path, overwrite: bool) -> None:
    """Make the run's folder, emptied of an earlier run if that is wanted.

    Raises:
        SeqbenchError: it cannot be written.
    """
    try:
        if overwrite and folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ERROR).unlink(missing_ok=True)
    except OSError as error:
        raise SeqbenchError(
            f"the run folder {folder} cannot be written: {error.strerror or error}; choose another with --runs FOLDER."
        ) from error


def measured_before(folder: Path) -> Mapping[str, Any]:
    """What an earlier attempt measured, if it left a record."""
    return records.read(folder).measured if (folder / records.NAME).is_file() else {}
