"""``seqbench clean``: it shows, asks and deletes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.protocol import records, run_folder
from tests.running.stored.folders import write_killed, write_run, write_tuned


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_tuned(tmp_path / "runs")
    write_killed(tmp_path / "runs")
    write_run(tmp_path / "runs")
    return tmp_path / "runs"


def files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*"))


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Answer the question at a terminal."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: text)


def test_without_an_option_it_shows_what_each_would_free(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(runs)
    assert main(["clean"]) == 0
    lines = {line.split()[0]: line.split()[1:3] for line in capsys.readouterr().out.splitlines()}
    assert (lines["--trials"][0], lines["--failed"][0], lines["--checkpoints"][0]) == ("1", "1", "3")
    assert files(runs) == before


@pytest.mark.parametrize("words", [["--dry-run"], []])
def test_nothing_is_deleted_by_a_dry_run_or_without_a_terminal(
    words: list[str], runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    before = files(runs)
    assert main(["clean", "--failed", "--checkpoints", *words]) == (0 if words else 2)
    captured = capsys.readouterr()
    assert "whole run" in captured.out
    assert "4 runs, " in captured.out
    assert ("add --yes" in captured.err) is not bool(words)
    assert files(runs) == before


@pytest.mark.parametrize(("text", "status"), [("", 1), ("n", 1), ("y", 0), ("YES", 0)])
def test_only_a_yes_deletes(
    text: str, status: int, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, text)
    assert main(["clean", "--failed"]) == status
    assert (runs / "copy" / "lstm").exists() is bool(status)
    assert ("nothing was deleted" in capsys.readouterr().out) is bool(status)


def test_yes_deletes_without_a_question_and_keeps_the_records(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = [path for path in files(runs) if path.name == records.NAME]
    assert main(["clean", "--checkpoints", "--yes"]) == 0
    assert [path for path in files(runs) if path.name == records.NAME] == kept
    assert [path for path in files(runs) if path.name == "last.ckpt"] == [
        runs / "copy" / "lstm" / "small-s1-00000000" / run_folder.LAST
    ]
    assert "deleted 8.79 KiB of 3 runs" in capsys.readouterr().out


def test_deleting_trials_says_what_it_means_for_the_runs_that_name_them(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clean", "--trials", "--yes"]) == 0
    out = capsys.readouterr().out
    assert "1 finished run names these trials" in out
    assert "`seqbench verify` does not read the folders" in out
    assert len(list(runs.rglob(records.NAME))) == 2


def test_runs_in_use_stay_and_are_said(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = runs / "copy" / "lstm" / "small-s1-00000000"
    with run_folder.lock_folder(folder):
        assert main(["clean", "--failed", "--yes"]) == 0
    captured = capsys.readouterr()
    assert "1 run is in use and will stay." in captured.err
    assert "there is nothing to delete" in captured.out
    assert (folder / run_folder.LAST).is_file()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing"], "there is no folder missing"),
        (["--failed", "--older-than", "soon"], "--older-than must be a time"),
        (["--status", "bad"], "unknown state 'bad'"),
    ],
)
def test_a_wrong_word_is_refused(
    words: list[str], message: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["clean", *words]) == 2
    assert message in capsys.readouterr().err


def test_what_stays_is_said(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = runs / "copy" / "lstm" / "small-s1-00000000"
    (folder / "notes.txt").touch()
    (runs / records.NAME).write_bytes(next(runs.glob("copy/gru/*/result.json")).read_bytes())
    assert main(["clean", "--failed", "--yes"]) == 0
    said = capsys.readouterr().err
    assert "runs will stay: its name is not that of a run folder" in said
    assert "small-s1-00000000 stays, because no run wrote this in it: notes.txt" in said
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_partial_deletion_is_said_with_status_1(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "rmdir", refuse)
    assert main(["clean", "--failed", "--yes"]) == 1
    assert "is only partly deleted" in capsys.readouterr().err
