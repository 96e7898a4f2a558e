"""The styles of series, and the small drawings in tables."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import series_style
from seqbench.leaderboard.task_data import TaskData
from tests.leaderboard import sample
from tests.leaderboard.kit import change_row, task_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


def test_a_row_has_one_slot_in_all_tasks_and_slots_do_not_repeat_within_one(data: BoardData) -> None:
    row = data.tasks[0].rows[0]

    def task(name: str, labels: list[str]) -> TaskData:
        return replace(data.tasks[0], task=name, rows=[replace(row, label=label) for label in labels])

    names = [f"n{k}" for k in range(14)]
    tasks = [task("a", names), task("b", names[4:]), task("c", names[:3][::-1])]
    by_task = series_style.assign_slots(replace(data, overall=None, tasks=tasks))
    assert by_task["a"]["n5"] == by_task["b"]["n5"]
    assert by_task["a"]["n1"] == by_task["c"]["n1"]
    for slots in by_task.values():
        assert len(set(slots.values())) == len(slots) <= 10


def test_the_rows_of_the_comparison_across_tasks_have_the_first_slots(data: BoardData) -> None:
    assert data.overall
    labels = [row.label for row in data.overall.rows]
    slots = series_style.assign_slots(data)["copy"]
    assert [slots[label] for label in labels] == list(range(len(labels)))


@pytest.mark.parametrize("name", ["copy", "music-jsb"])
def test_better_scores_lie_further_right_on_a_strip(data: BoardData, name: str) -> None:
    task = task_data(data, name)
    axis = series_style.strip_axis(task)
    assert axis is not None
    strips = {row.label: series_style.draw_strip(task, row, axis, 0) for row in series_style.rows_with_scores(task)}
    places = {label: float(re.findall(r'cx="([\d.]+)"', strip)[0]) for label, strip in strips.items()}
    assert places["transformer"] > places["gru"] > places["rnn"]


def test_an_interval_does_not_leave_its_strip(data: BoardData) -> None:
    task = change_row(task_data(data, "copy"), "gru", half_width=100.0)
    axis = series_style.strip_axis(task)
    assert axis is not None
    row = next(row for row in task.rows if row.label == "gru")
    assert 'class="bar" d="M0 8H120"' in series_style.draw_strip(task, row, axis, None)


def test_a_task_without_scores_has_no_strips(data: BoardData) -> None:
    task = task_data(data, "copy")
    assert series_style.strip_axis(replace(task, rows=[row for row in task.rows if not row.seeds])) is None


def test_the_anchor_counts_as_1_where_the_best_possible_is_unknown(data: BoardData) -> None:
    assert series_style.full_score(task_data(data, "copy")) == 1.0
    assert series_style.full_score(task_data(data, "music-jsb")) == 8.1


def test_the_rows_that_are_best_over_the_board_have_one_style_in_every_task(data: BoardData) -> None:
    fixed = series_style.board_slots(data)
    for slots in series_style.assign_slots(data).values():
        assert all(slot == fixed[label] for label, slot in slots.items() if label in fixed)


def test_the_legend_has_the_order_of_the_table(data: BoardData) -> None:
    slots = series_style.assign_slots(data)
    for task in data.tasks:
        labels = [label for label, _ in series_style.draw_legend(slots[task.task])]
        assert labels == [row.label for row in series_style.rows_with_scores(task)][:10]


def test_the_legend_has_a_sample_of_each_style() -> None:
    (label, sample_drawing), (_, other) = series_style.draw_legend({"gru": 0, "lstm": 1})
    assert label == "gru"
    assert 'class="series s0"' in sample_drawing
    assert "stroke-dasharray" not in sample_drawing
    assert 'stroke-dasharray="6 2"' in other
