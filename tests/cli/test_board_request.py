from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqbench.cli.main import main
from seqbench.verification.requests import request_check
from seqbench.verification.requests.request_changes import Refusal
from seqbench.verification.requests.request_report import RequestReport


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
