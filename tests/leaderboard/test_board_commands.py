from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.leaderboard import board_commands
from tests.leaderboard.kit import example_board


def test_a_committed_board_is_built_from_its_results_by_its_name() -> None:
    commands = board_commands.committed_commands("small")
    place = "leaderboards/small"
    assert commands.build == f"seqbench leaderboard build small --from {place}/results --out {place}"
    assert commands.check == "seqbench leaderboard check small"


def test_another_folder_of_boards_is_named_in_its_commands() -> None:
    commands = board_commands.committed_commands("mine", "my boards")
    place = "my boards/mine"
    assert commands.build == f"seqbench leaderboard build '{place}.yaml' --from '{place}/results' --out '{place}'"
    assert commands.check == "seqbench leaderboard check mine --root 'my boards'"


@pytest.mark.parametrize(
    ("places", "by_path", "record"),
    [
        (["runs"], False, "runs/RECORD"),
        (["my runs"], True, "'my runs'/RECORD --trust"),
        (["a", "b"], False, "RECORD"),
        (["wandb:me/p"], False, "RECORD"),
    ],
)
def test_own_pages_name_the_places_from_which_they_were_built(places: list[str], by_path: bool, record: str) -> None:
    commands = board_commands.own_commands("mine.yaml", places, Path("site"), by_path)
    assert commands.verify == f"seqbench verify {record}"
    assert commands.build.startswith("seqbench leaderboard build mine.yaml --from ")
    assert commands.build.count("--from") == len(places)
    assert commands.build.endswith(" --out site")


def test_pages_beside_their_results_are_those_of_a_committed_board(tmp_path: Path) -> None:
    out = tmp_path / "leaderboards" / "small"
    results = str(out / "results")
    found = board_commands.commands_for_pages("small", "small", [results], out, False)
    assert found == board_commands.committed_commands("small")
    for places, folder in (([results, "runs"], out), (["runs"], out), ([results], tmp_path / "site")):
        assert not board_commands.commands_for_pages("small", "small", places, folder, False).committed


def test_tasks_of_one_size_share_a_sweep_with_the_tier_and_seeds_of_the_board() -> None:
    tasks = {"copy": None, "parity": {"size": {"parameters": 5000}}, "adding": None}
    board = example_board(tasks=tasks, size={"parameters": 30000})
    assert board_commands.sweep_commands(board, ["gru", "my_file:Net"]) == [
        "seqbench sweep --arch gru,my_file:Net --task copy,adding --tier small --seeds 3 --match-params 30000",
        "seqbench sweep --arch gru,my_file:Net --task parity --tier small --seeds 3 --match-params 5000",
    ]


def test_a_number_of_rows_is_part_of_the_command_that_builds_the_pages(tmp_path: Path) -> None:
    out = tmp_path / "leaderboards" / "small"
    found = board_commands.commands_for_pages("small", "small", [str(out / "results")], out, False, 5)
    assert not found.committed
    assert found.build.endswith(" --top 5")
