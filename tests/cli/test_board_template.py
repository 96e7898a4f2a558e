from __future__ import annotations

from pathlib import Path

import pytest

from seqbench.cli import board_template
from seqbench.utils.errors import SeqbenchError


def test_the_card_of_a_new_board_is_valid_and_has_comments(tmp_path: Path) -> None:
    path, board = board_template.write_board_card("my-board", tmp_path)
    assert path == tmp_path / "my-board.yaml"
    assert (board.name, board.tier, list(board.tasks)) == ("my-board", "smoke", ["copy", "parity"])
    text = path.read_text()
    for key in ("size", "architectures", "not_applicable"):
        assert f"# {key}:" in text


def test_the_examples_in_the_comments_are_valid_too(tmp_path: Path) -> None:
    from seqbench.leaderboard.data import board_card

    path, _ = board_template.write_board_card("mine", tmp_path)
    examples = ("# size: ", "# architectures:", "#   my_file", "# not_applicable:", "#   - {", "#  music-jsb")
    lines = [line[2:] if line.startswith(examples[:5]) else line for line in path.read_text().splitlines()]
    lines = [line.replace("#  music-jsb", "  music-jsb") if line.startswith(examples[5]) else line for line in lines]
    path.write_text("\n".join(lines))
    board = board_card.load_board(str(path))
    assert board.size is not None
    assert board.title_of("my_file:MyNet") == "MyNet (ours)"
    assert (len(board.not_applicable), board.tasks["music-jsb"].anchor) == (1, 8.10)


@pytest.mark.parametrize(
    ("name", "message"), [("a/b", "cannot name a board"), ("small", "already"), ("there", "exists already")]
)
def test_a_name_that_is_invalid_or_taken_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "there.yaml").write_text("kept")
    with pytest.raises(SeqbenchError, match=message):
        board_template.write_board_card(name, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["there.yaml"]
    assert (tmp_path / "there.yaml").read_text() == "kept"


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match="there is no folder"):
        board_template.write_board_card("mine", tmp_path / "none")


def test_the_next_commands_sweep_build_and_open(tmp_path: Path) -> None:
    path, board = board_template.write_board_card("mine", tmp_path)
    sweep, build, see = board_template.next_commands(path, board)
    assert sweep == "seqbench sweep --arch gru,lstm --task copy,parity --tier smoke --seeds 3"
    assert build == f"seqbench leaderboard build {path}"
    assert "boards/mine/index.html" in see
