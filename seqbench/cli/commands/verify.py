"""Check a record against its digests, its task's reference scores, its checkpoint, and optionally a second run."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from seqbench.cli.text_tables import align_columns
from seqbench.protocol import records
from seqbench.utils.errors import SeqbenchError

TOLERANCE = 1e-6
"""Largest difference between two numbers that count as equal, relative to the number or to 1."""

EPILOG = """\
A check that is not possible on this machine is skipped, and a skipped check is not an error. This happens if the data
are missing, if the architecture is not installed, or if there is no checkpoint beside the record. The digest of the
weights is checked without data and architecture, and `--task.data_dir` names data that were moved. An architecture that
is given by its path (`my_file:Net`) is imported from the current folder. The author of a record thus chooses which
file is executed, so this import needs `--trust`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``seqbench verify`` to its parser."""
    parser.epilog = EPILOG
    parser.add_argument("record", type=Path, metavar="RECORD", help="folder of a run, or a record as a JSON file")
    parser.add_argument("--retrain", action="store_true", help="also repeat the run and compare the results")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="SHARE",
        help=f"largest difference that is accepted, relative to the number or to 1 (default: {TOLERANCE:g})",
    )
    parser.add_argument(
        "--trust", action="store_true", help="import an architecture given by its path from the current folder"
    )
    parser.add_argument(
        "--task.data_dir",
        dest="data_dir",
        type=Path,
        metavar="FOLDER",
        help="folder or file of the run's data, if they have been moved since the run",
    )
    parser.add_argument(
        "--beside",
        type=Path,
        metavar="FOLDER",
        help="folder with records of other seeds; their spread is the tolerance of --retrain on other hardware "
        "(default: beside the record)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the report to a JSON file")


def main(options: argparse.Namespace) -> int:
    """Print each check and the verdict; return 0 if no check failed, otherwise 1.

    Raises:
        SeqbenchError: the tolerance is negative or not finite, or the record cannot be read.
    """
    if not 0 <= options.tolerance < math.inf:
        raise SeqbenchError(f"--tolerance must be 0 or a positive number, got {options.tolerance}.")
    records.read_record(options.record)  # Fails fast, before torch is imported.

    from seqbench.utils import atomic_files, plain_data
    from seqbench.verification.verify import verify_record

    report = verify_record(
        options.record,
        retrain=options.retrain,
        tolerance=options.tolerance,
        trust=options.trust,
        data_dir=options.data_dir,
        beside=options.beside,
    )
    if options.json is not None:
        atomic_files.write_text(options.json, plain_data.to_json(report.to_dict()))
    print(align_columns([[check.name, check.state, check.message] for check in report.checks]))
    print(f"\n{report.verdict}")
    return 0 if report.ok else 1
