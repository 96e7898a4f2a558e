"""Boards as cards: what a leaderboard compares and by which rules, read from YAML and checked key by key.

A board is a file of ``leaderboards/`` (shipped in the wheel), or anybody's own, given by its path.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic.dataclasses import dataclass

from seqbench.leaderboard.data import board_paths
from seqbench.protocol.choices import TIERS
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.plain_data import json_digest, read_yaml, short_repr
from seqbench.utils.strict_model import STRICT, Number, YamlFloat, validate

COLUMNS = (
    "parameters",
    "state_bytes",
    "flops_per_token",
    "tokens_per_second",
    "decode_tokens_per_second",
    "peak_memory_bytes",
    "seconds",
    "device",
    "lr",
    "tried",
    "distribution",
)
"""What a row can say beside its scores; see ``rows.costs``."""

LARGEST = 1e100
"""Beyond it no score and no cost makes sense, and squares of it overflow."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, config=STRICT)
class Size:
    """What models must measure: trainable parameters of the whole module, give or take a share of them."""

    parameters: int
    tolerance: YamlFloat = 0.02

    def __post_init__(self) -> None:
        if self.parameters < 1:
            raise SeqbenchError(f"size.parameters must be at least 1, got {self.parameters}.")
        if not 0 <= self.tolerance < 1:
            raise SeqbenchError(f"size.tolerance must be in [0, 1), got {self.tolerance}.")

    def admits(self, parameters: int) -> bool:
        """Whether a model of so many parameters is of this size."""
        return abs(parameters - self.parameters) <= self.tolerance * self.parameters

    def __str__(self) -> str:
        return f"{self.parameters:,} ± {100 * self.tolerance:g} %"


@dataclass(frozen=True, config=STRICT)
class BoardTask:
    """One task of a board.

    Args:
        size: of its models; None for the board's.
        anchor: the score that counts as 1 where nobody knows the best possible one.
        anchor_source: whose score that is.
        secondary: further test metrics, shown beside the one that decides; they rank nobody.
    """

    size: Size | None = None
    anchor: YamlFloat | None = None
    anchor_source: str = ""
    secondary: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class NotApplicable:
    """An architecture that cannot do a task, and why: an empty cell that nobody need fill."""

    architecture: str
    task: str
    reason: str


@dataclass(frozen=True, config=STRICT)
class PublishedRow:
    """One row of a published table.

    Args:
        name: as the table has it: ``copy, T = 1000``.
        metric: of the record's test metrics that the figures are of.
        direction: ``min`` or ``max``.
        values: the published figure by the name of our architecture.
        setting: under which it was published.
        task: the name of our task; None where there is none yet.
        tolerance: how far, as a share of the published figure, ours may lie from it and still agree.
        chance: the figure of a model that knows nothing, where it is not in the records.
        needs: what running a cell takes, for those that are not run: ``a GPU day``.
        statistic: over seeds, of the published figures and so of ours: ``mean``, or ``best`` where the source says so.
    """

    name: str
    metric: str
    direction: Literal["max", "min"]
    values: dict[str, Number]
    setting: str
    task: str | None = None
    tolerance: YamlFloat = 0.02
    chance: YamlFloat | None = None
    needs: str = ""
    statistic: Literal["mean", "best"] = "mean"

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            if abs(value) > LARGEST:
                raise SeqbenchError(f"published.values.{name} must be a number, got {short_repr(value)}.")


@dataclass(frozen=True, config=STRICT)
class Board:
    """A leaderboard's rules.

    Args:
        name: of its file and of the folder of its records and pages.
        version: of the rules.
        title: of its page.
        summary: a sentence or two for the page.
        tier: of every task.
        seeds: how many each cell needs, from 0 on; no others count.
        tasks: by name, in the order of the page.
        size: of the models, where a task does not say otherwise.
        overall: the tasks over which rows are compared as a whole; empty for all.
        columns: of ``COLUMNS``.
        not_applicable: cells that stay empty.
        published: rows of a published table; its records are compared with it by ``seqbench reproduce``.
        source: of the published table.
    """

    name: str
    version: int
    title: str
    summary: str
    tier: str
    seeds: int
    tasks: dict[str, BoardTask]
    size: Size | None = None
    overall: tuple[str, ...] = ()
    columns: tuple[str, ...] = COLUMNS
    not_applicable: tuple[NotApplicable, ...] = ()
    published: tuple[PublishedRow, ...] = ()
    source: str = ""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise SeqbenchError(
                f"name must be of letters, digits, dots, dashes, underscores, got {short_repr(self.name)}."
            )
        if self.tier not in TIERS:
            raise SeqbenchError(f"tier '{self.tier[:60]}' is unknown.{did_you_mean(self.tier[:60], TIERS)}")
        for key in ("version", "seeds"):
            if getattr(self, key) < 1:
                raise SeqbenchError(f"{key} must be a whole number from 1, got {getattr(self, key)}.")
        for column in self.columns:
            if column not in COLUMNS:
                raise SeqbenchError(f"columns: '{column[:60]}' is unknown.{did_you_mean(column[:60], COLUMNS)}")
        for task in self.overall:
            if task not in self.tasks:
                raise SeqbenchError(f"overall: '{task[:60]}' is no task of the board.{did_you_mean(task, self.tasks)}")

    def size_for(self, task: str) -> Size | None:
        """The size that the models of a task must have; None for any."""
        return self.tasks[task].size or self.size

    def digest(self) -> str:
        """SHA-256 (hex) of all the rules."""
        return json_digest(dataclasses.asdict(self))


def load_board(name: str) -> Board:
    """Read a board by its name, or a YAML file by its path.

    Raises:
        SeqbenchError: no such board, or its card cannot be used.
    """
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return parse_board(read_yaml(Path(name)), name)
    known = board_paths.board_names()
    if name not in known:
        raise SeqbenchError(
            f"unknown board '{name}'.{did_you_mean(name, known)} One of your own is given by its path: my-board.yaml."
        )
    board = parse_board(read_yaml(board_paths.boards_folder() / f"{name}.yaml"), f"{name}.yaml")
    if board.name != name:
        raise SeqbenchError(f"{name}.yaml cannot be used: its name is '{board.name}'; give both one name.")
    return board


def parse_board(data: object, where: str) -> Board:
    """Build a board from its plain data; names of tasks are looked up when its pages are built.

    Raises:
        SeqbenchError: a key is unknown or missing, or a value has the wrong type; the sentence names ``where`` and the
            key.
    """
    if isinstance(data, Mapping) and isinstance(data.get("tasks"), Mapping):
        # A task without rules of its own is written as a name alone.
        data = {**data, "tasks": {name: {} if task is None else task for name, task in data["tasks"].items()}}
    try:
        return validate(Board, data)
    except SeqbenchError as error:
        raise SeqbenchError(f"{where} cannot be used: {error}") from error
