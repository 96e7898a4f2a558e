from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.stats.aggregate import Estimate
from tests.leaderboard import kit
from tests.leaderboard.kit import board_data, example_record, write_records

ANCHORED = {"copy": None, "parity": None, "music-jsb": {"anchor": 8.0, "anchor_source": "somebody"}}


def runs(arch: str, **values: tuple[float, ...]) -> list[Any]:
    return [
        example_record(task.replace("_", "-"), arch, seed, value)
        for task, each in values.items()
        for seed, value in enumerate(each)
    ]


def test_rows_are_compared_over_the_tasks_that_they_all_have(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0, 1.0, 1.0), parity=(1.0, 1.0, 1.0), music_jsb=(8.0, 8.0, 8.0))
    records += runs("rnn", copy=(0.125,) * 3, parity=(0.75,) * 3, music_jsb=(9.545,) * 3)
    records += runs("tcn", copy=(1.0, 1.0, 1.0), parity=(0.5, 0.5, 0.5))
    overall = board_data(kit.example_board(tasks=ANCHORED), write_records(tmp_path, *records)).overall
    assert overall.tasks == ["copy", "parity", "music-jsb"]
    assert [(row.label, row.iqm, row.means) for row in overall.rows] == [
        ("gru", 1.0, [1.0, 1.0, 1.0]),
        ("rnn", pytest.approx(0.4), [0.0, 0.5, pytest.approx(0.5)]),
    ]
    # Identical seeds have an interval of no width, and not of nan.
    assert (overall.rows[0].low, overall.rows[0].high) == (1.0, 1.0)
    assert overall.rows[1].first_beats == Estimate(1.0, 1.0, 1.0)
    assert overall.improvement == [[0.5, 1.0], [0.0, 0.5]]
    assert overall.incomplete == {"tcn": "no place without music-jsb"}


def test_a_task_without_a_scale_is_left_out_by_name(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0,) * 3, parity=(1.0,) * 3, music_jsb=(8.0,) * 3)
    board = kit.example_board(tasks={**ANCHORED, "music-jsb": None, "adding": None})
    overall = board_data(board, write_records(tmp_path, *records)).overall
    assert overall.tasks == ["copy", "parity"]
    assert overall.left_out == {
        "adding": "no record that counts",
        "music-jsb": "the best possible is unknown, and it has no anchor",
    }


def test_a_task_whose_rows_lack_seeds_is_left_out_as_that(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0,) * 3, parity=(1.0,) * 2, adding=(0.1,) * 3)
    overall = board_data(
        kit.example_board(tasks={"copy": None, "parity": None, "adding": None}), write_records(tmp_path, *records)
    ).overall
    assert overall.left_out == {"parity": "no row has all its seeds"}


def test_a_board_says_which_tasks_make_the_whole(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0,) * 3, parity=(1.0,) * 3)
    folder = write_records(tmp_path, *records)
    assert (
        board_data(kit.example_board(tasks=ANCHORED, overall=["copy", "parity"]), folder).overall.rows[0].label == "gru"
    )
    assert board_data(kit.example_board(tasks=ANCHORED, overall=["copy", "music-jsb"]), folder).overall is None
    assert board_data(kit.example_board(tasks={"copy": None}), folder).overall is None


def test_a_cell_with_a_diverged_seed_takes_part_at_chance(tmp_path: Path) -> None:
    records = runs("gru", copy=(1.0, 1.0), parity=(1.0, 1.0, 1.0))
    records.append(example_record("copy", seed=2, status="diverged", reason="nan"))
    (row,) = board_data(kit.example_board(), write_records(tmp_path, *records)).overall.rows
    assert row.means == [pytest.approx(2 / 3), 1.0]
