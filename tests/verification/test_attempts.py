"""Every attempt to get a false score onto a board: it is caught, has no effect, or a page says that it is possible."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.verification import cheat_runs
from tests.verification.attempt_table import ATTEMPTS, TRIALS
from tests.verification.cheat_runs import CheatSite
from tests.verification.trials import Trial, TrialFolder

FAST = {
    (2, "JSON alone"),
    (14, "patched_compute"),
    (18, "stamp by hand"),
    (18, "stamp of CI"),
    (19, "request"),
    (21, "code"),
    (21, "workflow"),
    (21, "record of the board"),
}
"""Trials that take a few seconds. Of the others, the first of each attempt is slow, and more are exhaustive."""


def marked(trial: Trial) -> object:
    name = f"{trial.attempt}-{trial.name.replace(' ', '_')}"
    if (trial.attempt, trial.name) in FAST:
        return pytest.param(trial, id=name)
    others = [one for one in TRIALS if one.attempt == trial.attempt and (one.attempt, one.name) not in FAST]
    marks = [pytest.mark.slow] if trial is others[0] else [pytest.mark.slow, pytest.mark.exhaustive]
    return pytest.param(trial, id=name, marks=marks)


@pytest.fixture
def folder(run: Path, tmp_path: Path) -> TrialFolder:
    return TrialFolder(tmp_path, run, CheatSite.install(tmp_path / "site"))


@pytest.mark.parametrize("trial", [marked(trial) for trial in TRIALS])
def test_a_false_record_is_found_or_has_no_effect(trial: Trial, folder: TrialFolder) -> None:
    assert trial.mistake(trial.run(folder)) == ""


def test_every_attempt_has_a_trial_and_every_trial_an_attempt() -> None:
    assert {trial.attempt for trial in TRIALS} == set(ATTEMPTS)
    names = [(trial.attempt, trial.name) for trial in TRIALS]
    assert len(names) == len(set(names))


def test_every_cheat_is_tried() -> None:
    text = "".join((Path(__file__).parent / name).read_text() for name in ("plugin_trials.py", "record_trials.py"))
    cheats = {path.stem for path in cheat_runs.CHEATS.glob("*.py")} - {"__init__", "honest"}
    assert {cheat for cheat in cheats if f'"{cheat}"' not in text} == set()
