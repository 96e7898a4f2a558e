"""The table of ``seqbench list runs``: what was run, how it ended, its score, and the space that it takes."""

from __future__ import annotations

import argparse
import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli.parse_options import parse_names
from seqbench.cli.text_tables import align_columns
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.number_format import format_bytes, format_number, format_time
from seqbench.utils.visible_text import visible_line

if TYPE_CHECKING:
    from seqbench.running.stored.stored_runs import StoredRun

FORMATS = ("table", "csv", "json")
MOST_CHARACTERS = 44
"""Largest number of characters of the options in the table; the other formats show all of them."""


def add_filter_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that select runs by task, architecture and status."""
    parser.add_argument("--task", metavar="NAME,...", help="only runs on these tasks (default: all)")
    parser.add_argument("--arch", metavar="NAME,...", help="only runs of these architectures (default: all)")
    parser.add_argument(
        "--status", metavar="NAME,...", help="only runs with these states, such as ok,failed,running (default: all)"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folder and the options of ``seqbench list runs`` to a parser."""
    parser.add_argument("folder", nargs="?", type=Path, help="runs: list the runs in this folder (default: runs)")
    add_filter_arguments(parser)
    parser.add_argument("--format", metavar="NAME", help=f"runs: {', '.join(FORMATS)} (default: table)")


def check_options(options: argparse.Namespace) -> None:
    """Check that no option of ``list runs`` was given to another list.

    Raises:
        SeqbenchError: one was given.
    """
    for name in ("folder", "task", "arch", "status", "format"):
        if getattr(options, name) is not None:
            shown = f"the folder {options.folder}" if name == "folder" else f"--{name}"
            raise SeqbenchError(f"{shown} belongs to `seqbench list runs`; write `seqbench list runs ...`.")


def print_runs(options: argparse.Namespace) -> int:
    """Print the runs in a folder as a table, as CSV or as JSON; return 0.

    Raises:
        SeqbenchError: there is no such folder, or a value is unknown.
    """
    name = options.format or "table"
    if name not in FORMATS:
        raise SeqbenchError(f"unknown format '{name}'.{did_you_mean(name, FORMATS)}")
    folder = options.folder or Path("runs")

    from seqbench.running.stored.stored_runs import find_stored_runs  # Needs pydantic.

    choose = build_filter(options)
    found = find_stored_runs(folder)
    runs = [run for run in found if choose(run)]
    if name == "table":
        print(format_table(runs, folder) if runs else _nothing(folder, len(found)))
    else:
        rows = [_plain_row(run) for run in runs]
        print(plain_data.to_json(rows) if name == "json" else _format_csv(rows), end="")
    return 0


def build_filter(options: argparse.Namespace) -> Callable[[StoredRun], bool]:
    """Return a function that says whether a run is one of those that the options select.

    Raises:
        SeqbenchError: a state is unknown.
    """
    from seqbench.running.stored.stored_runs import STATES

    tasks, architectures, states = (
        None if value is None else parse_names(value) for value in (options.task, options.arch, options.status)
    )
    for state in states or ():
        if state not in STATES:
            hint = did_you_mean(state, STATES)
            raise SeqbenchError(f"unknown state '{state}'; a run is one of {', '.join(STATES)}.{hint}")

    def choose(run: StoredRun) -> bool:
        chosen = tasks is None or run.task in tasks
        chosen &= architectures is None or run.architecture in architectures
        return chosen and (states is None or run.status in states)

    return choose


def format_table(runs: Sequence[StoredRun], root: Path) -> str:
    """Return runs as a table with a line below that counts them.

    Args:
        runs: the runs; at least one.
        root: the folder that was searched; the runs' folders are shown relative to it.
    """
    rows = [["task", "tier", "architecture", "seed", "own options", "score", "status", "size", "age", "folder"]]
    for run in runs:
        rows.append(
            [
                run.task or "-",
                run.tier or "-",
                run.architecture or "-",
                "trial" if run.is_trial else "-" if run.seed is None else str(run.seed),
                _shorten(_format_own(run)) or "-",
                "-" if run.score is None else f"{run.metric} {format_number(run.score)}",
                run.status,
                format_bytes(run.bytes),
                format_age(run.age()),
                str(run.folder.relative_to(root)),
            ]
        )
    table = align_columns([[visible_line(cell) for cell in row] for row in rows])
    counts = Counter(run.status for run in runs)
    states = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    total = format_bytes(sum(run.bytes for run in runs))
    reasons = [f"{run.folder}: {run.status}: {visible_line(run.reason)}" for run in runs if run.status == "broken"]
    return "\n".join([table, f"{len(runs)} run{'s' * (len(runs) != 1)} ({states}), {total}", *reasons])


def format_age(seconds: float) -> str:
    """Return an age in its largest unit, days included.

    >>> format_age(7_200), format_age(400_000)
    ('2.0 h', '4.6 days')
    """
    return f"{seconds / 86_400:.1f} days" if seconds >= 2 * 86_400 else format_time(seconds)


def _nothing(folder: Path, found: int) -> str:
    if found:
        return f"none of the {found} runs in {folder} matches"
    return f"{folder} holds no runs"


def _format_own(run: StoredRun) -> str:
    """Return the own options on one line, such as ``num_layers=2 optim.lr=0.001``."""
    return " ".join(f"{key.removeprefix('arch.')}={value}" for key, value in run.own.items())


def _shorten(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _plain_row(run: StoredRun) -> dict[str, object]:
    """Return a run as plain data, with bytes and seconds as numbers."""
    return {
        "task": run.task,
        "tier": run.tier,
        "architecture": run.architecture,
        "seed": run.seed,
        "trial": run.is_trial,
        "own_options": dict(run.own),
        "metric": run.metric,
        "score": run.score,
        "status": run.status,
        "reason": run.reason,
        "bytes": run.bytes,
        "age_seconds": round(run.age(), 1),
        "folder": str(run.folder),
    }


def _format_csv(rows: Sequence[dict[str, object]]) -> str:
    text = io.StringIO()
    columns = ["task", "tier", "architecture", "seed", "trial", "own_options", "metric", "score", "status", "reason"]
    writer = csv.DictWriter(text, [*columns, "bytes", "age_seconds", "folder"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        own = row["own_options"]
        assert isinstance(own, dict)
        line = {**row, "own_options": " ".join(f"{key}={value}" for key, value in own.items())}
        writer.writerow({key: visible_line("" if value is None else value) for key, value in line.items()})
    return text.getvalue()
