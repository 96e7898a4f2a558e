from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seqbench.cli.main import main
from seqbench.leaderboard import submissions
from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.utils.confinement.landlock import landlock_version
from seqbench.verification.requests import request_check
from seqbench.verification.requests.request_changes import Refusal
from seqbench.verification.requests.request_report import RequestReport
from tests.record_data import changed_record
from tests.verification.requests.kit import CARD, add_record, build_folders


def test_the_action_gives_its_options_and_returns_1_for_a_refused_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, Any] = {}

    def check_request(base: Path, request: Path, **options: Any) -> RequestReport:
        seen.update(options, base=base, request=request)
        return RequestReport((), [Refusal("seqbench/verify.py", "it changes code")] if options["retrain"] else [])

    monkeypatch.setattr(request_check, "check_request", check_request)
    for name in ("base", "request", "runs"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    words = ["leaderboard", "request", "--base", "base", "--request", "request", "--checkpoints", "runs"]
    assert main([*words, "--retrain", "2", "--stamp", "--report", "summary.md"]) == 1
    assert (seen["base"], seen["request"], seen["checkpoints"]) == (Path("base"), Path("request"), Path("runs"))
    assert (seen["retrain"], seen["stamp"], seen["stamped"], seen["install"]) == (2, True, False, False)
    assert Path("summary.md").read_text() == capsys.readouterr().out
    assert "- `seqbench/verify.py`: it changes code" in Path("summary.md").read_text()
    assert main([*words, "--retrain", "0"]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--request", "nothing"], "there is no folder nothing"),
        (["--request", ".", "--retrain", "-1"], "--retrain must"),
    ],
)
def test_a_mistake_of_the_user_is_an_error(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["leaderboard", "request", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(landlock_version() < 1, reason="this kernel has no Landlock")
def test_a_true_record_gets_the_stamp_of_ci_and_a_false_one_is_refused(tmp_path: Path) -> None:
    base, request = build_folders(tmp_path)
    for folder in (base, request):
        shutil.rmtree(folder / "leaderboards" / "mine")
        (folder / "leaderboards" / "mine.yaml").write_text(CARD.replace("tier: small", "tier: smoke"))
    runs = tmp_path / "runs"
    # Without git the record states no commit, so that the test does not depend on changes of this checkout.
    seqbench(tmp_path, "run --arch gru --task copy --tier smoke --seed 1 --logger none --runs runs", PATH="")
    [file] = runs.rglob("result.json")
    true = records.read_record(file).without_sample()
    command = "leaderboard request --base base --request request --checkpoints runs --retrain 1 --stamp"

    name = add_record(request, scored(true, 0.999))
    refused = seqbench(tmp_path, command, status=1)
    assert "scores" in refused, refused
    assert not (base / "leaderboards" / "mine").exists()

    name.unlink()
    name = add_record(request, true)
    assert "written into base" in seqbench(tmp_path, command)
    stamped = records.read_record(base / name.relative_to(request))
    assert stamped.verified is not None
    assert (stamped.verified.by, stamped.verified.how) == ("ci", "trained again")
    assert submissions.check_board(base / "leaderboards", "mine") == (1, [])


def scored(record: Record, accuracy: float) -> Record:
    """Return a record with another score, and with the checksum of its new contents."""
    return changed_record(record, "results.metrics.test.accuracy.value", accuracy)


def seqbench(folder: Path, words: str, status: int = 0, **variables: str) -> str:
    """Run a command of seqbench in a folder, check its exit status, and return what it printed.

    Args:
        folder: the folder.
        words: the words of the command.
        status: the expected exit status.
        variables: changed variables of the environment.
    """
    done = subprocess.run(
        [sys.executable, "-m", "seqbench", *words.split()],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr[-3000:]
    return done.stdout
