from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import seqbench
from seqbench.leaderboard.data import board_card as boards
from seqbench.leaderboard.data import board_paths
from seqbench.protocol import cards
from seqbench.utils.errors import SeqbenchError
from tests.leaderboard import kit


@pytest.mark.parametrize("name", board_paths.board_names())
def test_the_tasks_of_each_board_exist_at_its_tier(name: str) -> None:
    board = boards.load_board(name)
    for task in board.tasks:
        cards.load_card(task).tier(board.tier)
    assert set(board.overall) <= set(board.tasks)
    for row in board.published:
        assert row.task is None or (row.task in board.tasks and row.needs), f"say what {row.name} needs"


@pytest.mark.parametrize("name", [name for name in board_paths.board_names() if boards.load_board(name).published])
def test_published_figures_are_those_of_the_task_cards(name: str) -> None:
    for row in boards.load_board(name).published:
        if row.task is None:
            continue
        known = {(r.architecture, r.metric): r.value for r in cards.load_card(row.task).references}
        assert {(arch, row.metric): value for arch, value in row.values.items()}.items() <= known.items(), row.name


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"tasks": []}, "tasks must be a mapping"),
        ({"tasks": {"copy": {"ancor": 1}}}, "tasks.copy has the unknown key 'ancor'. Did you mean 'anchor'"),
        ({"tasks": {"copy": {"anchor": "x"}}}, "tasks.copy.anchor must be a number"),
        ({"tasks": {"copy": {"size": 7}}}, "tasks.copy.size must be a mapping"),
        ({"tier": "smal"}, "tier 'smal' is unknown. Did you mean 'small'"),
        ({"seeds": 0}, "seeds must be a whole number from 1, got 0"),
        ({"seeds": "3"}, "seeds must be a whole number"),
        ({"size": {"parameters": 0}}, "size.parameters must be at least 1"),
        ({"size": {"parameters": 9, "tolerance": 1.5}}, r"size.tolerance must be in \[0, 1\)"),
        ({"columns": ["second"]}, "columns: 'second' is unknown. Did you mean 'seconds'"),
        ({"overall": ["adding"]}, "overall: 'adding' is not a task of the board"),
        ({"not_applicable": [{"task": "copy"}]}, "not_applicable\\[0\\] lacks the key 'architecture'"),
        ({"not_applicable": 3}, "not_applicable must be a list"),
        ({"published": [{"name": "x"}]}, "published\\[0\\] lacks the key 'metric'"),
        ({"name": "../up"}, "name must consist of letters"),
        ({"version": 0}, "version must be a whole number from 1"),
        ({"seed": 3}, "unknown key 'seed'. Did you mean 'seeds'"),
        ({"title": float("nan")}, "is nan, which JSON cannot hold"),
    ],
)
def test_an_invalid_card_is_refused_with_the_key(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(SeqbenchError, match=f"test.yaml cannot be used: .*{message}"):
        kit.example_board(**changed)


def test_a_board_is_found_by_its_name_or_its_path(tmp_path: Path) -> None:
    with pytest.raises(SeqbenchError, match=r"unknown board 'smal'\. Did you mean 'small'"):
        boards.load_board("smal")
    path = tmp_path / "mine.yaml"
    path.write_text("{name: mine, version: 1, title: t, summary: s, tier: small, seeds: 1, tasks: {copy: }}")
    assert boards.load_board(str(path)).tasks["copy"] == boards.BoardTask()
    with pytest.raises(SeqbenchError, match="cannot be read"):
        boards.load_board(str(tmp_path / "other.yaml"))


def test_a_size_admits_models_within_its_tolerance() -> None:
    size = boards.Size(100_000)
    assert [size.admits(n) for n in (97_999, 98_000, 102_000, 102_001)] == [False, True, True, False]


QUICK = ("parity", "copy", "music-jsb")
"""Tasks whose data are generated within a second."""
NOT_APPLICABLE = sorted(
    {
        (item.task, item.architecture)
        for name in board_paths.board_names()
        for item in boards.load_board(name).not_applicable
    }
)


@pytest.mark.parametrize(
    ("task", "arch"),
    [pytest.param(*pair, marks=[] if pair[0] in QUICK else [pytest.mark.slow]) for pair in NOT_APPLICABLE],
)
def test_cells_that_are_not_applicable_are_refused_by_the_model(task: str, arch: str) -> None:
    data = {"source": "synthetic"} if task not in ("parity", "copy") else {}
    with pytest.raises(SeqbenchError, match=r"looks ahead|causal"):
        seqbench.build(arch, {"name": task, **data}, tier="smoke")


COMMITTED = {
    "chomsky-parity": "8373c406329b5dc5f15b9fd2a642903c8aebd72eae41199a9ef051a059e6e08c",
    "small": "15162cacd1cf12a8c8d05f1a3acacdcb36b752f29cfc1d36343ade21bc0464da",
    "tcn-table1": "2ea67230599f61c3d7d3ff13da8f0c061d919d2af3d2d25153d03456e1a440ee",
}
"""Digests of the committed boards, as their pages show them."""


@pytest.mark.parametrize(("name", "digest"), COMMITTED.items())
def test_the_digest_of_a_committed_board_stays_the_same(name: str, digest: str) -> None:
    assert boards.load_board(name).digest() == digest


def test_titles_are_part_of_the_rules_and_pairs_are_titled_by_their_parts() -> None:
    titles = {"my_file:Net": {"title": "MyNet (ours)"}, "gru+lstm": {"title": "A pair"}}
    board = kit.example_board(architectures=titles)
    assert board.digest() != kit.example_board().digest()
    shown = [board.title_of(name) for name in ("my_file:Net", "gru+lstm", "gru", "my_file:Net+gru", "gru+rnn")]
    assert shown == ["MyNet (ours)", "A pair", "gru", "MyNet (ours)+gru", "gru+rnn"]
    for title in ("", " ", "x" * 61):
        with pytest.raises(SeqbenchError, match="title must have 1 to 60 characters"):
            kit.example_board(architectures={"gru": {"title": title}})
