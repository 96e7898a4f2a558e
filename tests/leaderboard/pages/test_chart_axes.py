"""The axes of charts and the reference levels on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.task_data import Curve, TaskData
from tests.leaderboard import sample
from tests.leaderboard.chart_kit import (
    chart_as_xml,
    check_geometry,
    texts,
    tick_labels,
    vertical_ticks,
    with_equal_scores,
    with_one_other_seed,
)
from tests.leaderboard.kit import change_row, change_rows, task_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


@pytest.fixture
def copy(data: BoardData) -> TaskData:
    return task_data(data, "copy")


@pytest.fixture
def music(data: BoardData) -> TaskData:
    return task_data(data, "music-jsb")


def test_chance_best_possible_and_published_figures_are_levels(copy: TaskData, music: TaskData) -> None:
    assert "chance 0.125" in texts(chart_as_xml(copy, "training steps"))
    assert "best possible 1" in texts(chart_as_xml(copy, "training steps"))
    assert "anchor 8.1" in texts(chart_as_xml(music, "against duration"))
    assert "published lstm 8.45" in texts(chart_as_xml(music, "against duration"))


def test_a_level_outside_the_axis_is_named_at_its_edge(copy: TaskData) -> None:
    assert "↓ chance -5" in texts(chart_as_xml(replace(copy, chance=-5.0), "training steps"))


def test_equal_scores_are_shown_between_chance_and_the_best_possible(copy: TaskData) -> None:
    chart = chart_as_xml(with_equal_scores(copy, 1.0), "against duration")
    assert vertical_ticks(chart) == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert "| chance 0.125 |" in texts(chart)
    nearly_equal = with_one_other_seed(with_equal_scores(copy, 1.0), 0.9999)
    assert min(vertical_ticks(chart_as_xml(nearly_equal, "against duration"))) == 0.2


@pytest.mark.parametrize(
    ("name", "best", "scores"),
    [
        ("copy", 0.97, (0.5, 0.96)),
        ("copy", 1.0, (0.999, 1.0)),
        ("music-jsb", 7.9, (8.0, 9.0)),
        ("copy", 1.0, (1.0, 1.0)),
    ],
)
def test_no_tick_is_better_than_the_best_possible(
    data: BoardData, name: str, best: float, scores: tuple[float, float]
) -> None:
    original = task_data(data, name)
    for chance in (original.chance, None):
        changed = replace(original, best=best, anchor=None, chance=chance)
        task = with_one_other_seed(with_equal_scores(changed, scores[0]), scores[1])
        ticks = vertical_ticks(chart_as_xml(task, "against duration"))
        assert len(ticks) > 1
        assert max(ticks) <= best if task.direction == "max" else min(ticks) >= best


@pytest.mark.parametrize(("low", "text"), [(0.4, "| chance 0.125 |"), (0.9, "| ↓ chance 0.125 |")])
def test_the_axis_includes_chance_only_if_it_is_near_the_scores(copy: TaskData, low: float, text: str) -> None:
    task = with_one_other_seed(with_equal_scores(copy, 1.0), low)
    assert text in texts(chart_as_xml(task, "against duration"))


def test_one_very_large_loss_does_not_flatten_the_chart(music: TaskData) -> None:
    row = music.rows[0]
    assert row.curve
    losses = [1e80, *row.curve.mean[1:]]
    changed = change_row(music, row.label, curve=replace(row.curve, mean=losses, low=losses, high=losses))
    labels = tick_labels(chart_as_xml(changed, "training steps"))
    assert not any("e+" in label for label in labels), labels


def test_losses_of_many_magnitudes_have_a_logarithmic_axis(music: TaskData) -> None:
    task = replace(music, chance=0.17, best=0.0, anchor=None, published=[])
    for k, row in enumerate(row for row in music.rows if row.seeds):
        losses = [0.1, 10.0**-k]
        task = change_row(task, row.label, curve=Curve("step", [1, 2], losses, losses, losses))
    assert "| 0.001 |" in texts(chart_as_xml(task, "training steps"))


def test_the_interval_of_a_diverged_seed_does_not_stretch_the_axis(copy: TaskData) -> None:
    assert not any(label.startswith("-") for label in tick_labels(chart_as_xml(copy, "against duration")))


def test_scores_close_to_the_best_possible_are_told_apart_by_their_distance_to_it(copy: TaskData) -> None:
    for k, score in enumerate((0.9999, 0.999, 0.95)):
        row = [row for row in copy.rows if row.seeds][k]
        copy = change_row(copy, row.label, mean=score, seeds=[replace(seed, value=score) for seed in row.seeds])
    chart = chart_as_xml(copy, "against duration")
    assert {0.9, 0.99, 0.999, 1.0} <= set(vertical_ticks(chart))
    assert "accuracy ↑, log of the distance to 1" in texts(chart)


def test_scores_that_are_equal_to_the_best_possible_need_no_such_axis(copy: TaskData) -> None:
    assert "log of the distance" not in texts(chart_as_xml(with_equal_scores(copy, 1.0), "against duration"))
    assert "accuracy ↑" in texts(chart_as_xml(copy, "against duration"))


def test_error_bars_widen_the_axis_up_to_half_the_range_of_the_seeds(copy: TaskData) -> None:
    task = change_rows(copy, lambda row: replace(row, half_width=0.05 if row.mean is not None else None))
    check_geometry(chart_as_xml(task, "against duration"))
    wide = change_rows(copy, lambda row: replace(row, half_width=50.0 if row.mean is not None else None))
    assert min(vertical_ticks(chart_as_xml(wide, "against duration"))) > -1
