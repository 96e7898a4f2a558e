"""Check a request for records: verify each new record with the code of the base, and stamp those that pass.

A request counts only as a whole: if anything in it is refused, nothing is written. What could not be checked is
refused: a record without a checkpoint is trained again, and a record without both checkpoint and data is refused.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Protocol

import seqbench
from seqbench.leaderboard import submissions
from seqbench.leaderboard.data.board_paths import RESULTS, ROOT
from seqbench.protocol import records
from seqbench.protocol.identity.package_sources import SEQBENCH, SOURCE_SUFFIXES
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr
from seqbench.verification import stamps, verify
from seqbench.verification.requests import offered_checkpoints, plugin_wheels, request_changes
from seqbench.verification.requests.request_changes import Refusal
from seqbench.verification.requests.request_report import RecordResult, RequestReport

RETRAINED = 3
"""Number of records with a checkpoint that are trained again by default, chosen at random."""


class Verify(Protocol):
    """The function that verifies a record or a run folder, as ``verify.verify_record`` does."""

    def __call__(self, path: Path, *, retrain: bool, beside: Path | None) -> verify.Report:
        """Return the result of each check; ``beside`` holds the records of the base, among them other seeds."""


@dataclass(frozen=True)
class _Candidate:
    """A new record that can be verified: its path in the request, and the checkpoint that was offered for it."""

    path: PurePosixPath
    record: Record
    checkpoint: Path | None


def check_request(
    base: Path,
    request: Path,
    *,
    checkpoints: Path | None = None,
    retrain: int = RETRAINED,
    stamp: bool = False,
    stamped: bool = False,
    install: bool = False,
    verify_record: Verify = verify.verify_record,
    log: Callable[[str], object] = lambda line: None,
) -> RequestReport:
    """Check a request, and write its records into the base if they shall be stamped and nothing is refused.

    Args:
        base: clean checkout of the base branch, whose code is running.
        request: clean checkout of the request, merged into the base branch.
        checkpoints: folder with the run folders that the request offers; None if it offers none.
        retrain: number of records with a checkpoint that are trained again; a record without one always is.
        stamp: whether to write the records with their stamps, and the pages, into the base.
        stamped: whether the records hold the stamps of an earlier check of the same request; they are not verified.
        install: whether to install the plug-ins that records name from the package index, for the nets alone.
        verify_record: verifies one record.
        log: receives one line on each record.

    Raises:
        SeqbenchError: a folder does not exist, or the code that runs is not that of the base.
    """
    _require_code_of_base(base)
    offered = {} if checkpoints is None else offered_checkpoints.find_checkpoints(checkpoints)
    changes = request_changes.find_changes(base, request)
    refused = list(changes.refused)
    candidates, results = _read_candidates(request, changes.records, offered, stamped)
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="seqbench-request-") as folder:
        merged = Path(folder, ROOT)
        refused += _board_problems(base, merged, candidates)
        if stamped:
            results += [_result(one, one.record) for one in candidates]
        elif not refused:  # Records that cannot be accepted in any case are not verified.
            plugins = Path(folder, "plugins")
            notes = _install_plugins(candidates, plugins) if install else []
            chosen = _choose_retrained(candidates, retrain)
            with plugin_wheels.use_plugin_folder(plugins):
                for number, one in enumerate(candidates):
                    work = Path(folder, str(number))
                    results.append(_verify_candidate(one, one.path in chosen, base, work, verify_record))
                    log(f"{one.path}: {'refused' if results[-1].problems else 'verified'}")
        else:
            reason = "it was not verified, because other parts of the request are refused"
            results += [RecordResult(str(one.path), one.record.headline(), [reason]) for one in candidates]
    report = RequestReport(sorted(results, key=lambda result: result.path), refused, changes.pages, notes=notes)
    if stamp and report.ok and report.records:
        _write_records(base, candidates, report.records)
        report = replace(report, written=True)
    return report


def _require_code_of_base(base: Path) -> None:
    """Check that the running seqbench consists of the source files of the base.

    Raises:
        SeqbenchError: files differ.
    """
    running, expected = (_sources(folder) for folder in (Path(seqbench.__file__).parent, base / SEQBENCH))
    changed = sorted(name for name in running.keys() | expected.keys() if running.get(name) != expected.get(name))
    if changed:
        raise SeqbenchError(
            f"this seqbench is not that of {base} ({changed[0]} differs); install that one, "
            f"by `pip install {base}`, and run its command."
        )


def _sources(package: Path) -> dict[str, bytes]:
    return {
        path.relative_to(package).as_posix(): path.read_bytes()
        for path in package.rglob("*")
        if path.suffix in SOURCE_SUFFIXES and "_data" not in path.relative_to(package).parts
    }


def _read_candidates(
    request: Path, paths: Iterable[PurePosixPath], offered: Mapping[str, Path], stamped: bool
) -> tuple[list[_Candidate], list[RecordResult]]:
    """Return the records that can be verified, and the results of those that are refused at once.

    Args:
        request: folder of the request.
        paths: paths of the new records.
        offered: checkpoints by the digest of the record.
        stamped: whether each record must hold the stamp of CI; otherwise none may.
    """
    candidates, refused = [], []
    for path in paths:
        try:
            record = records.read_record(Path(request, path))
        except SeqbenchError as error:
            refused.append(RecordResult(str(path), "", [str(error).replace(str(Path(request, path)), "it")]))
            continue
        if problem := _own_problem(record, stamped):
            refused.append(RecordResult(str(path), record.headline(), [problem]))
        else:
            candidates.append(_Candidate(path, record, offered.get(record.digest())))
    return candidates, refused


def _own_problem(record: Record, stamped: bool) -> str:
    """Return why a record is refused at once, because of its checksum, its stamp or its age; empty if it is not."""
    if not record.intact():  # The later steps write it again, with a new checksum.
        return "it was edited after it was written: its checksum does not match its contents"
    by_ci = record.verified is not None and record.verified.by == "ci"
    if stamped and not (by_ci and record.verified is not None and record.verified.belongs_to(record.digest())):
        return "it has no stamp of CI that belongs to it; check the request without --stamped"
    if by_ci and not stamped:
        return "it holds a stamp of CI, which the request wrote itself; only this check writes such stamps"
    return stamps.find_missing_proofs(record)


def _board_problems(base: Path, merged: Path, candidates: Sequence[_Candidate]) -> list[Refusal]:
    """Return what is wrong with the boards of the base once they have the new records, and is not wrong without them.

    Args:
        base: folder of the base.
        merged: new folder for the boards with the new records.
        candidates: the new records.
    """
    boards = sorted({one.path.parts[1] for one in candidates})
    refused = []
    for board in boards:
        card, results = base / ROOT / f"{board}.yaml", base / ROOT / board / RESULTS
        if not card.is_file():
            refused.append(Refusal(f"{ROOT}/{board}", "the base has no such board; open a request of its own for it"))
            continue
        before = set(submissions.check_records(base / ROOT, board)[1])
        merged.mkdir(exist_ok=True)
        shutil.copyfile(card, merged / card.name)
        if results.is_dir():
            shutil.copytree(results, merged / board / RESULTS)
        for one in candidates:
            if one.path.parts[1] == board:
                target = merged.parent / one.path
                one.record.write(target.parent, target.name)
        after = submissions.check_records(merged, board, stamped=False)[1]
        refused += [Refusal(f"{ROOT}/{board}", problem) for problem in after if problem not in before]
    return refused


def _install_plugins(candidates: Sequence[_Candidate], folder: Path) -> list[str]:
    """Install the plug-ins of the records into a folder for the processes of their nets; return what went wrong."""
    try:
        return plugin_wheels.install_plugins(plugin_wheels.named_plugins(one.record for one in candidates), folder)
    except SeqbenchError as error:
        return [str(error)]


def _choose_retrained(candidates: Sequence[_Candidate], number: int) -> set[PurePosixPath]:
    """Return the records that are trained again: each without a checkpoint, and some of the others at random."""
    ours = [one for one in candidates if _brings_no_code(one.record)]
    checked = [one.path for one in ours if one.checkpoint is not None]
    chance = random.SystemRandom()  # Nobody can know which records these are.
    chosen = chance.sample(checked, min(max(number, 0), len(checked)))
    return {*chosen, *(one.path for one in ours if one.checkpoint is None)}


def _brings_no_code(record: Record) -> bool:
    """Return whether all code of a run is seqbench's own, so that training again executes nothing of others."""
    config = record.config
    owners = {config.architecture.distribution, config.card.distribution}
    return owners | ({config.encoder.distribution} if config.encoder else set()) == {SEQBENCH}


