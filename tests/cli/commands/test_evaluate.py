"""``seqbench evaluate``: scores beside the recorded ones, at other lengths, and user errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqbench.cli.main import main
from seqbench.protocol import records
from tests.running.test_evaluation import COPY, PARITY, train


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("copy"), COPY)


def test_scores_are_beside_chance_best_possible_and_recorded_scores(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run)]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0].split() == ["test", "metric", "value", "recorded", "chance", "best", "possible"]
    name, star, value, recorded, chance, best = text.splitlines()[1].split()
    assert (name, star, chance, best) == ("accuracy", "*", "0.125", "1")
    assert value == recorded
    assert "options and data of the run" in text
    out = tmp_path / "new" / "scores.json"
    assert main(["evaluate", str(run), "--task.delay", "9", "--split=validation", "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert "validation metric" in text
    assert "  task.delay: 2 in the record, now 9" in text
    evaluation = json.loads(out.read_text())
    assert evaluation["changed"] == {"task.delay": {"recorded": 2, "now": 9}}
    assert evaluation["recorded"]["loss"] == records.read_record(run).results.metrics["validation"]["loss"].value


def test_scores_over_lengths_are_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = train(tmp_path, PARITY)
    assert main(["evaluate", str(folder), "--task.probe_lengths", "[10, 30]"]) == 0
    text = capsys.readouterr().out
    assert "\n* decides; weights of step" in text
    lines = [line.split() for line in text.splitlines()]
    start = lines.index(["length", "accuracy"])
    assert [line[0] for line in lines[start + 1 : start + 3]] == ["10", "30"]
    assert main(["evaluate", str(folder), "--task.probe_lengths", "[2]"]) == 0
    assert "\nthese data do not give accuracy_longer, which decides; weights of step" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--task.dely", "9"], "Did you mean --task.delay"),
        (["--optim.lr", "9"], "a trained model keeps its optim"),
        (["--split", "train"], "--split 'train' is unknown"),
        (["--out", "/dev/null/x"], "cannot be written"),
        (["--task.delay"], "option --task.delay has no value"),
    ],
)
def test_a_user_error_ends_with_status_2_and_a_message(
    run: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""


def test_a_folder_without_a_run_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "no record at" in capsys.readouterr().err
