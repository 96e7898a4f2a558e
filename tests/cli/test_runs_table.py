"""``seqbench list runs``: table, CSV, JSON and filters."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.protocol import records
from tests.running.stored.folders import write_killed, write_run, write_tuned


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs"
    write_run(folder, value=0.75, arch_options={"num_layers": 2}, matched=None)
    write_run(folder, "diverged", arch="lstm", status="diverged", reason="the loss is nan")
    write_killed(folder)
    write_tuned(folder)
    return folder


def test_the_table_has_a_row_for_each_run_and_a_total(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:5] == ["task", "tier", "architecture", "seed", "own"]
    assert sum("trial" in line.split() for line in lines) == 1
    (row,) = [line for line in lines if "num_layers=2" in line]
    assert "accuracy 0.75" in row
    assert row.endswith("copy/gru/small-s0-00000000")
    assert lines[-1].startswith("5 runs (3 ok, ")


@pytest.mark.parametrize(
    ("options", "count"),
    [(["--arch", "lstm"], 2), (["--status", "diverged,unfinished"], 2), (["--task", "parity"], 0), ([], 5)],
)
def test_filters_select_runs(options: list[str], count: int, runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "runs", str(runs), "--format", "json", *options]) == 0
    assert len(json.loads(capsys.readouterr().out)) == count


def test_csv_and_json_hold_the_same_numbers(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["list", "runs", "--format", "json"])
    plain = json.loads(capsys.readouterr().out)
    main(["list", "runs", "--format", "csv"])
    table = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [row["folder"] for row in table] == [row["folder"] for row in plain]
    assert [row["score"] for row in table] == ["" if row["score"] is None else str(row["score"]) for row in plain]
    assert set(table[0]) == set(plain[0])


def test_broken_records_are_shown_with_the_reason(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "copy" / "gru" / "small-s0-00000000" / records.NAME).write_text("no record \u202e")
    assert main(["list", "runs"]) == 0
    out = capsys.readouterr().out
    assert "copy/gru/small-s0-00000000: broken: " in out
    assert "\u202e" not in out


def test_an_empty_folder_and_an_empty_choice_are_said(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs.parent / "empty").mkdir()
    main(["list", "runs", "empty"])
    main(["list", "runs", "--arch", "rnn"])
    assert capsys.readouterr().out.splitlines() == ["empty holds no runs", "none of the 5 runs in runs matches"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["runs", "missing"], "there is no folder missing"),
        (["runs", "--format", "tabel"], "unknown format 'tabel'"),
        (["runs", "--status", "done"], "unknown state 'done'; a run is one of ok, diverged"),
        (["tasks", "runs"], "belongs to `seqbench list runs`"),
        (["--format", "csv"], "belongs to `seqbench list runs`"),
    ],
)
def test_a_wrong_word_is_refused(
    words: list[str], message: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", *words]) == 2
    assert message in capsys.readouterr().err
