"""Compare a published table with our records, and run the cells that have none."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli import child_process
from seqbench.leaderboard.data import board_card as boards
from seqbench.leaderboard.data import board_paths
from seqbench.leaderboard.data.board_card import Board
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError, did_you_mean

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from seqbench.leaderboard.board_data import BoardData, PublishedCell

EPILOG = """\
A cell's figure is the mean of the seeds whose records are by the recipe of the card's tier, or the best of them where
the published one is the best of several; a verdict compares the two. `--run` without names runs whatever has no record:
look at the table first, for it may take days.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which table, from which records, and what to run."""
    parser.epilog = EPILOG
    board = parser.add_argument("board", metavar="BOARD", help="a board with published figures, or its card's path")
    board.completer = lambda **_: _published()  # type: ignore[attr-defined]
    parser.add_argument(
        "--from",
        dest="places",
        metavar="FOLDER",
        type=Path,
        action="append",
        help="records beside the committed ones; may be given again (default: runs, if it is there)",
    )
    parser.add_argument(
        "--run", metavar="ARCH:TASK", nargs="*", help="run the cells without a record, or these of them: gru:copy"
    )
    parser.add_argument("--runs", metavar="FOLDER", type=Path, default=Path("runs"), help="where these runs are kept")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the board's document as JSON as well")


def main(options: argparse.Namespace) -> int:
    """Print the table; 0 whatever its verdicts. After ``--run`` 1 if a run failed; 130 or 75 if a signal ended one."""
    board = boards.load_board(options.board)
    if not board.published:
        known = ", ".join(_published()) or "none"
        raise SeqbenchError(f"board '{board.name}' has no published figures; those that have: {known}.")
    from seqbench.cli import reproduce_report as report  # Brings numpy.

    data = _board_data(board, options)
    status = 0
    if options.run is not None:
        chosen = _chosen(data.published, options.run)
        print(f"{report.format_rows(data)}\n", flush=True)
        status = _run(board, chosen, options.runs)
        data = _board_data(board, options)
    if options.json is not None:
        atomic_files.write_text(options.json, data.to_json())
    print(report.format_board(board, data))
    return status


def _published() -> list[str]:
    return [name for name in board_paths.board_names() if boards.load_board(name).published]


def _board_data(board: Board, options: argparse.Namespace) -> BoardData:
    """The board of the committed records, then those of the places given, then those of what is run here."""
    from seqbench.leaderboard import board_builder
    from seqbench.leaderboard.data import record_collection

    home = Path(options.board).parent if options.board != board.name else board_paths.boards_folder()
    there = [home / board.name / board_paths.RESULTS, *([] if options.places else [Path("runs")])]
    there += [options.runs] if options.run is not None else []
    # A place that is given must be there; a folder that is named twice is read once.
    first, *others = [place if place.is_dir() else None for place in there]
    found = [first, *(options.places or []), *others]
    records = record_collection.collect_records(dict.fromkeys(filter(None, found)), named=True)
    return board_builder.build_board_data(board, records)


def _chosen(cells: Sequence[PublishedCell], names: Sequence[str]) -> list[PublishedCell]:
    """The cells that lack runs, or those of them that are named; one of each architecture and task.

    Raises:
        SeqbenchError: no cell has that name.
    """
    runnable: dict[str, PublishedCell] = {}
    for cell in cells:
        if cell.lacking:
            runnable.setdefault(f"{cell.architecture}:{cell.task}", cell)
    every = {f"{cell.architecture}:{cell.task}" for cell in cells if cell.task}
    for name in names:
        if name not in every:
            raise SeqbenchError(f"the board has no cell '{name}' that could be run.{did_you_mean(name, every)}")
        if name not in runnable:
            logger.info(f"{name} has its records already, or its task cannot be used")
    return [cell for name, cell in runnable.items() if not names or name in names]


def _run(board: Board, cells: Sequence[PublishedCell], runs: Path) -> int:
    """Run what cells lack, one after another; one that fails does not stop the others, a signal does."""
    from seqbench.leaderboard import reproduction

    failed = 0
    for cell in cells:
        for seed in cell.lacking:
            words = reproduction.run_arguments(board, cell.task or "", cell.architecture)
            needs = f" (needs {cell.needs})" if cell.needs else ""
            logger.info(f"{cell.architecture} on {cell.task}, seed {seed}{needs}")
            status = child_process.run_child(["run", *words, "--seed", str(seed), "--resume", "--runs", str(runs)])
            if status in child_process.STOPPED_STATUSES:
                return status
            if status:
                logger.info(f"{cell.architecture} on {cell.task}, seed {seed}: it ended with exit status {status}")
                failed += 1
    return 1 if failed else 0
