"""Build a leaderboard from records, check the committed ones, submit runs to one, or check a request for records."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from seqbench.cli import board_request
from seqbench.cli.commands.verify import TOLERANCE
from seqbench.cli.text_tables import align_columns
from seqbench.leaderboard.data import board_card, board_paths
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.number_format import counted

if TYPE_CHECKING:
    from seqbench.leaderboard.board_data import BoardData
    from seqbench.leaderboard.data.board_card import Board
    from seqbench.leaderboard.data.record_collection import CollectedRecord
    from seqbench.leaderboard.submissions import Verification
    from seqbench.leaderboard.task_data import TaskData

logger = logging.getLogger(__name__)

BOARDS = Path(board_paths.ROOT)
"""The folder of boards in a clone of the repository."""
MOST_NAMED = 20
"""Largest number of excluded records that are named on the screen; the pages name all of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions ``build``, ``check``, ``submit`` and ``request`` with their arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))
    build = actions.add_parser("build", help=_build.__doc__, description=_build.__doc__, allow_abbrev=False)
    _add_board(build)
    build.add_argument(
        "--from",
        dest="places",
        metavar="PLACE",
        action="append",
        help="a folder of runs or records, or wandb:ENTITY/PROJECT; may be repeated (default: runs)",
    )
    build.add_argument("--out", metavar="FOLDER", type=Path, help="folder for the pages (default: boards/BOARD)")
    build.add_argument(
        "--top",
        metavar="N",
        type=int,
        help="show the first N rows of each table; the HTML page shows all on request (default: 30)",
    )
    build.add_argument("--publish", metavar="ENTITY/PROJECT", help="also log the board as a table to this W&B project")
    check = actions.add_parser("check", help=_check.__doc__, description=_check.__doc__, allow_abbrev=False)
    boards = check.add_argument("boards", metavar="BOARD", nargs="*", help="names of boards (default: all)")
    boards.completer = _complete_board  # type: ignore[attr-defined]
    check.add_argument(
        "--root", metavar="FOLDER", type=Path, help=f"folder of boards (default: {BOARDS}, or the boards of seqbench)"
    )
    submit = actions.add_parser("submit", help=_submit.__doc__, description=_submit.__doc__, allow_abbrev=False)
    _add_board(submit)
    submit.add_argument(
        "--from",
        dest="places",
        metavar="FOLDER",
        action="append",
        help="folder of runs; may be repeated (default: runs)",
    )
    submit.add_argument(
        "--root", metavar="FOLDER", type=Path, default=BOARDS, help=f"folder of boards (default: {BOARDS})"
    )
    submit.add_argument("--retrain", action="store_true", help="verify by training again, not only by the checkpoint")
    submit.add_argument(
        "--tolerance", type=float, default=TOLERANCE, help=f"tolerance of the verification (default: {TOLERANCE:g})"
    )
    board_request.add_action(actions)
    build.set_defaults(act=_build)
    check.set_defaults(act=_check)
    submit.set_defaults(act=_submit)


def main(options: argparse.Namespace) -> int:
    """Run the chosen action and return its exit status."""
    act: Callable[[argparse.Namespace], int] = options.act
    return act(options)


def _add_board(parser: argparse.ArgumentParser) -> None:
    board = parser.add_argument("board", metavar="BOARD", help="name of a board, or path of its card")
    board.completer = _complete_board  # type: ignore[attr-defined]


def _complete_board(**_: object) -> list[str]:
    return board_paths.board_names()


def _build(options: argparse.Namespace) -> int:
    """Write a board's pages: Markdown, CSV, JSON, LaTeX and HTML."""
    if options.top is not None and options.top < 1:
        raise SeqbenchError(f"--top must be a number of rows from 1, got {options.top}.")
    board = board_card.load_board(options.board)
    folder, places = options.out or Path("boards", board.name), options.places or ["runs"]
    # Records are read by several processes, which must be forked before numpy starts threads.
    records = list(_read_records(board, places))

    from seqbench.leaderboard import board_commands, page_files
    from seqbench.leaderboard.data.checked_records import CheckedRecord
    from seqbench.leaderboard.pages.overview.overview_table import TOP

    by_path = any(isinstance(record, CheckedRecord) and not record.distribution for record in records)
    commands = board_commands.commands_for_pages(options.board, board.name, places, folder, by_path, options.top)
    data = page_files.write_pages(board, records, folder, commands, options.top or TOP)
    _print_summary(data)
    print(f"pages: {folder / 'index.html'}, README.md, board.csv, board.json, board.tex")
    if not data.records:
        architectures = list(board.architectures) or ["gru", "lstm"]
        logger.info("no record counts yet; a sweep gives the board its records:")
        for command in board_commands.sweep_commands(board, architectures):
            logger.info(f"  {command}")
    if options.publish:
        _publish(data, options.publish)
    return 0


