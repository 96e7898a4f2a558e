"""Charts across tasks."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import overall_charts, series_style
from seqbench.leaderboard.pages.overall_charts import MOST_BANDS
from seqbench.leaderboard.stats import intervals as interval
from seqbench.leaderboard.stats.intervals import Estimate
from seqbench.leaderboard.stats.performance_profiles import Profile
from seqbench.leaderboard.task_data import CardVersion, RowData, TaskData
from seqbench.utils.drawing.chart_parts import CHART_WIDTH
from tests.leaderboard import sample
from tests.leaderboard.chart_kit import check_geometry, parse_drawing, texts
from tests.leaderboard.kit import task_data

THRESHOLDS = [0.0, 0.25, 0.5, 0.75, 0.99]


def sample_row(label: str, rank: int) -> RowData:
    return RowData(label, label, "ranked", "", rank, mean=0.5)


SAMPLE_TASK = TaskData(
    "copy", "copy", "", CardVersion(1, "0"), "accuracy", "max", None, 0.1, 1.0, "", None, "", [], {}, [], [], []
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


def test_the_forest_has_a_row_for_each_label_with_its_interval() -> None:
    forest = str(
        overall_charts.draw_estimates("gap", {"gru": Estimate(0.9, 0.8, 1.0), "a": Estimate(0.5, None, None)}, {})
    )
    assert "<title>gru: 0.9, 95 % interval 0.8 to 1</title>" in forest
    assert forest.count("data-key") == 2
    assert forest.count('class="bar"') == 1


def test_the_groups_of_a_task_are_separated_and_in_the_order_of_their_ranks(data: BoardData) -> None:
    copy = task_data(data, "copy")
    ranked = [row for row in copy.rows if row.rank is not None]
    task = replace(copy, rows=[replace(row, rank=rank) for row, rank in zip(ranked, (1, 1, 3), strict=False)])
    slots = {row.label: k for k, row in enumerate(task.rows)}
    drawing = str(overall_charts.draw_rank_groups([task], slots))
    places = [float(x) for x in re.findall(r"translate\(([\d.]+) ", drawing)]
    (line,) = [float(x) for x in re.findall(r'class="axis" d="M([\d.]+) ', drawing)]
    assert places[0] < places[1] < line < places[2]
    assert re.findall(r'data-key="([^"]+)"', drawing) == [row.label for row in task.rows]


def test_rows_without_a_colour_are_counted_in_their_group(data: BoardData) -> None:
    copy = task_data(data, "copy")
    rows = [replace(copy.rows[0], label=f"net-{k}", rank=1 if k < 50 else 51) for k in range(200)]
    slots = {f"net-{k}": k for k in range(10)}
    chart = parse_drawing(str(overall_charts.draw_rank_groups([replace(copy, rows=rows)], slots)))
    assert "| +40 |" in texts(chart)
    assert "| +150 |" in texts(chart)


def test_groups_without_room_are_counted_at_the_end() -> None:
    rows = [sample_row(f"net-{k}", k + 1) for k in range(200)]
    drawing = str(
        overall_charts.draw_rank_groups([replace(SAMPLE_TASK, rows=rows)], {f"net-{k}": k for k in range(10)})
    )
    shown = drawing.count("data-key")
    assert 5 < shown < 10
    assert f"…+{200 - shown}<" in drawing


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(0, 10))
def test_the_groups_of_any_task_fit_into_the_width(ranks: list[int], coloured: int) -> None:
    rows = [sample_row(f"net-{k}", rank) for k, rank in enumerate(ranks)]
    task = replace(SAMPLE_TASK, rows=rows)
    drawing = str(overall_charts.draw_rank_groups([task], {f"net-{k}": k for k in range(coloured)}))
    places = [float(x) for x in re.findall(r"translate\((-?[\d.]+) ", drawing)]
    places += [float(x) for x in re.findall(r'class="axis" d="M(-?[\d.]+) ', drawing)]
    assert all(0 <= place <= CHART_WIDTH for place in places)


def test_only_the_first_profiles_have_a_band() -> None:
    profile = Profile([1.0, 0.9, 0.5, 0.2, 0.0], [0.9, 0.8, 0.4, 0.1, 0.0], [1.0, 1.0, 0.6, 0.3, 0.1])
    labels = [f"net-{k}" for k in range(20)]
    slots = {label: k for k, label in enumerate(labels[:10])}
    drawing = str(overall_charts.draw_profiles(THRESHOLDS, dict.fromkeys(labels, profile), slots))
    assert drawing.count('class="band"') == MOST_BANDS
    assert drawing.count('class="line"') == 20
    assert "<title>net-0: 0 % of runs above 0.99</title>" in drawing
    check_geometry(parse_drawing(drawing))


def test_profiles_without_intervals_have_no_band() -> None:
    drawing = str(
        overall_charts.draw_profiles(THRESHOLDS, {"gru": Profile([1.0, 1.0, 1.0, 0.5, 0.5], [], [])}, {"gru": 0})
    )
    assert "band" not in drawing


def test_a_row_has_one_style_in_all_charts_across_tasks(data: BoardData) -> None:
    assert data.overall
    slots = series_style.board_slots(data)
    for chart in overall_charts.draw_overall_charts(data.tasks, data.overall, slots):
        for slot, label in re.findall(r'class="series s(\d)" data-key="([^"]+)"', str(chart.drawing)):
            assert slots[label] == int(slot)


def test_means_and_gaps_are_drawn_only_with_an_overall_order(data: BoardData) -> None:
    assert data.overall
    overall = replace(data.overall, rows=[replace(row, iqm=None, gap=None) for row in data.overall.rows])
    assert not any("IQM" in chart.caption for chart in overall_charts.draw_overall_charts(data.tasks, overall, {}))
    gap = interval.Estimate(0.2, 0.1, 0.3)
    ordered = replace(overall, rows=[replace(row, iqm=0.8, gap=gap) for row in overall.rows])
    captions = [chart.caption for chart in overall_charts.draw_overall_charts(data.tasks, ordered, {})]
    assert [caption.split()[0] for caption in captions] == ["Rows", "Performance", "IQM", "Optimality"]
