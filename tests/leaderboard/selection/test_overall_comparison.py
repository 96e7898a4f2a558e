from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.leaderboard.board_data import OverallData
from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.stats.interquartile_mean import Estimate
from seqbench.protocol.records import Record
from tests.leaderboard.kit import board_data, example_board, example_record, write_records

ANCHORED = {"copy": None, "parity": None, "music-jsb": {"anchor": 8.0, "anchor_source": "somebody"}}
"""Three tasks, each with a scale."""


def runs(arch: str, **scores: tuple[float, ...]) -> list[Record]:
    """Return one record for each score of each task."""
    return [
        example_record(task.replace("_", "-"), arch, seed, score)
        for task, values in scores.items()
        for seed, score in enumerate(values)
    ]


def overall_data(board: Board, folder: Path) -> OverallData:
    overall = board_data(board, folder).overall
    assert overall is not None
    return overall


def test_rows_that_have_all_tasks_are_compared(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0, 1.0, 1.0), parity=(1.0, 1.0, 1.0), music_jsb=(8.0, 8.0, 8.0))
    records += runs("rnn", copy=(0.125,) * 3, parity=(0.75,) * 3, music_jsb=(9.545,) * 3)
    records += runs("tcn", copy=(1.0, 1.0, 1.0), parity=(0.5, 0.5, 0.5))
    overall = overall_data(example_board(tasks=ANCHORED), write_records(tmp_path, *records))
    assert overall.tasks == ["copy", "parity", "music-jsb"]
    assert [(row.label, row.iqm, row.means) for row in overall.rows] == [
        ("gru", 1.0, [1.0, 1.0, 1.0]),
        ("rnn", pytest.approx(0.4), [0.0, 0.5, pytest.approx(0.5)]),
    ]
    # Equal seeds have an interval of width 0, not nan.
    assert (overall.rows[0].low, overall.rows[0].high) == (1.0, 1.0)
    assert overall.rows[1].first_beats == Estimate(1.0, 1.0, 1.0)
    assert overall.improvement == [[0.5, 1.0], [0.0, 0.5]]
    assert overall.incomplete == {"tcn": "no scores on music-jsb"}


def test_a_task_without_a_scale_is_left_out_with_the_reason(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0,) * 3, parity=(1.0,) * 3, music_jsb=(8.0,) * 3)
    board = example_board(tasks={**ANCHORED, "music-jsb": None, "adding": None})
    overall = overall_data(board, write_records(tmp_path, *records))
    assert overall.tasks == ["copy", "parity"]
    assert overall.left_out == {
        "adding": "no record that counts",
        "music-jsb": "the best possible is unknown, and it has no anchor",
    }


def test_a_task_whose_rows_lack_seeds_is_left_out_with_the_reason(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0,) * 3, parity=(1.0,) * 2, adding=(0.1,) * 3)
    board = example_board(tasks={"copy": None, "parity": None, "adding": None})
    overall = overall_data(board, write_records(tmp_path, *records))
    assert overall.left_out == {"parity": "no row has all its seeds"}


def test_a_board_can_choose_the_tasks(tmp_path: Path) -> None:
    folder = write_records(tmp_path, *runs("gru", copy=(1.0,) * 3, parity=(1.0,) * 3))
    assert overall_data(example_board(tasks=ANCHORED, overall=["copy", "parity"]), folder).rows[0].label == "gru"
    assert board_data(example_board(tasks=ANCHORED, overall=["copy", "music-jsb"]), folder).overall is None
    assert board_data(example_board(tasks={"copy": None}), folder).overall is None


def test_a_diverged_seed_counts_as_chance(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0, 1.0), parity=(1.0, 1.0, 1.0))
    records.append(example_record("copy", seed=2, status="diverged", reason="nan"))
    (row,) = overall_data(example_board(), write_records(tmp_path, *records)).rows
    assert row.means == [pytest.approx(2 / 3), 1.0]