def _check(options: argparse.Namespace) -> int:
    """Check that the records of committed boards count and that their pages are up to date."""
    from seqbench.leaderboard import submissions
    from seqbench.utils.visible_text import visible_line

    root = options.root or (BOARDS if BOARDS.is_dir() else board_paths.boards_folder())
    known = sorted(path.stem for path in root.glob("*.yaml"))
    names = options.boards or known
    for name in names:
        if name not in known:
            raise SeqbenchError(f"{root} has no board '{name}'.{did_you_mean(name, known)}")
    if not names:
        raise SeqbenchError(f"{root} holds no board; name a folder with the cards of boards by --root.")
    wrong = 0
    for name in names:
        count, problems = submissions.check_board(root, name)
        wrong += len(problems)
        print(f"{name}: {counted(count, 'record')}, {'ok' if not problems else f'{len(problems)} wrong'}")
        for problem in problems:
            print(f"  {visible_line(problem)}")
    return 1 if wrong else 0


def _submit(options: argparse.Namespace) -> int:
    """Verify runs, and write their records and the new pages into a clone, ready for a pull request."""
    from seqbench.leaderboard import submissions
    from seqbench.utils.visible_text import visible_line

    root = options.root
    if not root.is_dir():
        raise SeqbenchError(
            f"there is no folder {root}; change into a clone of the repository, or name a folder of boards by --root."
        )
    runs = [Path(place) for place in options.places or ["runs"]]
    submission = submissions.submit_runs(
        root, options.board, runs, lambda folder: _verify_run(folder, options.retrain, options.tolerance)
    )
    for origin, reason in submission.refused:
        logger.info(visible_line(f"not submitted: {origin}: {reason}"))
    print(
        f"{counted(len(submission.written), 'new record')} under {submission.folder}, and its pages; "
        "commit them and open a pull request"
    )
    return 1 if submission.refused else 0


def _verify_run(folder: Path, retrain: bool, tolerance: float) -> Verification:
    """Verify a run for a submission; a skipped check counts as a failure.

    Args:
        folder: the run's folder.
        retrain: whether to train again.
        tolerance: the largest difference that is accepted, relative to the value or to 1.
    """
    from seqbench.leaderboard import submissions
    from seqbench.protocol import records
    from seqbench.verification import stamps, verify  # Imports torch.

    if reason := stamps.find_missing_proofs(records.read_record(folder)):
        raise SeqbenchError(reason)
    report = verify.verify_record(folder, retrain=retrain, tolerance=tolerance)
    return submissions.Verification(stamps.build_stamp(report, "submitter"), stamps.find_problems(report))


def _read_records(board: Board, places: Sequence[str]) -> Iterator[CollectedRecord]:
    """Yield the records of all places, one place after the other."""
    from seqbench.leaderboard.data import record_collection

    for place in places:
        if place.startswith(board_paths.WANDB):
            from seqbench.leaderboard.data import wandb_runs

            for origin, record in wandb_runs.read_wandb_records(place, _card_names(board), board.tier):
                yield record_collection.check_record(record, origin)
        else:
            yield from record_collection.collect_records([Path(place)], len(places) > 1, os.cpu_count() or 1)


def _card_names(board: Board) -> set[str]:
    """Return the names of the board's task cards; a board may name a task by a short name."""
    from seqbench.protocol import cards

    return {cards.load_card(task).name for task in board.tasks}


def _print_summary(data: BoardData) -> None:
    """Print a table of the tasks, and log each excluded task and record with the reason."""
    from seqbench.utils.visible_text import visible_line

    print(align_columns([["task", "records", "ranked rows", "first"], *map(_summary_line, data.tasks)]))
    for problem in data.problems:
        logger.info(f"left out: {visible_line(problem)}")
    for excluded in data.set_aside[:MOST_NAMED]:
        logger.info(visible_line(f"set aside: {excluded.origin}: {excluded.reason}"))
    if len(data.set_aside) > MOST_NAMED:
        logger.info(f"set aside: {counted(len(data.set_aside) - MOST_NAMED, 'more record')}, which the pages name")
    for description, count in data.unrelated.items():
        logger.info(f"{counted(count, 'record')} {'is' if count == 1 else 'are'} {description}")


def _summary_line(task: TaskData) -> list[str]:
    records = sum(seed.record is not None for row in task.rows for seed in row.seeds)
    first = [row.label for row in task.rows if row.rank == 1]
    ranked = sum(row.rank is not None for row in task.rows)
    return [task.task, str(records), str(ranked), ", ".join(first) or "-"]


def _publish(data: BoardData, path: str) -> None:
    from seqbench.leaderboard.pages import csv_table, wandb_table

    columns, rows = csv_table.csv_rows(data)
    print(f"W&B: {wandb_table.publish_table(rows, columns, path, data.board.name)}")
