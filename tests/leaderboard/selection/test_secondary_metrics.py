from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.task_data import SecondaryMetric
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import (
    board_data,
    example_board,
    example_record,
    example_task_data,
    row_data,
    write_records,
)


def board_with(*names: str) -> Board:
    """Return a board that shows these secondary metrics."""
    return example_board(tasks={"copy": {"secondary": list(names)}})


def records_with(*scores: float, **changed: Any) -> list[Record]:
    """Return one record for each score in the secondary metric ``longer``."""
    return [example_record(seed=seed, secondary={"longer": score}, **changed) for seed, score in enumerate(scores)]


def test_a_row_has_the_mean_and_interval_of_each_secondary_metric(tmp_path: Path) -> None:
    task = example_task_data(board_with("longer"), write_records(tmp_path, *records_with(0.5, 0.6, 0.4)))
    row = row_data(task, "gru")
    assert task.secondary == [SecondaryMetric("longer", 0.0, 1.0)]
    assert row.secondary["longer"].mean == pytest.approx(0.5)
    half_width = 4.302653 * statistics.stdev((0.5, 0.6, 0.4)) / 3**0.5
    assert row.secondary["longer"].half_width == pytest.approx(half_width, rel=1e-6)
    assert [seed.secondary["longer"] for seed in row.seeds] == [0.5, 0.6, 0.4]


def test_a_secondary_metric_has_no_effect_on_ranks(tmp_path: Path) -> None:
    write_records(tmp_path, *records_with(1.0, 0.99, 1.0), *records_with(0.0, 0.01, 0.0, arch="tcn"))
    task = example_task_data(board_with("longer"), tmp_path)
    assert {row.rank for row in task.rows} == {1}
    assert row_data(task, "gru").secondary["longer"].mean > row_data(task, "tcn").secondary["longer"].mean


def test_a_diverged_seed_counts_as_chance(tmp_path: Path) -> None:
    diverged = example_record(seed=2, status="diverged", reason="nan at step 9")
    write_records(tmp_path, *records_with(0.9, 0.6), diverged)
    row = row_data(example_task_data(board_with("longer"), tmp_path), "gru")
    assert row.secondary["longer"].mean == pytest.approx((0.9 + 0.6 + 0.0) / 3)


def test_a_missing_seed_is_left_out_of_the_mean(tmp_path: Path) -> None:
    write_records(tmp_path, *records_with(0.9, 0.6))
    row = row_data(example_task_data(board_with("longer"), tmp_path), "gru")
    assert row.state == "incomplete"
    assert row.secondary["longer"].mean == pytest.approx(0.75)
    assert row.seeds[2].secondary == {}


def test_a_row_in_which_a_seed_lacks_the_metric_has_no_mean(tmp_path: Path) -> None:
    write_records(tmp_path, *records_with(0.9, 0.6), example_record(seed=2))
    row = row_data(example_task_data(board_with("longer"), tmp_path), "gru")
    assert (row.secondary, row.rank) == ({}, 1)


def test_a_metric_that_no_record_has_is_a_problem(tmp_path: Path) -> None:
    board = board_with("lnger", "longer")
    data = board_data(board, write_records(tmp_path / "three", *records_with(0.9, 0.6, 0.7)))
    assert data.problems == ["copy: no record has its secondary metric 'lnger'. Did you mean 'longer'?"]
    assert [metric.metric for metric in data.tasks[0].secondary] == ["longer"]
    # Without records it is unknown which metrics a record has.
    (tmp_path / "none").mkdir()
    assert board_data(board_with("lnger"), tmp_path / "none").problems == []


def test_secondary_metrics_of_a_card_must_be_a_list() -> None:
    with pytest.raises(SeqbenchError, match=r"tasks\.copy\.secondary must be a list"):
        example_board(tasks={"copy": {"secondary": "longer"}})
