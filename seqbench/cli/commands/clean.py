"""Delete trials, checkpoints, failed runs and W&B folders, after showing what would be deleted."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli import runs_table
from seqbench.cli.text_tables import align_columns
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import format_bytes
from seqbench.utils.units import parse_seconds

if TYPE_CHECKING:
    from seqbench.running.stored.cleanup import Deletion
    from seqbench.running.stored.stored_runs import StoredRun

logger = logging.getLogger(__name__)

KINDS = {
    "trials": "the folders of learning-rate trials (`sweep --tune`)",
    "failed": "the folders of runs without a result: failed, interrupted, killed, out of memory or time",
    "checkpoints": "all checkpoints of finished runs; load, generate, evaluate and verify need the best one",
    "last-checkpoints": "the last checkpoints of finished runs, which no command needs",
    "wandb": "the folders of their W&B runs on this disk",
    "finished": "the folders of finished runs, with their records",
}
"""What each option deletes."""

EPILOG = """\
Without one of these options the command shows what each of them would delete. Runs in use, files that no run
wrote and the targets of symbolic links are never deleted. A run folder is one whose name is
<tier>-s<seed>-<8 hexadecimal digits>. With a terminal the command asks first; otherwise it needs --yes.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench clean`` to its parser."""
    parser.epilog = EPILOG
    parser.add_argument("folder", nargs="?", type=Path, default=Path("runs"), help="the folder of runs (default: runs)")
    for name, what in KINDS.items():
        parser.add_argument(f"--{name}", action="store_true", help=f"delete {what} (default: keep)")
    parser.add_argument(
        "--older-than",
        metavar="TIME",
        help="only runs unchanged for this time: 12h, 30d (default: any age)",
    )
    runs_table.add_filter_arguments(parser)
    parser.add_argument("--dry-run", action="store_true", help="show what would be deleted, and delete nothing")
    parser.add_argument("--yes", action="store_true", help="delete without asking (default: ask)")


def main(options: argparse.Namespace) -> int:
    """Show what would be deleted, ask, and delete.

    Returns:
        0 if all that was planned is deleted, 1 if something could not be deleted or the answer was no.

    Raises:
        SeqbenchError: there is no such folder, a value is wrong, or there is no terminal to ask and no ``--yes``.
    """
    from seqbench.running.stored import cleanup, stored_runs

    age = parse_seconds(options.older_than, "--older-than") if options.older_than else 0.0
    chosen = {name.replace("-", "_"): getattr(options, name.replace("-", "_")) for name in KINDS}
    request = cleanup.Request(**chosen, older_than=age)
    choose = runs_table.build_filter(options)
    everything = stored_runs.find_stored_runs(options.folder)
    runs = [run for run in everything if choose(run)]
    _log_kept(runs)
    if not request.kinds:
        print(_format_overview(runs, age))
        return 0
    plan = cleanup.plan_cleanup(runs, request)
    if not plan:
        print("there is nothing to delete.")
        return 0
    print(_format_plan(plan, everything, options.folder))
    if options.dry_run:
        return 0
    if not options.yes and not _confirm():
        print("nothing was deleted.")
        return 1
    return _execute(plan, options.folder)


def _log_kept(runs: Sequence[StoredRun]) -> None:
    """Log how many folders stay in any case."""
    from seqbench.running.stored import own_files

    running = sum(run.status == "running" for run in runs)
    if running:
        logger.info(f"{running} run{'s are' if running != 1 else ' is'} in use and will stay.")
    for run in runs:
        if reason := run.reason if run.status == "broken" else own_files.reason_to_keep(run.folder):
            logger.info(f"{run.folder} will stay: {reason}")


def _format_overview(runs: Sequence[StoredRun], older_than: float) -> str:
    """Return a table of what each option would delete."""
    from seqbench.running.stored import cleanup

    rows = [["option", "runs", "size", "deletes"]]
    for name, what in KINDS.items():
        kinds = {name.replace("-", "_"): True}
        plan = cleanup.plan_cleanup(runs, cleanup.Request(**kinds, older_than=older_than))
        rows.append([f"--{name}", str(len(plan)), format_bytes(sum(one.bytes for one in plan)), what])
    return f"{align_columns(rows)}\nNothing was deleted; choose one option or several."


def _format_plan(plan: Sequence[Deletion], runs: Sequence[StoredRun], root: Path) -> str:
    """Return a line for each run with what is deleted, the total, and what the user should know before.

    Args:
        plan: what would be deleted.
        runs: all runs in the folder.
        root: the folder of runs.
    """
    from seqbench.running.stored import cleanup

    rows = [["delete", "run", "status", "size"]]
    for one in plan:
        parts = [
            os.path.relpath(path, one.run.folder if one.run.folder in path.parents else root) for path in one.paths
        ]
        what = ", ".join(["whole run"] * one.whole + parts)
        status = f"{one.run.status}, trial" if one.run.is_trial else one.run.status
        rows.append([what, str(one.run.folder), status, format_bytes(one.bytes)])
    count = len(plan)
    total = format_bytes(sum(one.bytes for one in plan))
    lines = [align_columns(rows), f"{count} run{'s' * (count != 1)}, {total}"]
    if finals := cleanup.trials_in_use(plan, runs):
        lines.append(
            f"{finals} finished run{'s name' if finals != 1 else ' names'} these trials. Their records keep the rates "
            "and scores of the trials, and `seqbench verify` does not read the folders; the same `sweep --tune` would "
            "run the trials again."
        )
    if unsynced := cleanup.unsynced_wandb_runs(plan):
        lines.append(
            f"{unsynced} offline W&B run{'s were' if unsynced != 1 else ' was'} not uploaded; `wandb sync` would do it."
        )
    return "\n".join(lines)


def _confirm() -> bool:
    """Return whether the user agrees.

    Raises:
        SeqbenchError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise SeqbenchError("nothing was deleted, because there is no terminal to ask; add --yes.")
    try:
        return input("Delete? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:  # Ctrl-D leaves the cursor behind the question.
        print()
        return False


def _execute(plan: Sequence[Deletion], root: Path) -> int:
    from seqbench.running.stored import cleanup

    freed, problems = 0, 0
    for one in plan:
        try:
            left = cleanup.execute_deletion(one, root)
            freed += one.bytes
            if left:
                names = ", ".join(os.path.relpath(path, one.run.folder) for path in left)
                logger.info(f"{one.run.folder} stays, because no run wrote this in it: {names}")
        except cleanup.PartlyDeletedError as error:
            problems += 1
            logger.info(f"{one.run.folder} is only partly deleted: {error}")
        except SeqbenchError as error:
            problems += 1
            logger.info(f"not deleted: {error}")
    print(f"deleted {format_bytes(freed)} of {len(plan) - problems} run{'s' * (len(plan) - problems != 1)}")
    return 1 if problems else 0
