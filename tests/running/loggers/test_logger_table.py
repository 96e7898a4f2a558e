from __future__ import annotations

import contextlib
import importlib.util
import logging
from pathlib import Path
from typing import Any

import pytest
import torch

import seqbench
from seqbench.models.module import SequenceModule
from seqbench.protocol.choices import LOGGERS
from seqbench.running.loggers import logger_table
from seqbench.running.loggers.run_logger import Ended, RunLogger
from seqbench.utils.errors import NotAtHand
from tests.running.loggers.logged import make_logged


def test_every_name_is_in_the_table_or_needs_no_logger() -> None:
    assert {*logger_table.TABLE, "csv", "none"} == set(LOGGERS)


def test_a_missing_library_is_named_with_its_extra_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "trackio" else found(name))
    with pytest.raises(NotAtHand, match=r"needs the library trackio, .*pip install 'seqbench\[trackio\]'"):
        seqbench.run("gru", "copy", tier="smoke", logger="csv,trackio", runs=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_logger_that_cannot_start_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken = logger_table.LoggerEntry("Broken", "seqbench.running.loggers.run_logger:Missing", "torch")
    monkeypatch.setitem(dict(logger_table.TABLE), "wandb", broken)
    monkeypatch.setattr(logger_table, "TABLE", {"wandb": broken})
    caplog.set_level(logging.INFO, "seqbench")
    assert logger_table.start_loggers(make_logged(tmp_path)) == []
    assert "Broken could not be started" in caplog.text


def test_an_error_at_the_end_is_a_message(caplog: pytest.LogCaptureFixture) -> None:
    class Breaks:
        key = "trackio"

        def finish(self, ended: Ended) -> None:
            raise OSError("disk full")

    caplog.set_level(logging.INFO, "seqbench")
    broken: Any = Breaks()
    logger: RunLogger = broken
    assert logger_table.finish_logger(logger, Ended({})) is None
    assert "trackio could not store the results (disk full); the record is complete" in caplog.messages


@pytest.mark.slow
@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("tensorboard", "trackio")),
    reason="needs the extras tensorboard and trackio",
)
def test_several_loggers_get_the_curve_of_a_resumed_run_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.running.loggers.test_tensorboard_logger import read as read_events
    from tests.running.loggers.test_trackio_logger import read as read_rows

    given: dict[str, Any] = {
        "tier": "smoke",
        "optim": {"steps": 120, "validate_every": 40},
        "trainer": {"threads": 1},
        "logger": "tensorboard,trackio",
        "runs": tmp_path,
    }
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        step = SequenceModule.training_step

        def stop_at_90(module: SequenceModule, batch: Any, index: int) -> torch.Tensor:
            if module.trainer.global_step == 90:
                raise KeyboardInterrupt
            return step(module, batch, index)

        patch.setattr(SequenceModule, "training_step", stop_at_90)
        seqbench.run("gru", "copy", **given)
    finished = seqbench.run("gru", "copy", **given, existing="resume")
    curves = finished.record.results.curves
    run_id = (finished.folder / "wandb-id").read_text().strip()
    rows = read_rows(f"gru-copy-s0-{run_id}")
    events = read_events(finished.folder / "tensorboard")
    for split, name in (("train", "loss"), ("validation", "accuracy")):
        curve = dict(zip(getattr(curves, split)["step"], getattr(curves, split)[name], strict=True))
        key = f"{split}/{name}"
        assert [(row["step"], row[key]) for row in rows if key in row] == list(curve.items())
        assert [point.step for point in events.Scalars(key)] == list(curve)
        assert [point.value for point in events.Scalars(key)] == pytest.approx(list(curve.values()))
    final = finished.record.results.metrics["test"]["accuracy"].value
    assert rows[-1]["final/test/accuracy"] == final
    assert "tensorboard --logdir" in " ".join(finished.hints)
