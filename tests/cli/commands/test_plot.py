"""``seqbench plot``."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.cli.commands.plot import _parse_labels
from seqbench.cli.main import main
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.figures.kit import with_curves


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed in (0, 1):
        with_curves(seed=seed).write(tmp_path / "runs" / f"s{seed}")
    with_curves(seed=2, status="failed", reason="no").write(tmp_path / "runs" / "s2")
    return tmp_path / "runs"


def test_a_figure_is_written_and_what_is_left_out_is_said(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", "runs", "--out", "curves.svg", "--label", "gru=GRU"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "curves.svg: copy, GRU (2)\n"
    assert captured.err.splitlines() == [f"left out: {Path('runs/s2/result.json')}, which ended as failed"]
    assert Path("curves.svg").read_text().startswith("<?xml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing"], "there is no missing"),
        (["runs/s2"], "there is no finished run"),
        (["runs", "--metric", "acuracy"], "no validation curve of 'acuracy'"),
        (["runs", "--label", "gru"], "--label must be KEY=VALUE"),
        (["runs", "--width", "0.1"], "--width must be from 1 to 40 inches"),
    ],
)
def test_a_wrong_word_is_refused_and_no_file_is_written(
    words: list[str], message: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", *words, "--out", "x.svg"]) == 2
    assert message in capsys.readouterr().err
    assert not Path("x.svg").exists()


def test_labels_may_hold_equals_signs_in_brackets() -> None:
    assert _parse_labels(["gru=G=1", "gru (num_layers=2)=deep"]) == {"gru": "G=1", "gru (num_layers=2)": "deep"}
    with pytest.raises(SeqbenchError, match="--label must be KEY=VALUE"):
        _parse_labels(["gru"])
