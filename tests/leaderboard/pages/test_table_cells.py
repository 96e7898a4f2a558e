"""The cells of a task's table on the HTML page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import table_cells
from seqbench.leaderboard.pages.cost_columns import COLUMNS
from seqbench.leaderboard.task_data import TaskData
from tests.leaderboard import sample
from tests.leaderboard.kit import change_rows, task_data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


@pytest.fixture
def copy(data: BoardData) -> TaskData:
    return task_data(data, "copy")


def test_a_shared_device_becomes_a_phrase_and_other_columns_stay(copy: TaskData) -> None:
    columns, phrases = table_cells.choose_columns(copy, ["parameters", "device", "distribution"])
    assert [column.key for column in columns] == ["parameters", "distribution"]
    assert phrases == ["device a processor, 1 thread", "search cost 3 runs", "search 3 rates in whole runs"]


def test_a_column_without_any_value_is_left_out(copy: TaskData) -> None:
    def without_memory(costs: dict[str, float | str]) -> dict[str, float | str]:
        return {name: value for name, value in costs.items() if name != "peak_memory_bytes"}

    task = change_rows(copy, lambda row: replace(row, costs=without_memory(dict(row.costs))))
    columns, _ = table_cells.choose_columns(task, ["parameters", "peak_memory_bytes"])
    assert [column.key for column in columns] == ["parameters"]


def test_a_row_has_a_cell_for_each_column_with_the_number_to_sort_by(copy: TaskData) -> None:
    columns = [COLUMNS["parameters"], COLUMNS["distribution"]]
    rows = {row.label: row for row in table_cells.table_rows(copy, columns)}
    gru = rows["gru"]
    assert (gru.rank.text, gru.rank.number) == ("2", 2)
    solved, score, published, parameters, distribution = gru.cells
    assert (solved.text, solved.number) == ("0/3", 0)
    assert score.number == pytest.approx(0.966, abs=0.02)
    assert published.text == ""
    assert parameters.text.endswith("k")
    assert parameters.number is not None
    assert distribution == table_cells.Cell("seqbench 0.1.0")
    assert len(gru.seeds) == 3


def test_rows_without_a_score_are_not_in_the_table(copy: TaskData) -> None:
    assert "bigru" not in {row.label for row in table_cells.table_rows(copy, [])}


def test_the_seeds_of_many_have_one_line_with_their_range(copy: TaskData) -> None:
    (row,) = (row for row in copy.rows if row.label == "gru")
    few = table_cells.seed_lines(row.seeds)
    assert [line.split(":")[0] for line in few] == ["seed 0", "seed 1", "seed 2"]
    seeds = [replace(row.seeds[0], seed=number, value=number / 100) for number in range(49)]
    seeds.append(replace(row.seeds[0], seed=49, value=0.125, status="diverged"))
    ends, states, values = table_cells.seed_lines(seeds)
    assert ends == "lowest 0 (seed 0), highest 0.48 (seed 48)"
    assert states == "1 diverged"
    assert values.startswith("seeds 0 to 49: 0, 0.01, 0.02, ")
    assert values.count(",") == 49


def test_a_published_figure_has_its_setting_and_source_as_title(data: BoardData) -> None:
    rows = {row.label: row for row in table_cells.table_rows(task_data(data, "music-jsb"), [])}
    published = rows["lstm"].cells[2]
    assert (published.text, published.number) == ("8.45", 8.45)
    assert published.title.startswith("300K parameters")


def test_references_are_chance_best_anchor_baselines_and_published_figures(data: BoardData) -> None:
    references = table_cells.reference_rows(task_data(data, "music-jsb"))
    names = [reference.name for reference in references]
    assert names[:4] == ["chance", "best possible", "anchor", "baseline repeat"]
    assert "published lstm" in names[4:]
    assert references[1].value == "unknown"
    assert references[1].note == "nobody knows"
    assert references[2].value == "8.100"
