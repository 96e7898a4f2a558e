"""Committed records: runs that were verified, under ``<board>/results/``, with the pages that they make.

leaderboards/small.yaml                                        the board
leaderboards/small/results/copy/gru/small-s0-1a2b3c4d.json     a record, without its sample
leaderboards/small/{index.html,README.md,board.*}              the pages
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from seqbench.leaderboard import board_builder, page_files
from seqbench.leaderboard.data import board_card as boards
from seqbench.leaderboard.data import record_collection
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.board_paths import RESULTS
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from seqbench.leaderboard.selection.record_selection import select_records
from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError

logger = logging.getLogger(__name__)

SCORED, TRAINED = STAMPS = ("checkpoint scored again", "trained again")
"""How a record may have been verified."""

Verify = Callable[[Path], tuple[str, list[str]]]
"""From a run's folder to how it was verified, and what is wrong with it."""


@dataclass(frozen=True)
class Submission:
    """What a submission came to: the board's folder, the records in it that are new, and what was refused, and why."""

    folder: Path
    written: list[Path]
    refused: list[tuple[str, str]]


def submit_runs(root: Path, name: str, places: Sequence[Path], verify: Verify) -> Submission:
    """Verify the runs that count for a board, put their records into its results, and build its pages anew.

    Runs whose record is there already are left as they are. A run that fails its verification, whose architecture
    others cannot install, or that ran on code with changes of its own, is refused.

    Args:
        root: folder of boards.
        name: of the board.
        places: folders of runs.
        verify: see ``Verify``.

    Raises:
        SeqbenchError: there is no such board or folder, or something cannot be written.
    """
    board, folder = _load(root, name), root / name
    found = [item for place in places for item in _runs(place)]
    paths = {id(entry): path for path, entry in found}
    selection = select_records(board, [entry for _, entry in found])
    refused = [(aside.origin, aside.reason) for aside in selection.excluded]
    written = []
    for cells in selection.cells.values():
        for label, seeds in cells.items():
            for entry in seeds.values():
                place = f"{label} on {entry.task}, seed {entry.seed}"
                try:
                    target = _take(folder, entry, paths[id(entry)], verify)
                except SeqbenchError as error:
                    refused.append((entry.origin, str(error)))
                    logger.info(f"{place}: refused")
                else:
                    written += [target] if target else []
                    logger.info(f"{place}: {'verified' if target else 'there already'}")
    page_files.write_pages(board, _committed(folder), folder)
    return Submission(folder, written, refused)


def _take(folder: Path, entry: CheckedRecord, path: Path, verify: Verify) -> Path | None:
    """Put one run's record into a board's results; None if it is there already.

    Raises:
        SeqbenchError: it is not for others to build on, the board has another result for its cell, or it fails its
            verification.
    """
    record = records.read_record(path).without_sample()
    target = _target(folder, record)
    if target.is_file():
        if records.read_record(target).digest() == record.digest():
            return None
        raise SeqbenchError(f"the board has another result for this cell, {target}; remove it first, and say why")
    if reason := _unfit(entry, record):
        raise SeqbenchError(reason)
    how, wrong = verify(path.parent if path.name == records.NAME else path)
    if wrong:
        raise SeqbenchError("; ".join(wrong))
    replace(record, verified={"how": how}).write(target.parent, target.name)
    return target


def check_board(root: Path, name: str) -> tuple[int, list[str]]:
    """Check a board's committed records and pages; give the number of records, and what is wrong.

    Every record must count, stand where its contents say, hold no sample, and say how it was verified; every page must
    be to the byte what the records make.
    """
    try:
        board, folder = _load(root, name), root / name
        found = list(_committed(folder))
        made = board_builder.build_board_data(board, found)
    except SeqbenchError as error:
        return 0, [str(error)]
    problems = [f"{aside.origin}: {aside.reason}" for aside in made.set_aside]
    problems += [f"{count} records are {what}" for what, count in made.unrelated.items()] + [*made.problems]
    results = folder / RESULTS
    counted = {str(item.origin): item for item in found}
    for path in sorted(path for path in results.rglob("*") if not path.is_dir()):
        place = path.relative_to(results).as_posix()
        problems += [f"{place}: {reason}" for reason in _misplaced(folder, path, counted.get(place))]
    for file, text in page_files.render_pages(made).items():
        path = folder / file
        if not path.is_file() or path.read_bytes() != text.encode():
            again = f"seqbench leaderboard build {name} --from {results} --out {folder}"
            problems.append(f"{file} is not what the records make; build it by `{again}`")
    return made.records, problems


def _load(root: Path, name: str) -> Board:
    board = (
        boards.load_board(str(root / f"{name}.yaml")) if (root / f"{name}.yaml").is_file() else boards.load_board(name)
    )
    if board.name != name:
        raise SeqbenchError(f"{root / name}.yaml cannot be used: its name is '{board.name}'; give both one name.")
    return board


def _committed(folder: Path) -> Iterable[CheckedRecord | ExcludedRecord]:
    """The records of a board's folder; none where nothing was submitted yet."""
    return record_collection.collect_records([folder / RESULTS]) if (folder / RESULTS).is_dir() else ()


def _runs(place: Path) -> list[tuple[Path, CheckedRecord | ExcludedRecord]]:
    return [(Path(item.origin), item) for item in record_collection.collect_records([place], named=True)]


def _target(folder: Path, record: Record) -> Path:
    """Where a record of a board belongs: by task, architecture, tier, seed and configuration."""
    config = record.config
    names = [config["architecture"]["name"], *([config["encoder"]["name"]] if config.get("encoder") else [])]
    name = f"{config['card']['tier']}-s{config['seed']}-{str(config.get('digest'))[:8]}.json"
    arch = re.sub(r"[^A-Za-z0-9._+-]", ".", "+".join(names)).lstrip(".") or "unnamed"
    return folder / RESULTS / config["card"]["name"] / arch / name


def _unfit(entry: CheckedRecord, record: Record) -> str | None:
    """Why a run is not for others to build on, although it counts at home; None if it is."""
    if not entry.distribution:
        return "its architecture was given by its path; offer it as a package that others can install (docs/plugins.md)"
    commit = record.config.get("git_commit")
    if isinstance(commit, str) and commit.endswith("+changes"):
        return "it ran on a checkout of seqbench with changes of its own; commit them, and run it again"
    return None


def _misplaced(folder: Path, path: Path, item: CheckedRecord | ExcludedRecord | None) -> list[str]:
    """What is wrong with a committed file beside what a board looks at."""
    if item is None:
        return ["it is no record; remove it"]
    if isinstance(item, ExcludedRecord):
        return []  # Named already, among those that are set aside.
    record = records.read_record(path)
    target = _target(folder, record)
    reasons = [] if path == target else [f"it belongs at {target.relative_to(folder / RESULTS).as_posix()}"]
    if reason := _unfit(item, record):
        reasons.append(reason)
    if any(name in record.results for name in records.PRIVATE):
        reasons.append("it holds a sample, which may quote data; submit it by `seqbench leaderboard submit`")
    if item.verified not in STAMPS:
        reasons.append("it does not say how it was verified; submit it by `seqbench leaderboard submit`")
    return reasons
