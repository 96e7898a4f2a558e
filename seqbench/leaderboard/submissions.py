"""Committed records: runs that were verified, under ``<board>/results/``, with the pages that they make.

leaderboards/small.yaml                                        the board
leaderboards/small/results/copy/gru/small-s0-1a2b3c4d.json     a record, without its sample
leaderboards/small/{index.html,README.md,board.*}              the pages
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seqbench import records
from seqbench.errors import SeqbenchError
from seqbench.leaderboard import board as boards
from seqbench.leaderboard import build, collect, document
from seqbench.leaderboard.board import Board
from seqbench.leaderboard.collect import Aside
from seqbench.leaderboard.entries import Entry
from seqbench.leaderboard.select import select
from seqbench.records import Record

RESULTS = "results"

Verify = Callable[[Path], tuple[str, list[str]]]
"""From a run's folder to how it was verified, and what is wrong with it."""


@dataclass(frozen=True)
class Submitted:
    """What a submission came to: the board's folder, the records in it that are new, and what was refused, and why."""

    folder: Path
    written: list[Path]
    refused: list[tuple[str, str]]


def submit(root: Path, name: str, places: Sequence[Path], verify: Verify, say: Callable[[str], None]) -> Submitted:
    """Verify the runs that count for a board, put their records into its results, and build its pages anew.

    Runs whose record is there already are left as they are. A run that fails its verification, whose architecture
    others cannot install, or that ran on code with changes of its own, is refused.

    Args:
        root: folder of boards.
        name: of the board.
        places: folders of runs.
        verify: see ``Verify``.
        say: takes each line of progress.

    Raises:
        SeqbenchError: there is no such board or folder, or something cannot be written.
    """
    board, folder = _load(root, name), root / name
    found = [item for place in places for item in _runs(place)]
    paths = {id(entry): path for path, entry in found}
    selection = select(board, [entry for _, entry in found])
    refused = [(aside.origin, aside.reason) for aside in selection.aside]
    written = []
    for cells in selection.entries.values():
        for label, seeds in cells.items():
            for entry in seeds.values():
                path = paths[id(entry)]
                record = records.read(path).without_sample()
                target = _target(folder, record)
                if target.is_file() and records.read(target).digest() == record.digest():
                    continue
                reason = _unfit(entry, record)
                how, wrong = ("", [reason]) if reason else verify(path.parent)
                say(f"{label} on {entry.task}, seed {entry.seed}: {how if not wrong else 'refused'}")
                if wrong:
                    refused.append((str(path), "; ".join(wrong)))
                else:
                    replace(record, verified={"how": how}).write(target.parent, target.name)
                    written.append(target)
    build.build(board, _committed(folder), folder)
    return Submitted(folder, written, refused)


def check(root: Path, name: str) -> tuple[int, list[str]]:
    """Check a board's committed records and pages; give the number of records, and what is wrong.

    Every record must count, stand where its contents say, hold no sample, and say how it was verified; every page must
    be to the byte what the records make.
    """
    try:
        board, folder = _load(root, name), root / name
        made = document.make(board, _committed(folder))
    except SeqbenchError as error:
        return 0, [str(error)]
    problems = [f"{aside['origin']}: {aside['reason']}" for aside in made["set_aside"]]
    problems += [f"{count} records are {what}" for what, count in made["unrelated"].items()] + made["problems"]
    results = folder / RESULTS
    for path in sorted(results.rglob("*")):
        if path.is_file():
            problems += [f"{path.relative_to(results).as_posix()}: {reason}" for reason in _misplaced(folder, path)]
    for file, text in build.pages(made).items():
        path = folder / file
        if not path.is_file() or path.read_bytes() != text.encode():
            again = f"seqbench leaderboard build {name} --from {results} --out {folder}"
            problems.append(f"{file} is not what the records make; build it by `{again}`")
    return made["records"], problems


def _load(root: Path, name: str) -> Board:
    board = boards.load(str(root / f"{name}.yaml")) if (root / f"{name}.yaml").is_file() else boards.load(name)
    if board.name != name:
        raise SeqbenchError(f"{root / name}.yaml cannot be used: its name is '{board.name}'; give both one name.")
    return board


def _committed(folder: Path) -> Iterable[Entry | Aside]:
    """The records of a board's folder; none where nothing was submitted yet."""
    return collect.folders([folder / RESULTS]) if (folder / RESULTS).is_dir() else ()


def _runs(place: Path) -> list[tuple[Path, Entry | Aside]]:
    return [(place / item.origin, item) for item in collect.folders([place])]


def _target(folder: Path, record: Record) -> Path:
    """Where a record of a board belongs: by task, architecture, tier, seed and configuration."""
    config = record.config
    names = [config["architecture"]["name"], *([config["encoder"]["name"]] if config.get("encoder") else [])]
    arch = re.sub(r"[^A-Za-z0-9._+-]", ".", "+".join(names)).lstrip(".") or "unnamed"
    name = f"{config['card']['tier']}-s{config['seed']}-{str(config['digest'])[:8]}.json"
    return folder / RESULTS / config["card"]["name"] / arch / name


def _unfit(entry: Entry, record: Record) -> str | None:
    """Why a run is not for others to build on, although it counts at home; None if it is."""
    if not entry.distribution:
        return "its architecture was given by its path; offer it as a package that others can install (docs/plugins.md)"
    commit = record.config.get("git_commit")
    if isinstance(commit, str) and commit.endswith("+changes"):
        return "it ran on a checkout of seqbench with changes of its own; commit them, and run it again"
    return None


def _misplaced(folder: Path, path: Path) -> list[str]:
    """What is wrong with a committed file beside what a board looks at."""
    try:
        record = records.read(path)
        target = _target(folder, record)
        reasons = [] if path == target else [f"it belongs at {target.relative_to(folder / RESULTS).as_posix()}"]
    except (SeqbenchError, KeyError, TypeError) as error:
        return [] if path.suffix == ".json" else [f"it is no record ({type(error).__name__}); remove it"]
    if records.SAMPLE in record.results:
        reasons.append("it holds a sample, which may quote data; submit it by `seqbench leaderboard submit`")
    verified: Any = record.verified
    if not isinstance(verified, dict) or not verified.get("how"):
        reasons.append("it does not say how it was verified; submit it by `seqbench leaderboard submit`")
    return reasons
