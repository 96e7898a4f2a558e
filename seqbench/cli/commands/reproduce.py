"""Compare a published table with our records, and run the cells that have none."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli import child_process
from seqbench.leaderboard.data import board_card, board_paths
from seqbench.leaderboard.data.board_card import Board
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError, did_you_mean

if TYPE_CHECKING:
    from seqbench.leaderboard.board_data import BoardData, PublishedCell

logger = logging.getLogger(__name__)

EPILOG = """\
Our figure of a cell is the mean over the seeds whose records follow the recipe of the card's tier. Where the published
figure is the best of several seeds, ours is the best as well. A verdict compares the two figures. `--run` without names
runs every cell without a record; look at the table first, because this may take days.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the table, the folders of records, and the cells to run."""
    parser.epilog = EPILOG
    board = parser.add_argument(
        "board", metavar="BOARD", help="a board with published figures, or the path of its card"
    )
    board.completer = lambda **_: _boards_with_figures()  # type: ignore[attr-defined]
    parser.add_argument(
        "--from",
        dest="places",
        metavar="FOLDER",
        type=Path,
        action="append",
        help="records besides the committed ones; may be repeated (default: runs, if it exists)",
    )
    parser.add_argument(
        "--run", metavar="ARCH:TASK", nargs="*", help="run the cells without a record, or only those named: gru:copy"
    )
    parser.add_argument("--runs", metavar="FOLDER", type=Path, default=Path("runs"), help="folder for these runs")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the board's data to a JSON file")


def main(options: argparse.Namespace) -> int:
    """Print the table; with ``--run``, also run cells without a record.

    Returns:
        0, whatever the verdicts are. With ``--run``: 1 if a run failed; 130 or 75 if a signal ended a run.

    Raises:
        SeqbenchError: the board is unknown, has no published figures, or has no cell of a given name.
    """
    board = board_card.load_board(options.board)
    if not board.published:
        known = ", ".join(_boards_with_figures()) or "none"
        raise SeqbenchError(f"board '{board.name}' has no published figures; boards that have some: {known}.")
    from seqbench.cli import reproduce_report  # Imports numpy.

    data = _build_data(board, options)
    status = 0
    if options.run is not None:
        cells = _cells_to_run(data.published, options.run)
        print(f"{reproduce_report.format_published_table(data)}\n", flush=True)
        status = _run_cells(board, cells, options.runs)
        data = _build_data(board, options)
    if options.json is not None:
        atomic_files.write_text(options.json, data.to_json())
    print(reproduce_report.format_reproduction(data))
    return status


def _boards_with_figures() -> list[str]:
    return [name for name in board_paths.board_names() if board_card.load_board(name).published]


def _build_data(board: Board, options: argparse.Namespace) -> BoardData:
    """Return the board's data from its records.

    They are the committed records, those of the given folders, and those of the runs that are started here. If two
    records have the same cell and seed, the first one counts.
    """
    from seqbench.leaderboard import board_builder
    from seqbench.leaderboard.data import record_collection

    home = Path(options.board).parent if options.board != board.name else board_paths.boards_folder()
    committed = home / board.name / board_paths.RESULTS
    others = [*([] if options.places else [Path("runs")]), *([options.runs] if options.run is not None else [])]
    # A folder that the user names must exist; the others need not.
    places = [place for place in [committed] if place.is_dir()]
    places += [*(options.places or []), *(place for place in others if place.is_dir())]
    # A folder that is named twice is read once.
    return board_builder.build_board_data(board, record_collection.collect_records(dict.fromkeys(places), named=True))


def _cells_to_run(cells: Sequence[PublishedCell], names: Sequence[str]) -> list[PublishedCell]:
    """Return the cells that lack runs, or only the named ones; one cell for each architecture and task.

    Args:
        cells: the cells of the published table.
        names: names of cells, ``architecture:task``; empty for all cells.

    Raises:
        SeqbenchError: no cell has such a name.
    """
    runnable: dict[str, PublishedCell] = {}
    for cell in cells:
        if cell.lacking:
            runnable.setdefault(f"{cell.architecture}:{cell.task}", cell)
    known = {f"{cell.architecture}:{cell.task}" for cell in cells if cell.task}
    for name in names:
        if name not in known:
            raise SeqbenchError(f"the board has no cell '{name}' that can be run.{did_you_mean(name, sorted(known))}")
        if name not in runnable:
            logger.info(f"{name} has all its records, or its task cannot be used")
    return [cell for name, cell in runnable.items() if not names or name in names]


def _run_cells(board: Board, cells: Sequence[PublishedCell], runs: Path) -> int:
    """Run the seeds that cells lack, one after the other.

    Args:
        board: the board.
        cells: the cells to run.
        runs: folder of the runs.

    Returns:
        0 if all runs succeeded; 1 if a run failed, which does not stop the other runs; the exit status of a run that a
        signal ended, after which no further run is started.
    """
    from seqbench.leaderboard import reproduction

    failed = 0
    for cell in cells:
        for seed in cell.lacking:
            arguments = reproduction.run_arguments(board, cell.task or "", cell.architecture, cell.size)
            needs = f" (needs {cell.needs})" if cell.needs else ""
            logger.info(f"{cell.architecture} on {cell.task}, seed {seed}{needs}")
            status = child_process.run_child(["run", *arguments, "--seed", str(seed), "--resume", "--runs", str(runs)])
            if status in child_process.STOPPED_STATUSES:
                return status
            if status:
                logger.info(f"{cell.architecture} on {cell.task}, seed {seed}: it ended with exit status {status}")
                failed += 1
    return 1 if failed else 0
