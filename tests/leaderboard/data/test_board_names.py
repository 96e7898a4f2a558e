from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seqbench.leaderboard.data import board_card, board_names, board_paths
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard.kit import example_board

ROW = {"name": "row", "metric": "accuracy", "direction": "max", "setting": "s", "values": {"gru": 1.0}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tasks": {"cpy": None}}, "tasks: unknown task 'cpy'. Did you mean 'copy'"),
        ({"tier": "paper"}, "task 'parity' has no tier 'paper'"),
        ({"tasks": {"char-lm": None, "char-lm-shakespeare": None}}, "'char-lm' and 'char-lm-shakespeare' are one task"),
        ({"overall": ["copy", "copy"]}, "overall: 'copy' is named 2 times"),
        ({"columns": ["seconds", "seconds"]}, "columns: 'seconds' is named 2 times"),
        (
            {"not_applicable": [{"architecture": "gruu", "task": "copy", "reason": "r"}]},
            "not_applicable: unknown architecture 'gruu'. Did you mean 'gru'",
        ),
        (
            {"not_applicable": [{"architecture": "gru", "task": "adding", "reason": "r"}]},
            "not_applicable: 'adding' is not a task of the board",
        ),
        (
            {"not_applicable": [{"architecture": "gru", "task": "copy", "reason": r} for r in "ab"]},
            "not_applicable: 'gru on copy' is named 2 times",
        ),
        ({"published": [{**ROW, "task": "adding"}]}, "published: 'adding' is not a task of the board"),
        ({"published": [{**ROW, "values": {"lsmt": 1.0}}]}, "published: unknown architecture 'lsmt'"),
        ({"architectures": {"gruu": {"title": "GRU"}}}, "architectures: unknown architecture 'gruu'"),
        ({"architectures": {"gru+lsmt": {"title": "GRU"}}}, "architectures: unknown architecture 'lsmt'"),
        (
            {"architectures": {"gru": {"title": "A net"}, "my_file:Net": {"title": "A net"}}},
            "'gru' and 'my_file:Net' have one title",
        ),
        ({"architectures": {"my_file:Net": {"title": "lstm"}}}, "is the name of another architecture"),
    ],
)
def test_an_unknown_or_repeated_name_in_a_card_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SeqbenchError) as caught:
        board_names.check_names(example_board(**changed))
    assert message in str(caught.value)


def test_names_that_exist_are_accepted() -> None:
    board_names.check_names(
        example_board(
            architectures={"my_file:Net": {"title": "Mine"}, "gru+lstm": {"title": "Pair"}, "lstm": {"title": "lstm"}},
            not_applicable=[{"architecture": "bigru", "task": "copy", "reason": "r"}],
            published=[{**ROW, "task": "copy"}, ROW],
        )
    )


@pytest.mark.parametrize("name", board_paths.board_names())
def test_the_names_in_the_committed_cards_exist(name: str) -> None:
    board_names.check_names(board_card.load_board(name))


def test_a_card_that_names_one_key_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nversion: 1\ntitle: t\nsummary: s\ntier: smoke\nseeds: 1\ntasks:\n  copy:\n  copy:\n")
    with pytest.raises(SeqbenchError, match=r"mine\.yaml has the key 'copy' twice, again in line 9; keep one"):
        board_card.load_board(str(path))
