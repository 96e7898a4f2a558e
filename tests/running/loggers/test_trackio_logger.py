from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest

from seqbench.running.loggers.run_logger import Ended, LoggedRun
from tests.running.loggers.logged import make_logged

pytest.importorskip("trackio", reason="needs the extra trackio")

pytestmark = (
    pytest.mark.slow
)  # CI installs trackio after the fast tests, because it needs newer libraries than seqbench.


def logged_run(folder: Path) -> LoggedRun:
    return dataclasses.replace(make_logged(folder), run_id=secrets.token_hex(4))


def read(name: str) -> list[dict[str, Any]]:
    from trackio.sqlite_storage import SQLiteStorage

    return list(SQLiteStorage.get_logs("seqbench", name))


def test_rows_summary_and_samples_are_in_the_database(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from seqbench.running.loggers.trackio_logger import TrackioRunLogger

    logged = logged_run(tmp_path)
    (logged.folder / "sample.txt").write_text("one\n")
    matplotlib.image.imsave(logged.folder / "attention.png", np.zeros((4, 4, 3)))
    logger = TrackioRunLogger(logged)
    logger.log_metrics({"train/loss": 2.0}, step=50)
    logger.log_metrics({"train/loss": 1.0}, step=100)
    logger.log_metrics({"validation/accuracy": 0.5}, step=100)
    samples = [logged.folder / "sample.txt", logged.folder / "attention.png"]
    logger.finish(Ended({"status": "ok", "final/test/accuracy": 0.25}, 600, samples))
    rows = read(f"gru-copy-s0-{logged.run_id}")
    assert [(row["step"], row["train/loss"]) for row in rows if "train/loss" in row] == [(50, 2.0), (100, 1.0)]
    assert [row["validation/accuracy"] for row in rows if row["step"] == 100] == [0.5]
    assert rows[-1]["final/test/accuracy"] == 0.25
    assert rows[-1]["status"] == "ok"
    assert {"sample/sample", "sample/attention"} <= set(rows[-1])
    assert "rackio" not in "".join(capfd.readouterr()), "the screen is the run's own"


def test_a_resumed_run_continues_its_run_without_doubled_steps(tmp_path: Path) -> None:
    from trackio.sqlite_storage import SQLiteStorage

    from seqbench.running.loggers.trackio_logger import TrackioRunLogger

    logged = logged_run(tmp_path)
    for steps in ((50, 150), (50, 150, 250)):
        logger = TrackioRunLogger(logged)
        for step in steps:
            logger.log_metrics({"train/loss": float(step)}, step=step)
        logger.finish(Ended({"status": "interrupted"}, steps[-1]))
    rows = read(f"gru-copy-s0-{logged.run_id}")
    assert [row["step"] for row in rows if "train/loss" in row] == [50, 150, 250]
    assert [name for name in SQLiteStorage.get_runs("seqbench") if logged.run_id in str(name)] != []
    assert sum(logged.run_id in str(name) for name in SQLiteStorage.get_runs("seqbench")) == 1
