"""The picture of the learning curves in a run folder."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from seqbench.protocol import run_folder
from seqbench.protocol.records import Record
from seqbench.running import curve_picture
from seqbench.running.curve_picture import draw_curves, write_curve_picture
from tests.record_data import complete_record

STEPS = [100, 200, 300, 400]


def record(accuracy: list[float | None], loss: list[float], **more: Any) -> Record:
    curves = {"validation": {"step": STEPS[: len(accuracy)], "accuracy": accuracy}} if accuracy else {}
    curves |= {"train": {"step": STEPS[: len(loss)], "loss": loss}} if loss else {}
    score = {"value": 0.9, "chance": 0.5, "best": 1.0}
    metrics = {"validation": {"accuracy": score}, "test": {"accuracy": score}}
    return complete_record({"curves": curves, "metrics": metrics, "best_step": 300, **more})


GOOD = record([0.6, 0.7, 0.9, 0.85], [2.0, 1.0, 0.5, 0.4])


def texts(drawing: str) -> list[str]:
    return [(element.text or "").strip() for element in ElementTree.fromstring(drawing).iter() if element.text]


def test_the_picture_shows_metric_and_loss_with_chance_best_and_tested_step() -> None:
    shown = texts(str(draw_curves(GOOD)))
    assert "gru on copy, small, seed 0: ok, accuracy 0.9" in shown
    assert "validation accuracy (higher is better)" in shown
    assert "training loss" in shown
    assert {"chance 0.5", "best possible 1", "tested"} <= set(shown)
    assert "tested: accuracy 0.9 at step 300" in shown


def test_an_undefined_score_has_no_point() -> None:
    shown = texts(str(draw_curves(record([0.6, None, 0.9, 0.85], [2.0, 1.0, 0.5, 0.4]))))
    assert "tested: accuracy 0.9 at step 300" in shown
    assert draw_curves(record([None, None], [])) is None


def test_the_picture_is_a_file_of_its_own_that_is_the_same_each_time(tmp_path: Path) -> None:
    path = write_curve_picture(GOOD, tmp_path)
    assert path == tmp_path / run_folder.CURVES
    first = path.read_bytes()
    assert first.startswith(b'<svg xmlns="http://www.w3.org/2000/svg"')
    assert b"var(" not in first  # No style sheet of a page is needed.
    write_curve_picture(GOOD, tmp_path)
    assert path.read_bytes() == first


def test_losses_that_span_orders_of_magnitude_have_a_logarithmic_axis() -> None:
    assert "training loss (logarithmic)" in texts(str(draw_curves(record([], [10.0, 1.0, 0.05]))))
    assert "training loss" in texts(str(draw_curves(record([], [10.0, 1.0, 0.2]))))


def test_a_run_without_scores_shows_what_there_is() -> None:
    shown = texts(str(draw_curves(record([], [2.0], metrics={}, status="diverged", reason="nan", best_step=None))))
    assert "gru on copy, small, seed 0: diverged" in shown
    assert not any(text.startswith("validation") for text in shown)


def test_a_run_without_curves_has_no_picture(tmp_path: Path) -> None:
    assert write_curve_picture(record([], []), tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_long_curves_are_thinned_and_keep_their_last_point() -> None:
    steps = list(range(1, 20_001))
    drawing = str(
        draw_curves(complete_record({"curves": {"train": {"step": steps, "loss": [1 / step for step in steps]}}}))
    )
    assert len(drawing) < 12_000
    assert ElementTree.fromstring(drawing) is not None


def test_an_error_is_logged_and_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "seqbench")

    def fail(given: object) -> None:
        raise ZeroDivisionError("not drawn")

    monkeypatch.setattr(curve_picture, "draw_curves", fail)
    assert write_curve_picture(GOOD, tmp_path) is None
    assert "the learning curves could not be drawn (ZeroDivisionError: not drawn)" in caplog.messages


def test_a_folder_that_cannot_be_written_gets_no_picture(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert write_curve_picture(GOOD, tmp_path / "file") is None


def test_drawing_imports_no_plotting_library() -> None:
    code = (
        "import sys, seqbench.running.curve_picture;"
        "print([n for n in ('matplotlib', 'pandas', 'numpy', 'torch') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
