from __future__ import annotations

import json
from pathlib import Path

import pytest

from seqbench.leaderboard.data import board_paths
from seqbench.leaderboard.task_data import STATES
from seqbench.utils.plain_data import check_plain
from tests.leaderboard.sample import example_board_data


def test_the_text_is_strict_json_of_the_plain_data(tmp_path: Path) -> None:
    data = example_board_data(tmp_path)
    check_plain(data.to_plain(), "data")
    assert json.loads(data.to_json()) == data.to_plain()
    states = {row.state for task in data.tasks for row in task.rows}
    assert states <= set(STATES)


@pytest.mark.parametrize("name", board_paths.board_names())
def test_committed_boards_have_these_keys(name: str, tmp_path: Path) -> None:
    committed = json.loads((board_paths.boards_folder() / name / "board.json").read_text())
    assert committed.keys() == example_board_data(tmp_path).to_plain().keys()
