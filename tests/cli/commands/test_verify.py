from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.protocol import records
from tests.running.test_evaluation import COPY, train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("copy"), COPY)


def test_a_true_record_ends_with_0_a_list_and_a_verdict(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(run), "--json", str(tmp_path / "report.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["record", "ok"], ["card", "ok"]]
    assert lines[-1] == "All is as recorded."
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ok"] is True
    assert report["verdict"] == lines[-1]
    assert {check["state"] for check in report["checks"]} == {"ok"}


def test_a_false_record_ends_with_1_and_says_where(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(run / records.NAME, tmp_path / "lone.json")
    assert main(["verify", str(tmp_path / "lone.json")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "Nothing is wrong; not checked: weights, scores."
    data = json.loads((run / records.NAME).read_text())
    data["config"]["parameters"] -= 1
    (tmp_path / "lone.json").write_text(json.dumps(data))
    assert main(["verify", str(tmp_path / "lone.json")]) == 1
    said = capsys.readouterr().out
    assert said.splitlines()[-1].startswith("WRONG in record, size:")
    assert "config.parameters is recorded as" in said


def test_the_help_says_what_a_strangers_record_may_run(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "a stranger's record chooses which file of it is run: that needs `--trust`" in said
    assert "skipped, and is not wrong" in said


@pytest.mark.parametrize("words", [[], ["--tolerance", "-1"], ["--tolerance", "nan"], ["--tolerance", "x"], ["--what"]])
def test_what_is_no_record_or_no_option_ends_with_2(
    run: Path, tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    place = run if words else tmp_path
    assert main(["verify", str(place), *words]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "seqbench: " in said.err
