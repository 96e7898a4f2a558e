"""The result of a board in sentences: who is first, and never more than the tests of the board show."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData, OverallData, OverallRow
from seqbench.leaderboard.pages.overview.result_sentence import result_sentences
from seqbench.leaderboard.stats.interquartile_mean import Estimate
from seqbench.leaderboard.task_data import RowData
from tests.leaderboard import kit, sample


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return replace(sample.example_board_data(tmp_path_factory.mktemp("records")), published=[])


def board_with_ranks(data: BoardData, ranks: Mapping[str, Sequence[int | None]], seeds: int = 3) -> BoardData:
    """Return a board of tasks whose rows have given ranks; rows are named a, b, c and so on, best first."""

    def row(place: int, rank: int | None) -> RowData:
        label = chr(ord("a") + place)
        return RowData(label, label, "ranked", "", rank, 0.9 - place / 10, 0.01, above_chance=True)

    tasks = [
        replace(data.tasks[0], task=name, rows=[row(place, rank) for place, rank in enumerate(values)])
        for name, values in ranks.items()
    ]
    return replace(data, tasks=tasks, overall=None, board=replace(data.board, seeds=seeds))


def result(data: BoardData) -> str:
    return " ".join(result_sentences(data))


def test_a_board_without_records_has_no_result(tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = kit.board_data(kit.example_board(), tmp_path_factory.mktemp("empty"))
    assert result(empty) == "No record counts yet, so this board has no result."


def test_with_one_seed_nobody_wins(data: BoardData) -> None:
    text = result(board_with_ranks(data, {"copy": [None, None]}, seeds=1))
    assert text == "Each row has one seed, so no difference between architectures is tested and no winner is named."


def test_the_first_of_one_task_is_named_with_its_distance_to_the_next(data: BoardData) -> None:
    text = result(board_with_ranks(data, {"copy": [1, 2, 2]}))
    assert text.startswith("First alone: a on copy (accuracy 0.9000, next b 0.8000).")


def test_rows_that_share_first_place_are_named_together(data: BoardData) -> None:
    text = result(board_with_ranks(data, {"copy": [1, 1, 3]}))
    assert text.startswith("On copy, a and b share first place: no difference between them is significant.")


@pytest.mark.parametrize(("tasks", "where"), [(["copy"], "copy"), (["copy", "parity"], "any task")])
def test_a_board_on_which_all_are_tied_has_no_winner(data: BoardData, tasks: list[str], where: str) -> None:
    text = result(board_with_ranks(data, {task: [1, 1, 1] for task in tasks}))
    assert text.startswith(f"No difference between architectures is significant on {where}.")
    assert "first" not in text.lower()


def test_fewer_than_ten_tasks_have_no_overall_winner(data: BoardData) -> None:
    text = result(board_with_ranks(data, {"x": [1, 2, 3], "y": [1, 1, 3], "z": [1, 1, 1]}))
    assert text.startswith("No overall winner: an order over tasks needs 10 tasks.")
    assert "Most often in the first group is a, on 2 of the 2 tasks that separate architectures." in text
    assert "First alone: a on x (accuracy 0.9000, next b 0.8000)." in text


def test_several_leaders_are_all_named(data: BoardData) -> None:
    text = result(board_with_ranks(data, {"x": [1, 1, 3], "y": [1, 1, 3]}))
    assert "Most often in the first group are a and b, on 2 of the 2 tasks" in text
    assert "No architecture is first alone on any task." in text


def test_the_power_of_the_seeds_is_said(data: BoardData) -> None:
    text = result(data)
    assert re.search(
        r"With 3 seeds, a difference of \d\.\d( to \d\.\d)? standard deviations of the seeds is seen", text
    )
    assert text.count("80 %") == 1
    without = replace(data, tasks=[replace(task, test=None) for task in data.tasks])
    assert "80 %" not in result(without)


def test_a_board_at_chance_says_so(data: BoardData) -> None:
    board = board_with_ranks(data, {"copy": [1, 1]})
    at_chance = kit.change_rows(board.tasks[0], lambda row: replace(row, above_chance=False))
    assert "No architecture is clearly above chance on copy." in result(replace(board, tasks=[at_chance]))


def test_a_task_with_one_ranked_row_compares_nothing(data: BoardData) -> None:
    text = result(board_with_ranks(data, {"copy": [1, None]}))
    assert text.startswith("No task has two architectures with all their seeds, so nothing is compared yet.")


def test_ten_tasks_have_a_first_row_and_rows_that_cannot_be_told_apart(data: BoardData) -> None:
    board = board_with_ranks(data, {f"t{k}": [1, 2, 3] for k in range(10)})
    beats = [None, Estimate(0.6, 0.4, 0.8), Estimate(0.9, 0.8, 1.0)]
    rows = [
        OverallRow(label, 0.9 - k / 10, 0.85 - k / 10, 0.95 - k / 10, [], beats[k]) for k, label in enumerate("abc")
    ]
    overall = OverallData([task.task for task in board.tasks], {}, rows, [], {}, ordered=True)
    text = result(replace(board, overall=overall))
    assert text.startswith(
        "Over 10 tasks, a is first with an interquartile mean of 0.900 (0.850 to 0.950); b cannot be"
    )


def test_published_figures_are_counted_by_verdict(tmp_path_factory: pytest.TempPathFactory) -> None:
    board = sample.example_board_data(tmp_path_factory.mktemp("published"))
    none = replace(board, published=[replace(cell, ours=None) for cell in board.published])
    assert result_sentences(none)[-1] == "None of 3 published figures has a figure of ours yet."
    one = replace(board, published=[replace(board.published[0], ours=0.9, verdict="agrees: x"), *none.published[1:]])
    assert result_sentences(one)[-1] == "Of 3 published figures, 1 has one of ours: 1 agrees."


def test_names_of_records_stay_on_one_line(data: BoardData) -> None:
    board = board_with_ranks(data, {"copy\n\n# x": [1, 2]})
    assert "\n" not in result(board)
