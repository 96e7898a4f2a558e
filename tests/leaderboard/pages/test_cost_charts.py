"""Charts of scores against costs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import charts, cost_charts
from seqbench.leaderboard.pages.cost_charts import Cost
from seqbench.leaderboard.task_data import RowData, TaskData
from tests.leaderboard import sample
from tests.leaderboard.chart_kit import (
    SVG,
    captions,
    chart_as_xml,
    marks,
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


def test_models_of_equal_size_have_no_chart_over_parameters(data: BoardData, copy: TaskData) -> None:
    assert charts.sizes_are_equal(copy)
    assert "against parameters" not in captions(copy)
    parity = task_data(data, "parity")
    assert not charts.sizes_are_equal(parity)
    assert "against parameters" in captions(parity)


def test_a_chart_has_a_label_and_each_mark_a_title(copy: TaskData) -> None:
    chart = chart_as_xml(copy, "against peak memory")
    assert chart.get("role") == "img"
    assert chart.get("aria-label") == "Test accuracy against peak memory"
    titles = [title.text or "" for title in chart.iter(f"{SVG}title")]
    assert any(re.fullmatch(r"gru: 0\.9\d+ ± 0\.\d+ at \d+ MiB", title) for title in titles), titles


def row(label: str, rank: int | None) -> RowData:
    return RowData(label, label, "ranked", "", rank)


def cost(median: float, spread: float = 1.0) -> Cost:
    return Cost(median, median / spread, median * spread)


def test_the_front_holds_the_cheapest_row_of_each_rank_that_is_cheaper_than_all_better_ones() -> None:
    rows = [row("a", 1), row("b", 1), row("c", 3), row("d", 4), row("e", 5)]
    costs = {"a": cost(100), "b": cost(80), "c": cost(90), "d": cost(40), "e": cost(10)}
    assert [one.label for one in cost_charts.front_rows(rows, costs, 1.0)] == ["e", "d", "b"]


def test_a_difference_within_five_percent_or_within_the_spread_of_seeds_is_no_advantage() -> None:
    assert not cost_charts.is_cheaper(cost(96), cost(100), 1.0)
    assert cost_charts.is_cheaper(cost(94), cost(100), 1.0)
    assert not cost_charts.is_cheaper(cost(94), cost(100), 1.3)
    assert not cost_charts.is_cheaper(cost(50, 1.5), cost(100, 1.5), 1.3)
    assert cost_charts.is_cheaper(cost(50, 1.2), cost(100, 1.2), 1.3)


def fronts(task: TaskData, text: str = "against duration") -> int:
    return sum(path.get("class") == "front" for path in chart_as_xml(task, text).iter(f"{SVG}path"))


def timed(task: TaskData, spread: float) -> TaskData:
    """Return the task with times of 1, 2, 4, ... minutes from the worst rank to the best, with a spread over seeds."""
    ranked = [row.label for row in task.rows if row.rank is not None]

    def change(row: RowData) -> RowData:
        seconds = 60.0 * 2 ** -ranked.index(row.label) * 2 ** len(ranked) if row.label in ranked else 1e5
        ends = seconds / spread, seconds * spread
        rank = ranked.index(row.label) + 1 if row.label in ranked else None
        return replace(row, rank=rank, costs={**row.costs, "seconds": seconds}, cost_ranges={"seconds": ends})

    return change_rows(task, change)


def test_no_front_is_drawn_over_times_that_differ_less_than_the_seeds_of_a_row(copy: TaskData) -> None:
    task = timed(copy, 1.2)
    ranked = sum(row.rank is not None for row in task.rows)
    assert fronts(task) == ranked - 1 > 1
    noisy = timed(copy, 1.5)
    assert fronts(noisy) == 0
    assert "no Pareto front: no rank is cheaper than all better ones by more than the spread over seeds" in captions(
        noisy
    )


def test_no_front_is_drawn_over_times_of_different_machines(copy: TaskData) -> None:
    task = change_row(timed(copy, 1.2), "gru", machines=["another"])
    assert fronts(task) == 0
    assert "no Pareto front: the rows come from different machines" in captions(task)


def test_operations_have_a_front_whatever_the_machines(copy: TaskData) -> None:
    ranked = [row.label for row in copy.rows if row.rank is not None]
    task = change_rows(
        timed(copy, 1.2),
        lambda row: replace(row, costs={**row.costs, "flops_per_token": row.costs.get("seconds", 1.0)}),
    )
    task = change_row(task, ranked[0], machines=["another"])
    assert fronts(task, "against FLOPs") == len(ranked) - 1


def test_only_ranked_rows_are_on_a_front(copy: TaskData) -> None:
    assert fronts(change_rows(timed(copy, 1.2), lambda row: replace(row, state="incomplete"))) == 0


def test_times_have_a_bar_from_the_lowest_to_the_highest_seed(copy: TaskData) -> None:
    bars = [
        len([child for child in group if child.get("class") == "bar"])
        for group in marks(chart_as_xml(timed(copy, 1.2), "against duration"))
    ]
    assert set(bars) == {2}


def test_the_first_chart_against_a_cost_does_not_depend_on_the_machine(copy: TaskData) -> None:
    task = change_row(copy, "gru", costs={"flops_per_token": 5e5, "seconds": 9.0})
    first = next(chart.caption for chart in charts.task_charts(task, {}) if "against" in chart.caption)
    assert "against FLOPs per token" in first


@pytest.mark.parametrize(("name", "transformer_is_higher"), [("copy", True), ("music-jsb", False)])
def test_higher_values_are_drawn_higher(data: BoardData, name: str, transformer_is_higher: bool) -> None:
    heights = {}
    for group in marks(chart_as_xml(task_data(data, name), "against duration")):
        mark = next(child for child in group if child.get("class") == "mark")
        heights[group.get("data-key")] = float(re.findall(r"[\d.]+", mark.get("transform", ""))[1])
    assert (heights["transformer"] < heights["rnn"]) is transformer_is_higher
