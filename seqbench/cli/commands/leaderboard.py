"""Build a leaderboard from records, check the committed ones, or submit runs to one."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqbench.cli.commands.verify import TOLERANCE
from seqbench.cli.text_tables import align_columns
from seqbench.leaderboard.data import board_card as boards
from seqbench.leaderboard.data import board_paths
from seqbench.utils.errors import SeqbenchError, did_you_mean

if TYPE_CHECKING:
    from seqbench.leaderboard.data.board_card import Board
    from seqbench.leaderboard.data.checked_records import CheckedRecord
    from seqbench.leaderboard.data.record_collection import ExcludedRecord

logger = logging.getLogger(__name__)

HERE = Path("leaderboards")
"""Where boards lie in a clone of seqbench."""
SHOWN = 20
"""Records set aside that are named on the screen; the pages name all."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with which board."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True, parser_class=type(parser))
    build = actions.add_parser("build", help=_build.__doc__, description=_build.__doc__, allow_abbrev=False)
    _board(build)
    build.add_argument(
        "--from",
        dest="places",
        metavar="PLACE",
        action="append",
        help="a folder of runs or records, or wandb:ENTITY/PROJECT; may be given again (default: runs)",
    )
    build.add_argument("--out", metavar="FOLDER", type=Path, help="where pages go (default: boards/BOARD)")
    build.add_argument("--publish", metavar="ENTITY/PROJECT", help="log the board as a table to W&B as well")
    check = actions.add_parser("check", help=_check.__doc__, description=_check.__doc__, allow_abbrev=False)
    check.add_argument("boards", metavar="BOARD", nargs="*", help="names (default: all)").completer = _names  # type: ignore[attr-defined]
    check.add_argument("--root", metavar="FOLDER", type=Path, help=f"of boards (default: {HERE}, or those of seqbench)")
    submit = actions.add_parser("submit", help=_submit.__doc__, description=_submit.__doc__, allow_abbrev=False)
    _board(submit)
    submit.add_argument("--from", dest="places", metavar="FOLDER", action="append", help="of runs (default: runs)")
    submit.add_argument("--root", metavar="FOLDER", type=Path, default=HERE, help=f"of boards (default: {HERE})")
    submit.add_argument("--retrain", action="store_true", help="verify by training again, not by the checkpoint alone")
    submit.add_argument("--tolerance", type=float, default=TOLERANCE, help=f"of verification (default: {TOLERANCE:g})")
    build.set_defaults(act=_build)
    check.set_defaults(act=_check)
    submit.set_defaults(act=_submit)


def main(options: argparse.Namespace) -> int:
    """Do it."""
    act: Callable[[argparse.Namespace], int] = options.act
    return act(options)


