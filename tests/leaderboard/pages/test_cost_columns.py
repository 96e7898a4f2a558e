"""The columns of costs and provenance."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.data.board_card import COLUMNS
from seqbench.leaderboard.pages import cost_columns
from tests.leaderboard import sample
from tests.leaderboard.kit import change_row, change_rows, task_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


def test_every_column_that_a_card_may_name_has_a_title() -> None:
    assert set(cost_columns.COLUMNS) == {*COLUMNS, *cost_columns.ALWAYS}


def test_costs_have_human_units() -> None:
    assert cost_columns.format_cost("seconds", 126.0) == "2.1 min"
    assert cost_columns.format_cost("parameters", 99_586) == "99,586"
    assert cost_columns.format_cost("parameters", 1e18).endswith("P")
    assert cost_columns.format_cost("device", "a\nprocessor") == "a processor"
    assert cost_columns.format_cost("seconds", None) == ""


def test_a_value_is_shared_only_if_at_least_two_rows_have_it(data: BoardData) -> None:
    task = task_data(data, "copy")
    assert cost_columns.shared_costs(task, ["device", "distribution"]) == {"device": "a processor, 1 thread"}
    one = replace(task, rows=[row for row in task.rows if row.label == "gru"])
    assert cost_columns.shared_costs(one, ["device"]) == {}
    other = change_rows(task, lambda row: replace(row, costs={**row.costs, "device": row.label} if row.costs else {}))
    assert cost_columns.shared_costs(other, ["device"]) == {}


def test_times_of_different_machines_are_said_not_to_be_compared(data: BoardData) -> None:
    task = task_data(data, "copy")
    columns = cost_columns.page_columns(["seconds", "parameters"])
    assert cost_columns.machine_notes(task, columns) == []
    other = change_row(task, "gru", machines=["another processor"])
    assert cost_columns.machine_notes(other, ["parameters"]) == []
    (note,) = cost_columns.machine_notes(other, columns)
    assert "2 different machines" in note
    assert "not compared" in note


def test_speeds_that_count_padding_are_not_compared_with_others(data: BoardData) -> None:
    task = task_data(data, "copy")
    assert cost_columns.machine_notes(task, ["tokens_per_second"]) == ["training tokens/s count padding"]
    (note,) = cost_columns.machine_notes(change_row(task, "gru", counts_padding=False), ["tokens_per_second"])
    assert "not compared" in note
    none = change_rows(task, lambda row: replace(row, counts_padding=False))
    assert cost_columns.machine_notes(none, ["tokens_per_second"]) == []


def test_a_card_cannot_leave_out_load_search_and_attempts() -> None:
    always = ["processor", "load", "search_cost", "search", "attempts"]
    assert cost_columns.page_columns(["seconds"]) == ["seconds", *always]
    assert {column.group for column in cost_columns.COLUMNS.values()} == {"cost", "provenance"}
