"""Check a record: against its digests, its task's lines, its checkpoint's scores, a second run."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from seqbench.cli.text_tables import align_columns
from seqbench.protocol import records
from seqbench.utils.errors import SeqbenchError

TOLERANCE = 1e-6

EPILOG = """\
What cannot be looked at from here (data that are not at hand, an architecture that is not installed, a checkpoint that
is not beside the record) is skipped, and is not wrong. An architecture that is given by its path (`my_file:Net`) is
imported from the folder you stand in, so a stranger's record chooses which file of it is run: that needs `--trust`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The record, and how far to go."""
    parser.epilog = EPILOG
    parser.add_argument("record", type=Path, metavar="RECORD", help="folder of a run, or a record as JSON anywhere")
    parser.add_argument("--retrain", action="store_true", help="run it again as well, and compare the results")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="SHARE",
        help=f"most that a figure may be off, relative to it or to 1 (default: {TOLERANCE:g})",
    )
    parser.add_argument(
        "--trust", action="store_true", help="import an architecture given by its path from the folder you stand in"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found as JSON as well")


def main(options: argparse.Namespace) -> int:
    """Print each check and the verdict; 0 if none is wrong, else 1."""
    if not 0 <= options.tolerance < math.inf:
        raise SeqbenchError(f"--tolerance must be a number from 0 on, got {options.tolerance}.")
    records.read_record(options.record)  # Before torch: it may be no record.

    from seqbench.utils import atomic_files, plain_data
    from seqbench.verification.verify import verify_record

    report = verify_record(options.record, retrain=options.retrain, tolerance=options.tolerance, trust=options.trust)
    if options.json is not None:
        atomic_files.write_text(options.json, plain_data.to_json(report.to_dict()))
    print(align_columns([[check.name, check.state, check.says] for check in report.checks]))
    print(f"\n{report.verdict}")
    return 0 if report.ok else 1