def _verify_candidate(one: _Candidate, retrain: bool, base: Path, folder: Path, verify_record: Verify) -> RecordResult:
    """Verify one record, with its checkpoint if there is one.

    Args:
        one: the record.
        retrain: whether to train again.
        base: folder of the base, whose records show the spread of the seeds.
        folder: new folder for the record and its checkpoint.
        verify_record: verifies a record.
    """
    record, path = one.record, str(one.path)
    if one.checkpoint is None and not retrain:
        distribution = short_repr(record.config.architecture.distribution)
        problem = (
            f"no checkpoint was offered, and a run of {distribution} is not trained again here: its code would run in "
            "the process that has the targets; offer the run's folder"
        )
        return RecordResult(path, record.headline(), [problem])
    try:
        if one.checkpoint is None:
            folder.mkdir()
            place = record.write(folder, "record.json")
        else:
            place = offered_checkpoints.build_run_folder(record, one.checkpoint, folder)
        # Records of the request could state any spread.
        results = base / ROOT / one.path.parts[1] / RESULTS
        report = verify_record(place, retrain=retrain, beside=results if results.is_dir() else None)
        problems = stamps.find_problems(report)
        if report.confined is False:
            problems.append(
                f"the kernel of this machine does not confine the process of a net ({report.isolation}); check the "
                f"request on Linux 5.13 or later with Landlock"
            )
    except SeqbenchError as error:
        return RecordResult(path, record.headline(), [str(error)])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if problems and one.checkpoint is None:
        problems = ["no checkpoint was offered, so the run had to be trained again", *problems]
    if problems:
        return RecordResult(path, record.headline(), problems)
    return RecordResult(path, record.headline(), stamp=stamps.build_stamp(report, "ci", record))


def _result(one: _Candidate, record: Record) -> RecordResult:
    return RecordResult(str(one.path), record.headline(), stamp=record.verified)


def _write_records(base: Path, candidates: Sequence[_Candidate], results: Sequence[RecordResult]) -> None:
    """Write the records with their stamps into the base, and generate the pages of their boards.

    Args:
        base: folder of the base.
        candidates: the records.
        results: their results, all of which passed.
    """
    stamp = {result.path: result.stamp for result in results}
    for one in candidates:
        target = Path(base, one.path)
        replace(one.record, verified=stamp[str(one.path)]).write(target.parent, target.name)
    for board in sorted({one.path.parts[1] for one in candidates}):
        submissions.write_board_pages(base / ROOT, board)
