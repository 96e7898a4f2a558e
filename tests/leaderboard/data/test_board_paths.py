from __future__ import annotations

from seqbench.leaderboard.data import board_paths


def test_each_board_is_a_card_in_the_folder_of_boards() -> None:
    names = board_paths.board_names()
    assert "small" in names
    assert names == sorted(names)
    assert all((board_paths.boards_folder() / f"{name}.yaml").is_file() for name in names)
