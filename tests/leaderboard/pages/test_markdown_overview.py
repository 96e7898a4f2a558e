"""The overview of a board in Markdown."""

from __future__ import annotations

import pytest

from seqbench.leaderboard.board_data import BoardData
from seqbench.leaderboard.pages import markdown_overview
from tests.leaderboard import kit, sample


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> BoardData:
    return sample.example_board_data(tmp_path_factory.mktemp("records"))


def test_the_first_sentence_of_the_result_is_bold(data: BoardData) -> None:
    result = markdown_overview.render_result(data)
    assert result.startswith("**No overall winner: ")
    assert result.count("**") == 2


def test_the_table_has_a_line_for_each_architecture_and_a_column_for_each_task(data: BoardData) -> None:
    table, more, key = markdown_overview.render_overview(data, 30)
    heads, _, *lines = table.splitlines()
    assert [cell.strip() for cell in heads.split("|")[1:5]] == ["architecture", "`copy`", "`parity`", "`music-jsb`"]
    assert len(lines) == 5
    (first,) = (line for line in lines if "`transformer`" in line)
    assert "**1.00** ●" in first
    assert more == ""
    assert "●: no row is significantly better" in key


def test_only_the_first_rows_are_shown_and_the_others_are_counted(data: BoardData) -> None:
    table, more, _ = markdown_overview.render_overview(data, 2)
    assert len(table.splitlines()) == 4
    assert more == "The first 2 of 5 rows; `index.html` and `board.csv` hold all."


def test_a_board_without_a_score_has_no_table(tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = kit.board_data(kit.example_board(), tmp_path_factory.mktemp("empty"))
    assert markdown_overview.render_overview(empty, 30) == []
    assert markdown_overview.render_result(empty) == "**No record counts yet, so this board has no result.**"
