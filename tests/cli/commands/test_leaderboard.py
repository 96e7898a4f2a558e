"""``seqbench leaderboard``: pages built from runs, checks of committed boards, and submissions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.verification.verify import CheckState
from tests.leaderboard.kit import example_record, write_records

CARD = "{name: mine, version: 1, title: t, summary: s, tier: small, seeds: 2, tasks: {copy: , parity: , cpy: }}"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with a board's card and three runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(CARD)
    write_records(
        tmp_path / "runs",
        *(example_record(seed=seed) for seed in range(2)),
        example_record(seed=0, value=0.8, arch="rnn"),
    )
    return tmp_path


def test_a_board_is_built_from_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_records(place / "runs", example_record(task="adding"), example_record(seed=7))
    assert main(["leaderboard", "build", "mine.yaml"]) == 0
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()[:3]] == [
        ["task", "records", "ranked", "rows", "first"],
        ["copy", "3", "1", "gru"],
        ["parity", "0", "0", "-"],
    ]
    assert "left out: cpy: unknown task 'cpy'. Did you mean 'copy'" in err
    assert "its seed is 7" in err
    assert "1 record is of other tasks" in err
    assert sorted(path.name for path in Path("boards/mine").iterdir()) == [
        "README.md",
        "board.csv",
        "board.json",
        "board.tex",
        "index.html",
    ]


def test_another_process_writes_the_same_bytes(place: Path) -> None:
    assert main(["leaderboard", "build", "mine.yaml", "--out", "a"]) == 0
    words = ["leaderboard", "build", "mine.yaml", "--out", "b"]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "TZ": "Asia/Tokyo"}
    code = (  # With MANY = 1, several processes read the records, however few there are.
        "import sys; from seqbench.leaderboard.data import record_collection; record_collection.MANY = 1;"
        "from seqbench.cli.main import main; status = main(sys.argv[1:]);"
        "assert not {'torch', 'lightning', 'wandb', 'matplotlib'} & set(sys.modules); sys.exit(status)"
    )
    subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, env=environment)
    for page in Path("a").iterdir():
        assert page.read_bytes() == (Path("b") / page.name).read_bytes(), page.name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "no-board"], "unknown board 'no-board'"),
        (["build", "mine.yaml", "--from", "no-runs"], "there is no no-runs; give a folder of runs"),
        (["build", "mine.yaml", "--from", "wandb:a/b/c"], "expected wandb:entity/project"),
        (["check", "--root", "runs"], "runs holds no board"),
        (["check", "min", "--root", "."], "has no board 'min'. Did you mean 'mine'"),
        (["bild", "mine.yaml"], "invalid choice: 'bild'"),
        (["submit", "no-board", "--root", "."], "unknown board 'no-board'"),
        (["submit", "small"], "there is no folder leaderboards"),
    ],
)
def test_a_user_error_ends_with_status_2_and_a_message(
    place: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not Path("boards").exists()


@pytest.mark.parametrize(
    ("states", "retrain", "submitted"),
    [
        ({"record": "ok", "scores": "ok"}, False, True),
        ({"record": "ok", "scores": "skipped"}, False, False),
        ({"record": "ok", "scores": "skipped", "retrain": "ok"}, True, True),
        ({"record": "ok", "configuration": "skipped", "retrain": "skipped"}, True, False),
        ({"record": "ok", "scores": "wrong"}, False, False),
    ],
)
def test_a_run_with_a_skipped_check_is_not_submitted(
    place: Path, monkeypatch: pytest.MonkeyPatch, states: dict[str, CheckState], retrain: bool, submitted: bool
) -> None:
    from seqbench.verification import verify

    checks = tuple(verify.Check(name, state, "so") for name, state in states.items())
    monkeypatch.setattr(verify, "verify_record", lambda path, **options: verify.Report(str(path), checks))
    Path("roots").mkdir()
    Path("roots/mine.yaml").write_text(CARD)
    words = ["leaderboard", "submit", "mine", "--root", "roots", *(["--retrain"] if retrain else [])]
    assert main(words) == (0 if submitted else 1)
    stamps = [json.loads(path.read_text())["verified"]["how"] for path in Path("roots/mine/results").rglob("*.json")]
    assert set(stamps) == ({"trained again" if retrain else "checkpoint scored again"} if submitted else set())


def test_a_file_in_place_of_the_folder_is_not_overwritten(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").write_text("a file")
    assert main(["leaderboard", "build", "mine.yaml", "--out", "out"]) == 2
    assert Path("out").read_text() == "a file"


def test_a_check_lists_problems_and_returns_1(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("roots").mkdir()
    Path("roots/mine.yaml").write_text(CARD.replace(", cpy: ", ""))
    assert main(["leaderboard", "check", "--root", "roots"]) == 1
    assert "mine: 0 records, 5 wrong" in capsys.readouterr().out
    assert main(["leaderboard", "build", "roots/mine.yaml", "--from", "roots", "--out", "roots/mine"]) == 0
    capsys.readouterr()
    assert main(["leaderboard", "check", "--root", "roots"]) == 0
    assert capsys.readouterr().out == "mine: 0 records, ok\n"
