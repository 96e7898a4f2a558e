"""The overview of a board: architectures by tasks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData, OverallData, OverallRow
from seqbench.leaderboard.data.checked_records import VerificationState
from seqbench.leaderboard.pages.overview import overview_table
from seqbench.leaderboard.pages.overview.overview_table import Overview, OverviewCell, OverviewRow
from seqbench.leaderboard.task_data import RowData, TaskData, count_verifications
from tests.leaderboard import kit, sample
from tests.leaderboard.kit import task_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


def line(overview: Overview, label: str) -> OverviewRow:
    return next(row for row in overview.rows if row.label == label)


def cell(overview: Overview, label: str, task: str) -> OverviewCell:
    place = [column.name for column in overview.tasks].index(task)
    return line(overview, label).cells[place]


def verified(data: BoardData, which: Callable[[RowData], bool]) -> BoardData:
    """Return a board in which the records of some rows are verified."""

    def change(row: RowData) -> RowData:
        state: VerificationState = "ci" if which(row) else "unverified"
        seeds = [replace(seed, verification=state) if seed.record else seed for seed in row.seeds]
        return replace(row, seeds=seeds)

    tasks = [kit.change_rows(task, change) for task in data.tasks]
    return replace(data, tasks=tasks, verification=count_verifications(tasks))


def test_every_task_is_a_column_and_every_row_with_a_score_is_a_line(data: BoardData) -> None:
    overview = overview_table.build_overview(data)
    assert [task.name for task in overview.tasks] == [task.task for task in data.tasks]
    labels = {row.label for task in data.tasks for row in task.rows if row.mean is not None}
    assert {row.label for row in overview.rows} == labels
    assert all(len(row.cells) == len(data.tasks) for row in overview.rows)


def test_a_cell_holds_the_normalised_score_and_its_colour(data: BoardData) -> None:
    overview = overview_table.build_overview(data)
    best = cell(overview, "transformer", "copy")
    assert (best.text, best.level, best.first) == ("1.00", 10, True)
    assert best.title.startswith("accuracy 1.000")
    assert "rank 1" in best.title
    worst = cell(overview, "rnn", "copy")
    assert (worst.level, worst.first) == (0, False)
    assert "not clearly above chance" in worst.title


def test_an_absent_score_has_its_reason_and_no_colour(data: BoardData) -> None:
    overview = overview_table.build_overview(data)
    missing = cell(overview, "mamba", "parity")
    assert (missing.text, missing.absent, missing.level) == ("–", True, None)
    assert missing.title == "missing: no record that counts"
    assert cell(overview, "mamba", "copy").partial


def test_a_task_without_a_scale_shows_its_own_metric(data: BoardData) -> None:
    def without_scale(row: RowData) -> RowData:
        return replace(row, mean_score=None, seeds=[replace(seed, score=None) for seed in row.seeds])

    music = kit.change_rows(task_data(data, "music-jsb"), without_scale)
    overview = overview_table.build_overview(kit.change_task(data, music))
    assert overview.unscaled == ["music-jsb"]
    best = cell(overview, "transformer", "music-jsb")
    assert (best.text, best.level) == ("8.20", None)
    others = [cell(overview, row.label, "music-jsb").number for row in overview.rows]
    assert best.number == max(number for number in others if number is not None), "it sorts with better scores higher"


def test_below_ten_tasks_more_first_groups_are_further_up_without_an_order(data: BoardData) -> None:
    overview = overview_table.build_overview(data)
    assert not overview.has_order
    firsts = [row.firsts for row in overview.rows]
    assert firsts == sorted(firsts, reverse=True)
    assert "not an overall order" in overview.order


def test_from_ten_tasks_on_rows_are_in_the_order_of_the_comparison(data: BoardData) -> None:
    rows = [
        OverallRow(label, iqm, low, high, [iqm], None)
        for label, iqm, low, high in (("rnn", 0.9, 0.8, 0.95), ("gru", 0.8, 0.8, 0.8))
    ]
    overall = OverallData([f"t{k}" for k in range(10)], {}, rows, [], {}, ordered=True)
    overview = overview_table.build_overview(replace(data, overall=overall))
    assert overview.has_order
    assert [row.label for row in overview.rows][:2] == ["rnn", "gru"]
    assert [row.overall for row in overview.rows][:2] == ["0.900 (0.800 to 0.950)", "0.800"]
    nine = replace(overall, tasks=overall.tasks[:9], ordered=False)
    assert not overview_table.build_overview(replace(data, overall=nine)).has_order


def test_cells_that_are_not_verified_are_marked_unless_none_is(data: BoardData) -> None:
    overview = overview_table.build_overview(verified(data, lambda _: False))
    assert overview.nothing_verified
    assert not overview.has_unverified
    some = overview_table.build_overview(verified(data, lambda row: row.label == "gru"))
    assert not some.nothing_verified
    assert not cell(some, "gru", "copy").unverified
    assert cell(some, "lstm", "copy").unverified
    assert some.has_unverified


def test_costs_are_multiples_of_the_median_row(data: BoardData) -> None:
    task = task_data(data, "copy")
    labels = [row.label for row in task.rows if row.costs]

    def costs(row: RowData) -> RowData:
        seconds = 30.0 * 2.0 ** labels.index(row.label) if row.label in labels else 0.0
        return replace(row, costs={"seconds": seconds} if row.costs else {})

    ratios = overview_table.relative_costs([kit.change_rows(task, costs)], "seconds")
    assert [ratios[label] for label in labels] == pytest.approx([0.25, 0.5, 1.0, 2.0, 4.0])


def test_times_of_different_machines_are_not_compared(data: BoardData) -> None:
    def devices(row: RowData) -> RowData:
        return replace(row, machines=[row.label])

    tasks: list[TaskData] = [kit.change_rows(task, devices) for task in data.tasks]
    assert overview_table.relative_costs(tasks, "seconds") == {}
    assert overview_table.relative_costs(tasks, "flops_per_token")


def test_a_board_without_records_has_no_line(tmp_path_factory: pytest.TempPathFactory) -> None:
    overview = overview_table.build_overview(kit.board_data(kit.example_board(), tmp_path_factory.mktemp("empty")))
    assert overview.rows == []
