"""Submissions to a board: verified records under ``<board>/results/``, and the pages that are generated from them.

leaderboards/small.yaml                                        the board card
leaderboards/small/results/copy/gru/small-s0-1a2b3c4d.json     a record, without its sample
leaderboards/small/{index.html,README.md,board.*}              the pages
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from seqbench.leaderboard import page_files
from seqbench.leaderboard.board_builder import build_board_data
from seqbench.leaderboard.board_commands import CheckCommands, committed_commands
from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data.board_card import Board, load_board
from seqbench.leaderboard.data.board_paths import RESULTS, ROOT
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.leaderboard.data.record_collection import CollectedRecord, ExcludedRecord, collect_records
from seqbench.leaderboard.selection.record_eligibility import select_records
from seqbench.protocol import records
from seqbench.protocol.record_fields import VerificationStamp
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

logger = logging.getLogger(__name__)

SCORED, TRAINED = STAMPS = ("checkpoint scored again", "trained again")
"""Methods by which a record may have been verified."""


class Verification(NamedTuple):
    """Result of the verification of a run: its stamp (one of ``STAMPS``), and its problems; none for a valid run."""

    stamp: VerificationStamp
    problems: Sequence[str]


class BoardCheck(NamedTuple):
    """Result of the check of a board: the number of records that count, and the problems; none for a valid board."""

    records: int
    problems: Sequence[str]


Verify = Callable[[Path], Verification]
"""A function that verifies the run in a folder, or the record in a file."""


@dataclass(frozen=True)
class Submission:
    """Result of a submission.

    Args:
        folder: folder of the board.
        written: the new records in it.
        refused: origin of each record that was refused, and the reason.
    """

    folder: Path
    written: Sequence[Path]
    refused: Sequence[tuple[str, str]]


def submit_runs(root: Path, name: str, places: Sequence[Path], verify: Verify) -> Submission:
    """Verify the runs that count on a board, write their records into its results, and generate its pages.

    Runs whose records are already there are skipped. A run is refused if its verification finds a problem, if others
    cannot install its architecture, or if it used a modified checkout of seqbench.

    Args:
        root: folder of boards.
        name: name of the board.
        places: folders of runs.
        verify: verifies one run.

    Raises:
        SeqbenchError: there is no such board or folder, or a file cannot be written.
    """
    board, folder = _load_board(root, name), root / name
    # Because ``named`` is set, origins are paths.
    selection = select_records(board, (item for place in places for item in collect_records([place], named=True)))
    refused = [(excluded.origin, excluded.reason) for excluded in selection.excluded]
    written: list[Path] = []
    for cells in selection.cells.values():
        for label, seeds in cells.items():
            for record in seeds.values():
                outcome = _submit_record(folder, record, verify, written, refused)
                logger.info(f"{label} on {record.task}, seed {record.seed}: {outcome}")
    write_board_pages(root, name)
    return Submission(folder, written, refused)


def check_board(root: Path, name: str) -> BoardCheck:
    """Check the committed records and pages of a board.

    Every record must count, stand at the path that follows from its contents, hold no sample, and state how it was
    verified. Every page must equal, to the byte, the page that is generated from the records.

    Args:
        root: folder of boards.
        name: name of the board.
    """
    try:
        data, problems = check_records(root, name)
    except SeqbenchError as error:
        return BoardCheck(0, [str(error)])
    folder, results = root / name, root / name / RESULTS
    for file, text in page_files.render_pages(data, _commands(root, name)).items():
        path = folder / file
        if not path.is_file() or path.read_bytes() != text.encode():
            create = "" if results.is_dir() else f"mkdir -p {results} && "
            card = name if root.resolve().name == ROOT else root / f"{name}.yaml"
            command = f"{create}seqbench leaderboard build {card} --from {results} --out {folder}"
            problems.append(f"{file} differs from the page that the records give; generate it by `{command}`")
    return BoardCheck(data.records, problems)


def check_records(root: Path, name: str, stamped: bool = True) -> tuple[BoardData, list[str]]:
    """Return the data of a board, and the problems of its committed records.

    Args:
        root: folder of boards.
        name: name of the board.
        stamped: whether a record must state how it was verified; False for a request, whose records CI verifies.

    Raises:
        SeqbenchError: the board cannot be read.
    """
    board, folder = _load_board(root, name), root / name
    collected = list(_committed_records(folder))
    data = build_board_data(board, collected)
    problems = [f"{excluded.origin}: {excluded.reason}" for excluded in data.set_aside]
    problems += [
        f"{counted(count, 'record')} {'is' if count == 1 else 'are'} {kind}" for kind, count in data.unrelated.items()
    ]
    problems += data.problems
    results, by_origin = folder / RESULTS, {item.origin: item for item in collected}
    for path in sorted(path for path in results.rglob("*") if not path.is_dir()):
        origin = path.relative_to(results).as_posix()
        problems += [f"{origin}: {reason}" for reason in _file_problems(folder, path, by_origin.get(origin), stamped)]
    return data, problems


def write_board_pages(root: Path, name: str) -> None:
    """Generate the pages of a board from its committed records.

    Args:
        root: folder of boards.
        name: name of the board.

    Raises:
        SeqbenchError: the board cannot be read, or a page cannot be written.
    """
    folder = root / name
    page_files.write_pages(_load_board(root, name), _committed_records(folder), folder, _commands(root, name))


def _submit_record(
    folder: Path, checked: CheckedRecord, verify: Verify, written: list[Path], refused: list[tuple[str, str]]
) -> str:
    """Verify one run and write its record; return the outcome in a few words.

    Args:
        folder: folder of the board.
        checked: the record.
        verify: verifies one run.
        written: receives the path of a new record.
        refused: receives the origin of a refused record, and the reason.
    """
    try:
        target = _verify_and_write(folder, checked, verify)
    except SeqbenchError as error:
        refused.append((checked.origin, str(error)))
        return "refused"
    if target is None:
        return "already submitted"
    written.append(target)
    return "verified"


def _verify_and_write(folder: Path, checked: CheckedRecord, verify: Verify) -> Path | None:
    """Write the record of one run into a board's results and return its path; None if it is already there.

    Raises:
        SeqbenchError: others cannot repeat the run, the board has another result for its cell, or the verification
            found a problem.
    """
    path = Path(checked.origin)
    record = records.read_record(path).without_sample()
    target = _record_path(folder, record)
    if target.is_file():
        if records.read_record(target).digest() == record.digest():
            return None
        raise SeqbenchError(f"the board has another result for this cell, {target}; remove it first, and say why")
    if reason := _not_repeatable(checked, record):
        raise SeqbenchError(reason)
    verification = verify(path.parent if path.name == records.NAME else path)
    if verification.problems:
        raise SeqbenchError("; ".join(verification.problems))
    stamp = verification.stamp.with_values(checksum=record.digest())
    replace(record, verified=stamp).write(target.parent, target.name)
    return target


def _commands(root: Path, name: str) -> CheckCommands:
    return committed_commands(name, root.resolve().name)


def _load_board(root: Path, name: str) -> Board:
    file = root / f"{name}.yaml"
    board = load_board(str(file)) if file.is_file() else load_board(name)
    if board.name != name:
        raise SeqbenchError(f"{file} cannot be used: its name is '{board.name}'; give both one name.")
    return board


def _committed_records(folder: Path) -> Iterable[CollectedRecord]:
    """Return the records of a board's folder; none if the folder has no results yet."""
    return collect_records([folder / RESULTS]) if (folder / RESULTS).is_dir() else ()


