from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from seqbench.running.loggers.run_logger import Ended, RunLogger
from tests.running.loggers.logged import make_logged


class ListLogger(RunLogger):
    """Keeps the rows in a list."""

    key = "wandb"
    closed: Ended | None = None

    @property
    def state(self) -> str:
        return "in memory"

    @property
    def rows(self) -> list[tuple[int, dict[str, float]]]:
        return self.__dict__.setdefault("kept", [])

    def store_row(self, row: Mapping[str, float], step: int) -> None:
        self.rows.append((step, dict(row)))

    def close(self, ended: Ended) -> None:
        self.closed = ended


def test_loss_and_validation_of_a_step_are_one_row(tmp_path: Path) -> None:
    logger = ListLogger(make_logged(tmp_path))
    logger.log_metrics({"train/loss": 2.0}, step=100)
    assert logger.rows == []
    logger.log_metrics({"validation/accuracy": 0.5}, step=100)
    assert logger.rows == [(100, {"train/loss": 2.0, "validation/accuracy": 0.5})]


def test_a_loss_between_validations_is_stored_at_once(tmp_path: Path) -> None:
    logger = ListLogger(make_logged(tmp_path))
    logger.log_metrics({"train/loss": 2.0}, step=50)
    assert logger.rows == [(50, {"train/loss": 2.0})]


def test_a_resumed_logger_leaves_out_the_steps_that_it_has_stored(tmp_path: Path) -> None:
    first = ListLogger(make_logged(tmp_path))
    for step in (50, 150):
        first.log_metrics({"train/loss": 2.0}, step=step)
    second = ListLogger(make_logged(tmp_path))
    for step in (50, 150, 250):
        second.log_metrics({"train/loss": 2.0}, step=step)
    assert [step for step, _ in second.rows] == [250]


def test_test_scores_are_stored_at_any_step(tmp_path: Path) -> None:
    first = ListLogger(make_logged(tmp_path))
    first.log_metrics({"train/loss": 2.0, "validation/accuracy": 0.5}, step=100)
    second = ListLogger(make_logged(tmp_path))
    second.log_metrics({"test/accuracy": 0.4}, step=100)
    assert second.rows == [(100, {"test/accuracy": 0.4})]


@pytest.mark.parametrize(("status", "steps"), [("interrupted", []), ("failed", [100]), ("ok", [100])])
def test_an_interrupted_validation_is_left_to_the_resumed_run(tmp_path: Path, status: str, steps: list[int]) -> None:
    logger = ListLogger(make_logged(tmp_path))
    logger.log_metrics({"train/loss": 2.0}, step=100)
    logger.finish(Ended({"status": status}))
    assert [step for step, _ in logger.rows] == steps
    assert logger.closed is not None
    again = ListLogger(make_logged(tmp_path))
    assert again.logged_until == (100 if steps else 0)


def test_a_summary_has_its_numbers_as_scores() -> None:
    assert Ended({"status": "ok", "final/test/accuracy": 0.5, "final/test/loss": None}).scores() == {
        "final/test/accuracy": 0.5
    }
