"""The description of one run for ``seqbench show RUN``: its scores, its own options, its files and its sample."""

from __future__ import annotations

from pathlib import Path

from seqbench.cli.run_report import format_report
from seqbench.cli.runs_table import format_age
from seqbench.cli.text_tables import align_columns
from seqbench.protocol import cards, records, run_folder
from seqbench.protocol.records import Record
from seqbench.running.stored.stored_runs import StoredRun, read_stored_run
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted, format_bytes
from seqbench.utils.visible_text import visible_line

MOST_LINES = 40
"""Largest number of lines of the sample that are shown."""


def is_run(path: Path) -> bool:
    """Return whether a path is a run folder or a record."""
    if path.is_dir():
        return (path / records.NAME).is_file() or (path / run_folder.CONFIG).is_file()
    return path.name == records.NAME and path.is_file()


def describe_run(path: Path) -> str:
    """Return the description of a run: how it ended, its scores, its own options, its files and its sample.

    Args:
        path: run folder, or its ``result.json``.
    """
    folder = path if path.is_dir() else path.parent
    run = read_stored_run(folder)
    parts = [_describe_state(run)]
    if run.status != "broken" and (folder / records.NAME).is_file():
        parts.append(_format_scores(records.read_record(folder)))
    parts.append(_list_files(folder))
    if sample := _read_sample(folder):
        parts.append(f"{run_folder.SAMPLE}:\n{sample}")
    return "\n\n".join(part for part in parts if part)


def _describe_state(run: StoredRun) -> str:
    seed = "unknown" if run.seed is None else str(run.seed)
    rows = [
        ("run", str(run.folder)),
        ("what", f"{run.architecture or '?'} on {run.task or '?'}, {run.tier or '?'}, seed {seed}"),
        ("status", f"{run.status}: {run.reason}" if run.reason else run.status),
        ("own options", " ".join(f"{key}={value}" for key, value in run.own.items()) or "none"),
        ("last change", f"{format_age(run.age())} ago"),
    ]
    return align_columns([(name, visible_line(text)) for name, text in rows])


def _format_scores(record: Record) -> str:
    """Return the report of a run; an empty text if its card is not installed."""
    try:
        return format_report(record, cards.load_card(record.config.card.name))
    except SeqbenchError:
        return ""


def _list_files(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != run_folder.LOCK)
    return align_columns([(str(path.relative_to(folder)), format_bytes(path.lstat().st_size)) for path in files])


def _read_sample(folder: Path) -> str:
    """Return the beginning of the sample, without characters that control a terminal; "" if there is none."""
    try:
        text = atomic_files.read_bytes(folder / run_folder.SAMPLE).decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = text.splitlines()
    more = [f"... ({counted(len(lines) - MOST_LINES, 'more line')})"] if len(lines) > MOST_LINES else []
    shown = ["".join(letter if letter.isprintable() else "\ufffd" for letter in line) for line in lines[:MOST_LINES]]
    return "\n".join([*shown, *more])