def _record_path(folder: Path, record: Record) -> Path:
    """Return the path of a record on a board: by task, architecture, tier, seed and configuration."""
    config = record.config
    name = f"{config.card.tier}-s{config.seed}-{config.digest[:8]}.json"
    return Path(folder, RESULTS, *map(_path_part, (config.card.name, config.model, name)))


def _path_part(text: str) -> str:
    """Return a text of a record as a file name that cannot lead out of the board's folder."""
    return re.sub(r"[^A-Za-z0-9._+-]", ".", text).lstrip(".") or "unnamed"


def _not_repeatable(checked: CheckedRecord, record: Record) -> str | None:
    """Return why others cannot repeat a run; None if they can."""
    if not checked.distribution:
        return "its architecture was given by its path; offer it as a package that others can install (docs/plugins.md)"
    if (record.config.git_commit or "").endswith("+changes"):
        return "it used a checkout of seqbench with uncommitted changes; commit them, and run it again"
    return None


def _file_problems(folder: Path, path: Path, item: CollectedRecord | None, stamped: bool) -> list[str]:
    """Return the problems of a file among the committed records, except those for which a record does not count.

    Args:
        folder: folder of the board.
        path: path of the file.
        item: the record in it; None if it holds none.
        stamped: whether the record must state how it was verified.
    """
    if item is None:
        return ["it is no record; remove it"]
    if isinstance(item, ExcludedRecord):
        return []
    record = records.read_record(path)
    target = _record_path(folder, record)
    problems = [] if path == target else [f"it belongs at {target.relative_to(folder / RESULTS).as_posix()}"]
    if reason := _not_repeatable(item, record):
        problems.append(reason)
    if record.results.model_fields_set.intersection(records.PRIVATE):
        problems.append("it holds a sample, which may quote data; submit it by `seqbench leaderboard submit`")
    if stamped and item.verified not in STAMPS:
        problems.append("it does not state how it was verified; submit it by `seqbench leaderboard submit`")
    return problems
