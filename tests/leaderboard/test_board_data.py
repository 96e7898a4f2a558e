from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqbench.leaderboard.board_data import MISSING, STATES, Curve, RowData, SeedData
from seqbench.leaderboard.data import board_paths
from seqbench.leaderboard.stats.intervals import Interval
from seqbench.utils.plain_data import check_plain
from tests.leaderboard.sample import example_board_data


def test_a_seed_without_a_record_has_no_keys_of_a_record() -> None:
    plain = SeedData(1, MISSING, "no record", None, None).to_plain()
    assert plain == {
        "seed": 1,
        "status": "missing",
        "reason": "no record",
        "value": None,
        "score": None,
        "secondary": {},
    }
    keys = SeedData(0, "ok", "", 0.5, 0.5, record="a.json", checksum="x", verified="").to_plain().keys()
    assert keys - plain.keys() == {"record", "checksum", "verified"}


def test_a_row_without_records_has_only_the_keys_that_identify_it() -> None:
    plain = RowData("gru", "gru", MISSING, "no record that counts").to_plain()
    assert plain == {
        "label": "gru",
        "architecture": "gru",
        "state": "missing",
        "reason": "no record that counts",
        "rank": None,
        "seeds": [],
    }


def test_a_curve_names_its_axis() -> None:
    curve = Curve("length", x=[10, 20], mean=[0.5, 0.75], low=[0.5, 0.5], high=[0.5, 1.0])
    assert curve.to_plain() == {"length": [10, 20], "mean": [0.5, 0.75], "low": [0.5, 0.5], "high": [0.5, 1.0]}


def test_a_row_without_curves_has_empty_ones() -> None:
    seed = SeedData(0, "failed", "x", None, None, record="a.json", checksum="x", verified="")
    row = RowData("gru", "gru", "incomplete", "", seeds=[seed], secondary={"longer": Interval(0.5, None)})
    plain = row.to_plain()
    assert (plain["curve"], plain["lengths"]) == ({}, {})
    assert plain["secondary"] == {"longer": {"mean": 0.5, "half_width": None}}


def test_the_text_is_strict_json_of_the_plain_data(tmp_path: Path) -> None:
    data = example_board_data(tmp_path)
    check_plain(data.to_plain(), "data")
    assert json.loads(data.to_json()) == data.to_plain()
    states = {row.state for task in data.tasks for row in task.rows}
    assert states <= set(STATES)


@pytest.mark.parametrize("name", board_paths.board_names())
def test_committed_boards_have_these_keys(name: str, tmp_path: Path) -> None:
    committed = json.loads((board_paths.boards_folder() / name / "board.json").read_text())
    assert committed.keys() == example_board_data(tmp_path).to_plain().keys()
