"""Figures as files: formats, equal bytes, and errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import seqbench
from seqbench.leaderboard.figures import plot_runs
from seqbench.leaderboard.figures.plot_runs import PlotRequest
from seqbench.utils.errors import NotAtHand, SeqbenchError
from tests.leaderboard.figures.kit import with_curves

RECORDS = [with_curves(seed=seed, arch=arch) for arch in ("gru", "lstm") for seed in (0, 1)]


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG")])
def test_equal_figures_are_equal_files(ending: str, start: bytes, tmp_path: Path) -> None:
    for name in ("a", "b"):
        seqbench.plot(RECORDS, tmp_path / f"{name}.{ending}")
    first = (tmp_path / f"a.{ending}").read_bytes()
    assert first.startswith(start)
    assert first == (tmp_path / f"b.{ending}").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"a.{ending}", f"b.{ending}"]


def test_an_svg_holds_no_date_and_a_pdf_holds_its_text_as_text(tmp_path: Path) -> None:
    seqbench.plot(RECORDS, tmp_path / "a.svg")
    seqbench.plot(RECORDS, tmp_path / "a.pdf")
    assert b"<dc:date>" not in (tmp_path / "a.svg").read_bytes()
    pdf = (tmp_path / "a.pdf").read_bytes()
    assert b"CreationDate" not in pdf
    assert b"/TrueType" in pdf or b"/CIDFontType2" in pdf


def test_runs_folders_and_records_can_be_plotted_from_python(tmp_path: Path) -> None:
    folder = RECORDS[0].write(tmp_path / "run").parent
    run = seqbench.Run(RECORDS[0], folder)
    for given in (folder, str(folder), run, RECORDS[0], [run], (folder,)):
        figure = seqbench.plot(given)
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["gru"]


def test_anything_else_cannot_be_plotted() -> None:
    with pytest.raises(SeqbenchError, match="expected runs, records or folders of runs, got 3"):
        seqbench.plot([3])  # type: ignore[list-item]


def test_left_out_runs_are_a_warning_in_python() -> None:
    with pytest.warns(UserWarning, match="left out of the figure: record 5, which ended as diverged"):
        seqbench.plot([*RECORDS, with_curves(seed=7, status="diverged", reason="nan")])


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ({}, "validation accuracy"),
        ({"split": "train"}, "training loss"),
        ({"metric": "accuracy", "x": "tokens"}, "validation accuracy"),
    ],
)
def test_the_axis_names_split_and_metric(options: dict[str, Any], label: str) -> None:
    assert seqbench.plot(RECORDS, **options).axes[0].get_ylabel() == label


def test_bars_show_test_scores_by_default() -> None:
    label = seqbench.plot(RECORDS, kind="bars").axes[0].get_xlabel()
    assert label.startswith("test accuracy (higher is better)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "pie"}, "--kind must be one of curves, bars, got 'pie'"),
        ({"x": "epochs"}, "--x must be one of steps, seconds, tokens"),
        ({"split": "test"}, "--split of curves must be one of validation, train"),
        ({"kind": "bars", "split": "train"}, "--split of bars must be one of validation, test"),
        ({"kind": "bars", "x": "tokens"}, "--x belongs to --kind curves"),
        ({"kind": "bars", "log_y": True}, "write --log-x instead of --log-y"),
        ({"out": "figure.jpg"}, "--out must end in .svg, .pdf or .png"),
        ({"out": "missing/figure.svg"}, "there is no folder missing for figure.svg"),
    ],
)
def test_wrong_values_are_refused_in_words(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SeqbenchError, match=message):
        seqbench.plot(RECORDS, **options)


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(NotAtHand, match="pip install matplotlib"):
        plot_runs.plot_runs(RECORDS, PlotRequest())