def _board(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("board", metavar="BOARD", help="a name, or the path of a card").completer = _names  # type: ignore[attr-defined]


def _names(**_: Any) -> list[str]:
    return board_paths.board_names()


def _build(options: argparse.Namespace) -> int:
    """Write a board's pages: Markdown, CSV, JSON, LaTeX and HTML."""
    board = boards.load_board(options.board)
    out = options.out or Path("boards", board.name)
    found = list(_found(board, options.places or ["runs"]))  # Before numpy is there, and with it threads.

    from seqbench.leaderboard import page_files

    made = page_files.write_pages(board, found, out).to_plain()
    _tell(made)
    print(f"pages: {out / 'index.html'}, README.md, board.csv, board.json, board.tex")
    if options.publish:
        _publish(made, options.publish)
    return 0


def _check(options: argparse.Namespace) -> int:
    """Check the records of committed boards, and that their pages are what these records make."""
    from seqbench.leaderboard import submissions
    from seqbench.leaderboard.pages.wording import visible_line

    root = options.root or (HERE if HERE.is_dir() else board_paths.boards_folder())
    known = sorted(path.stem for path in root.glob("*.yaml"))
    names = options.boards or known
    for name in names:
        if name not in known:
            raise SeqbenchError(f"{root} has no board '{name}'.{did_you_mean(name, known)}")
    if not names:
        raise SeqbenchError(f"{root} holds no board; give a folder of boards' cards by --root.")
    wrong = 0
    for name in names:
        records, problems = submissions.check_board(root, name)
        wrong += len(problems)
        print(f"{name}: {records} records, {'ok' if not problems else f'{len(problems)} wrong'}")
        for problem in problems:
            print(f"  {visible_line(problem)}")
    return 1 if wrong else 0


def _submit(options: argparse.Namespace) -> int:
    """Verify runs, and put their records and the new pages where a pull request can take them."""
    from seqbench.leaderboard import submissions
    from seqbench.leaderboard.pages.wording import visible_line
    from seqbench.verification.verify import verify_record  # Brings torch.

    root = options.root
    if not root.is_dir():
        raise SeqbenchError(
            f"there is no folder {root}; go into a clone of seqbench, or name a folder of boards by --root."
        )
    runs = [Path(place) for place in options.places or ["runs"]]

    def verify(path: Path) -> submissions.Verification:
        report = verify_record(path, retrain=options.retrain, tolerance=options.tolerance)
        wrong = [f"{check.name}: {check.says}" for check in report.checks if check.state == "wrong"]
        # A second run stands for the checkpoint, nothing for the rest.
        spared = ("lines", "weights", "scores") if options.retrain else ()
        left = [check for check in report.checks if check.state == "skipped" and check.name not in spared]
        wrong += [f"{check.name} was not checked: {check.says}" for check in left]
        return submissions.Verification(submissions.TRAINED if options.retrain else submissions.SCORED, wrong)

    done = submissions.submit_runs(root, options.board, runs, verify)
    for origin, reason in done.refused:
        logger.info(visible_line(f"not submitted: {origin}: {reason}"))
    print(f"{len(done.written)} new records under {done.folder}, and its pages; commit them and ask for a pull")
    return 1 if done.refused else 0


def _found(board: Board, given: Sequence[str]) -> Iterator[CheckedRecord | ExcludedRecord]:
    """The records of all places, one after another."""
    from seqbench.leaderboard.data import record_collection

    for place in given:
        if place.startswith(board_paths.WANDB):
            from seqbench.leaderboard.data import wandb_runs

            for origin, record in wandb_runs.read_wandb_records(place, _cards(board), board.tier):
                yield record_collection.check_record(record, origin)
        else:
            yield from record_collection.collect_records([Path(place)], len(given) > 1, os.cpu_count() or 1)


def _cards(board: Board) -> set[str]:
    """The names of the board's cards; those of tasks that cannot be used stay as they are."""
    from seqbench.protocol import cards

    found = set()
    for task in board.tasks:
        try:
            found.add(cards.load_card(task).name)
        except SeqbenchError:
            found.add(task)
    return found


def _tell(made: Mapping[str, Any]) -> None:
    """What was built, in a table; what was left out, and why."""
    from seqbench.leaderboard.pages.wording import visible_line

    lines = [["task", "records", "rows that rank", "first"]]
    for task in made["tasks"]:
        rows = task["rows"]
        records = sum(seed.get("record") is not None for row in rows for seed in row["seeds"])
        first = [row["label"] for row in rows if row["rank"] == 1]
        ranked = sum(row["rank"] is not None for row in rows)
        lines.append([task["task"], str(records), str(ranked), ", ".join(first) or "-"])
    print(align_columns(lines))
    for problem in made["problems"]:
        logger.info(f"left out: {visible_line(problem)}")
    for aside in made["set_aside"][:SHOWN]:
        logger.info(visible_line(f"set aside: {aside['origin']}: {aside['reason']}"))
    if len(made["set_aside"]) > SHOWN:
        logger.info(f"... and {len(made['set_aside']) - SHOWN} more, which the pages name")
    for what, count in made["unrelated"].items():
        logger.info(f"{count} records are {what}")


def _publish(made: Mapping[str, Any], where: str) -> None:
    from seqbench.leaderboard.pages import csv_table, wandb_table

    columns, rows = csv_table.csv_rows(made)
    print(f"W&B: {wandb_table.publish_table(rows, columns, where, made['board']['name'])}")
