"""The action ``seqbench leaderboard request``: check a request for records with the code of the base branch."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from seqbench.utils.errors import SeqbenchError

logger = logging.getLogger(__name__)

RETRAINED = 3
"""Number of records with a checkpoint that are trained again by default."""

EPILOG = """\
Only new records of the request are read; its code, cards, workflows and pages are not used, and a change of them is
refused, as are changed records, links, and stamps that the request wrote itself. A skipped check is a failure. A record
without a checkpoint is trained again. With --stamp, and if nothing is refused, the records are written into the base
with the stamps of CI, and the pages are generated again.
"""


def add_action(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the action with its arguments."""
    parser = actions.add_parser(
        "request", help=run_request.__doc__, description=run_request.__doc__, epilog=EPILOG, allow_abbrev=False
    )
    parser.add_argument(
        "--base",
        metavar="FOLDER",
        type=Path,
        default=Path(),
        help="clean checkout of the base branch, whose seqbench is running (default: the current folder)",
    )
    parser.add_argument(
        "--request",
        metavar="FOLDER",
        type=Path,
        required=True,
        help="clean checkout of the request, merged into the base branch",
    )
    parser.add_argument(
        "--checkpoints", metavar="FOLDER", type=Path, help="folder with the run folders that the request offers"
    )
    parser.add_argument(
        "--retrain",
        metavar="N",
        type=int,
        default=RETRAINED,
        help=f"number of records with a checkpoint that are trained again, chosen at random (default: {RETRAINED})",
    )
    parser.add_argument(
        "--stamp", action="store_true", help="write the records with their stamps, and the pages, into the base"
    )
    parser.add_argument(
        "--stamped",
        action="store_true",
        help="take the stamps of the request as they are: an earlier job of the same workflow wrote them",
    )
    parser.add_argument(
        "--install-plugins",
        action="store_true",
        help="install the plug-ins that records name, as wheels from the package index, for their nets alone",
    )
    parser.add_argument("--report", metavar="FILE", type=Path, help="also write the summary in Markdown to a file")
    parser.set_defaults(act=run_request)


def run_request(options: argparse.Namespace) -> int:
    """Check a request for records with the code of the base branch, and stamp the records that pass."""
    for folder in (options.base, options.request, options.checkpoints):
        if folder is not None and not folder.is_dir():
            raise SeqbenchError(f"there is no folder {folder}; give a checkout of the repository.")
    if options.retrain < 0:
        raise SeqbenchError(f"--retrain must be a number from 0 on, got {options.retrain}.")

    from seqbench.utils import atomic_files
    from seqbench.utils.visible_text import visible_line
    from seqbench.verification.requests import request_check, request_report  # Imports torch.

    report = request_check.check_request(
        options.base,
        options.request,
        checkpoints=options.checkpoints,
        retrain=options.retrain,
        stamp=options.stamp,
        stamped=options.stamped,
        install=options.install_plugins,
        log=lambda line: logger.info(visible_line(line)),
    )
    text = request_report.render_report(report)
    if options.report is not None:
        atomic_files.write_text(options.report, text)
    print(text, end="")
    if report.written:
        print(f"\nwritten into {options.base}: the records with their stamps, and the pages; commit them")
    return 0 if report.ok else 1
