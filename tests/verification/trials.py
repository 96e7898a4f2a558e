"""One trial of an attempt: how the false record is made, how it is judged, and what must be found."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from seqbench.verification import stamps, verify
from tests.verification import cheat_runs
from tests.verification.cheat_runs import CheatSite, call

Outcome = Literal["caught", "no effect", "named", "impossible"]
"""``caught``: a check finds the record wrong. ``no effect``: the record gets the score that the net deserves.
``named``: nothing is wrong, and the report or the page says what happened. ``impossible``: no check can see it, and a
page says so."""

REQUEST = "request"
"""Name under which findings list what a request for records refuses beyond the checks of ``verify``."""

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Findings:
    """What the judges of a false record found.

    Args:
        wrong: message of each check that found the record wrong, by check; ``REQUEST`` for what a request refuses.
        notes: message of every other check.
        claimed: the first score that differs from the computed one, or the deciding test score of the record.
        blind: the score that the verification computed; None if it computed none, the claimed one if they agree.
        imported: modules of cheats that the judging process has imported.
    """

    wrong: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=dict)
    claimed: float | None = None
    blind: float | None = None
    imported: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrialFolder:
    """The folder of a trial, with what all trials share.

    Args:
        folder: empty folder of this trial.
        run: folder of an honest run of a registered architecture, which no trial changes.
        site: the installed cheats.
    """

    folder: Path
    run: Path
    site: CheatSite

    def train(self, cheat: str, **changes: Any) -> Path:
        """Train a cheat on its author's machine, and return the folder of the run."""
        return Path(call(self.site, cheat_runs.train, cheat, self.folder / "runs", changes))

    def write_text(self) -> dict[str, Any]:
        """Write a small text, and return the task of predicting its characters."""
        words, source = (
            ["the", "cat", "sat", "on", "a", "mat", "dog", "ran", "to", "man", "no", "one"],
            random.Random(0),
        )
        lines = [" ".join(source.choice(words) for _ in range(6)) for _ in range(300)]
        (self.folder / "text").mkdir()
        (self.folder / "text" / "story.txt").write_text("\n".join(lines))
        return {"name": "char-lm", "data_dir": str(self.folder / "text"), "length": 16, "window": 32}

    def write_tunes(self) -> dict[str, Any]:
        """Write small pieces of random music, and return the task of predicting their next frame."""
        source = random.Random(0)
        tunes = {
            split: [[[source.randrange(50, 66), source.randrange(40, 48)] for _ in range(8 + n)] for n in range(12)]
            for split in ("train", "valid", "test")
        }
        (self.folder / "tunes").mkdir()
        (self.folder / "tunes" / "tunes.json").write_text(json.dumps(tunes))
        return {"name": "music", "data_dir": str(self.folder / "tunes")}


Judge = Callable[[TrialFolder, Path], Findings]


def judge_by_verification(trial: TrialFolder, path: Path, **options: Any) -> Findings:
    """Verify a record as a reviewer does, in a process without cheats; what it skips is refused in a request.

    Args:
        trial: the folder of the trial.
        path: the record, or its folder.
        options: arguments of ``verify_record``.
    """
    report = call(trial.site, cheat_runs.verify_here, path, options)
    wrong = {one["name"]: one["message"] for one in report["checks"] if one["state"] == "wrong"}
    if not wrong and (problems := stamps.find_problems(read_report(report))):
        wrong = {REQUEST: "; ".join(problems)}
    notes = {one["name"]: one["message"] for one in report["checks"] if one["name"] not in wrong}
    config = (record := cheat_runs.recorded(path))["config"]
    metrics = record["results"].get("metrics", {}).get("test", {})
    value = metrics.get(config["card"]["metric"], {}).get("value")
    claimed, blind = _claimed_and_computed(wrong.get("scores", "")) or (value, None if wrong else value)
    return Findings(wrong, notes, claimed, blind, tuple(report["imported"]))


def judge_by_second_run(trial: TrialFolder, path: Path) -> Findings:
    """Verify a record with ``--retrain``."""
    return judge_by_verification(trial, path, retrain=True)


@dataclass(frozen=True)
class Trial:
    """One false record and what must be found.

    Args:
        attempt: number of the attempt in the table.
        name: name of the trial.
        make: makes the false record, and returns its path.
        outcome: the expected outcome.
        by: check that must find it, or several with `or` between them; for ``named`` and ``impossible``, the page that
            must say so.
        says: regular expression that the message of this check, or the page, must match.
        judge: judges the record.
    """

    attempt: int
    name: str
    make: Callable[[TrialFolder], Path]
    outcome: Outcome
    by: str = ""
    says: str = ""
    judge: Judge = judge_by_verification

    def run(self, folder: TrialFolder) -> Findings:
        """Make the false record, and judge it."""
        return self.judge(folder, self.make(folder))

    def mistake(self, findings: Findings) -> str:
        """Return how the findings differ from the expectation, as a sentence; empty if they do not."""
        if findings.imported:
            return f"the process with the targets has imported {', '.join(findings.imported)}"
        if self.outcome == "caught":
            if not (name := self.found_by(findings)):
                return f"expected {self.by} to be wrong, found {dict(findings.wrong) or 'nothing wrong'}"
            message = findings.wrong[name]
            return "" if re.search(self.says, message) else f"{name} says {message!r}, expected {self.says!r}"
        if findings.wrong:
            return f"expected nothing wrong, found {dict(findings.wrong)}"
        if self.outcome == "no effect":
            return ""
        text = findings.notes.get(self.by) or (ROOT / self.by).read_text(encoding="utf-8")
        return "" if re.search(self.says, " ".join(text.split())) else f"{self.by} does not say {self.says!r}"

    def found_by(self, findings: Findings) -> str:
        """Return the first of the expected checks that found the record wrong; empty if none did."""
        return next((name for name in self.by.split(" or ") if name in findings.wrong), "")

    def message(self, findings: Findings) -> str:
        """Return the message that shows the outcome; empty if there is none."""
        return findings.wrong.get(self.found_by(findings)) or findings.notes.get(self.by) or ""


def read_report(data: Mapping[str, Any]) -> verify.Report:
    """Return a report from its plain data."""
    return verify.Report(data["path"], tuple(verify.Check(**one) for one in data["checks"]))


def _claimed_and_computed(message: str) -> tuple[float, float] | None:
    """Return the two scores in a message of the check of scores; None if it names none."""
    found = re.search(r"(?:validation|test)\.\S+ is recorded as (-?[\d.e+-]+) and is (-?[\d.e+-]+\d)", message)
    return (float(found[1]), float(found[2])) if found else None
