"""Trials of requests for records: what a pull request may add to a board is checked by the code of its base."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from seqbench.protocol.record_fields import VerificationStamp
from seqbench.protocol.records import Record
from seqbench.verification import verify
from seqbench.verification.requests.request_check import check_request
from tests.verification.cheat_runs import call
from tests.verification.requests.kit import add_record, build_folders, new_record
from tests.verification.trials import REQUEST, Findings, Trial, TrialFolder

STAMP = VerificationStamp(how="trained again")


def verify_without_training(path: Path, *, retrain: bool, beside: Path | None) -> verify.Report:
    """Verify a record, but train no record again, which takes minutes on the tasks of a board."""
    return verify.verify_record(path)


def check_here(folder: Path) -> str:
    """Check the request in a folder in this process, and return all problems as a text."""
    report = check_request(folder / "base", folder / "request", verify_record=verify_without_training)
    found = [f"{one.path}: {one.reason}" for one in report.refused]
    return "; ".join(found + [problem for one in report.records for problem in one.problems])


def judge_request(trial: TrialFolder, path: Path) -> Findings:
    """Check a request as CI does."""
    problems = call(trial.site, check_here, path)
    return Findings({REQUEST: problems} if problems else {})


def requested(record: Callable[[], Record]) -> Callable[[TrialFolder], Path]:
    """Return a function that requests one record."""

    def make(trial: TrialFolder) -> Path:
        _, request = build_folders(trial.folder)
        add_record(request, record())
        return trial.folder

    return make


def changed_file(name: str, text: str) -> Callable[[TrialFolder], Path]:
    """Return a function that requests a record, and changes another file with it."""

    def make(trial: TrialFolder) -> Path:
        _, request = build_folders(trial.folder)
        if name.startswith("seqbench/"):  # The base links the code of seqbench; a request has files of its own.
            (request / "seqbench").unlink()
        target = request / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        add_record(request, new_record(seed=1))
        return trial.folder

    return make


def edited_board(trial: TrialFolder) -> Path:
    """Edit a record that the board has."""
    _, request = build_folders(trial.folder)
    file = next((request / "leaderboards" / "mine" / "results").rglob("*.json"))
    data = json.loads(file.read_text())
    data["results"]["metrics"]["test"]["accuracy"]["value"] = 0.99
    file.write_text(json.dumps(data))
    return trial.folder


def _diverged() -> Record:
    return new_record(arch="lstm", status="diverged", reason="the loss is nan at step 3")


REQUEST_TRIALS = (
    Trial(2, "request", requested(lambda: new_record(seed=1)), "caught", REQUEST, "not checked", judge_request),
    Trial(
        18,
        "stamp by hand",
        requested(lambda: new_record(seed=1, arch="ghost", distribution="no-such-package", verified=STAMP)),
        "caught",
        REQUEST,
        "no checkpoint",
        judge_request,
    ),
    Trial(
        18,
        "stamp of CI",
        requested(lambda: new_record(seed=1, verified=STAMP.model_copy(update={"by": "ci"}))),
        "caught",
        REQUEST,
        "stamp of CI",
        judge_request,
    ),
    Trial(
        19,
        "request",
        requested(lambda: new_record(seed=1, value=1e20)),
        "caught",
        REQUEST,
        "best possible|cannot",
        judge_request,
    ),
    Trial(20, "request", requested(_diverged), "caught", REQUEST, "not checked", judge_request),
    Trial(
        21,
        "code",
        changed_file("seqbench/verification/verify.py", "def verify_record(*args): ...\n"),
        "caught",
        REQUEST,
        "code",
        judge_request,
    ),
    Trial(
        21,
        "workflow",
        changed_file(".github/leaderboard.yml", "on: push\n"),
        "caught",
        REQUEST,
        "changes a workflow",
        judge_request,
    ),
    Trial(21, "record of the board", edited_board, "caught", REQUEST, "a record that the board has", judge_request),
)
"""Trials in the order of the table."""
