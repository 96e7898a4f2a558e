"""The rows that are first on a task."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages.overview import first_groups
from tests.leaderboard import kit, sample
from tests.leaderboard.kit import task_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


def test_the_first_group_holds_the_rows_of_rank_one(data: BoardData) -> None:
    task = task_data(data, "copy")
    first = [row.label for row in task.rows if row.rank == 1]
    assert first_groups.first_group(task) == first
    assert first[0] == "transformer"


def test_a_task_on_which_all_rows_share_rank_one_has_no_first_group(data: BoardData) -> None:
    task = kit.change_rows(task_data(data, "copy"), lambda row: replace(row, rank=row.rank and 1))
    assert first_groups.first_group(task) == []


def test_a_single_ranked_row_is_not_first(data: BoardData) -> None:
    task = task_data(data, "copy")
    assert first_groups.first_group(replace(task, rows=task.rows[:1])) == []
    assert first_groups.first_group(replace(task, rows=[])) == []


def test_a_row_at_chance_is_not_in_the_first_group(data: BoardData) -> None:
    task = kit.change_row(task_data(data, "copy"), "transformer", above_chance=False)
    assert "transformer" not in first_groups.first_group(task)


def test_a_task_is_at_chance_if_no_row_is_clearly_above_it(data: BoardData) -> None:
    task = task_data(data, "copy")
    assert not first_groups.is_at_chance(task)
    assert first_groups.is_at_chance(kit.change_rows(task, lambda row: replace(row, above_chance=False)))
    assert not first_groups.is_at_chance(kit.change_rows(task, lambda row: replace(row, above_chance=None)))
    assert not first_groups.is_at_chance(replace(task, rows=[]))


def test_long_lists_are_cut_and_counted() -> None:
    assert first_groups.name_list([]) == ""
    assert first_groups.name_list(["gru"]) == "gru"
    assert first_groups.name_list(list("abcdef")) == "a, b, c, d and 2 more"
