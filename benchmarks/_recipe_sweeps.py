"""The sweeps that train the rows of ``docs/recipes.md`` and of the board ``small``: families, tasks and sizes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from seqbench.leaderboard.data.board_card import Board, BoardTask, load_board

BOARD = "small"
FURTHER_TASKS = ("copy-10", "adding", "music-nottingham")
"""Tasks of the page that are not on the board."""
FAMILIES = ("rnn", "lstm", "gru", "tcn", "transformer", "s4d", "gated-deltanet")
"""Architectures that are trained on every task."""
FURTHER_FAMILIES = {"sentiment-sst2": ("bigru", "bow")}
"""Architectures that are trained on one task alone."""
FURTHER_SWEEPS = {"translation-multi30k-en-de": (("transformer", "--body.bridge", "decoder-only"),)}
"""Architectures with the options of a sweep of their own, by task; the board names these rows by their options."""


def recipe_board() -> Board:
    """Return the board ``small`` with the further tasks of the page, which have the board's size."""
    board = load_board(BOARD)
    return dataclasses.replace(board, tasks={**board.tasks, **{task: BoardTask() for task in FURTHER_TASKS}})


def sweep_commands(task: str) -> list[list[str]]:
    """Return the words of the commands that train all rows of a task.

    >>> " ".join(sweep_commands("copy")[0][:6])
    'seqbench sweep --arch rnn,lstm,gru,tcn,transformer,s4d,gated-deltanet --task copy'
    """
    families = ",".join((*FAMILIES, *FURTHER_FAMILIES.get(task, ())))
    return [_sweep(task, architecture) for architecture in ((families,), *FURTHER_SWEEPS.get(task, ()))]


def _sweep(task: str, architecture: Sequence[str]) -> list[str]:
    name, *options = architecture
    board = recipe_board()
    size = board.size_for(task)
    assert size is not None
    words = ["seqbench", "sweep", "--arch", name, "--task", task, *options, "--tier", board.tier, "--tune"]
    words += ["--seeds", str(board.seeds), "--match-params", str(size.parameters), "--logger", "none"]
    return [*words, "--trainer.threads", "1", "--workers", "1", "--keep", "best"]
