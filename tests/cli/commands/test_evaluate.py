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


def test_scores_stand_between_their_lines_and_beside_the_recorded(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run)]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[0].split() == ["test", "metric", "value", "recorded", "chance", "best", "possible"]
    name, star, value, recorded, chance, best = said.splitlines()[1].split()
    assert (name, star, chance, best) == ("accuracy", "*", "0.125", "1")
    assert value == recorded
    assert "the run's own options and data" in said
    out = tmp_path / "new" / "scores.json"
    assert main(["evaluate", str(run), "--task.delay", "9", "--split=validation", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "validation metric" in said
    assert "  task.delay: 2 in the record, now 9" in said
    found = json.loads(out.read_text())
    assert found["changed"] == {"task.delay": {"recorded": 2, "now": 9}}
    assert found["recorded"]["loss"] == records.read_record(run).results["metrics"]["validation"]["loss"]["value"]


def test_the_curve_over_lengths_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = train(tmp_path, PARITY)
    assert main(["evaluate", str(folder), "--task.probe_lengths", "[10, 30]"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    start = lines.index(["length", "accuracy"])
    assert [line[0] for line in lines[start + 1 : start + 3]] == ["10", "30"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--task.dely", "9"], "Did you mean --task.delay"),
        (["--optim.lr", "9"], "a trained model keeps its optim"),
        (["--split", "train"], "--split 'train' is unknown"),
        (["--out", "/dev/null/x"], "cannot be written"),
        (["--task.delay"], "expected one argument"),
    ],
)
def test_mistakes_end_in_a_sentence(
    run: Path, words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run), *words]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.out == ""


def test_a_folder_without_a_run_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(tmp_path)]) == 2
    assert "no record at" in capsys.readouterr().err
