"""``seqbench verify``: the printed checks, the verdict and the exit status."""

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


def test_a_correct_record_has_status_0_and_a_verdict(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(run), "--json", str(tmp_path / "report.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["record", "ok"], ["card", "ok"]]
    assert lines[-1] == "Everything agrees with the record."
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ok"] is True
    assert report["verdict"] == lines[-1]
    assert {check["state"] for check in report["checks"]} == {"ok"}


def test_a_changed_record_has_status_1_and_names_the_failed_checks(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(run / records.NAME, tmp_path / "lone.json")
    assert main(["verify", str(tmp_path / "lone.json")]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "Nothing is wrong; not checked: weights, scores, predictions, fresh test, causality, consistency."
    )
    data = json.loads((run / records.NAME).read_text())
    data["config"]["parameters"] -= 1
    (tmp_path / "lone.json").write_text(json.dumps(data))
    assert main(["verify", str(tmp_path / "lone.json")]) == 1
    text = capsys.readouterr().out
    assert text.splitlines()[-1].startswith("WRONG in record, size:")
    assert "config.parameters is recorded as" in text


def test_the_help_explains_skipped_checks_and_trust(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["verify", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "chooses which file is executed, so this import needs `--trust`" in text
    assert "a skipped check is not an error" in text


@pytest.mark.parametrize(
    "arguments", [[], ["--tolerance", "-1"], ["--tolerance", "nan"], ["--tolerance", "x"], ["--what"]]
)
def test_a_missing_record_and_a_wrong_option_have_status_2(
    run: Path, tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = run if arguments else tmp_path
    assert main(["verify", str(path), *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "seqbench: " in captured.err
