"""Board cards: the rules of a leaderboard, read from YAML and validated key by key.

A board card is a file of ``leaderboards/``, which the wheel contains, or any other YAML file, given by its path.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import field
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
"""Columns that a table can have beside the scores; see ``RowData.costs``."""

LARGEST = 1e100
"""Largest size of a score or a cost; squares of larger numbers overflow."""
MOST_TITLE = 60
"""Largest number of characters of the title of an architecture."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, config=STRICT)
class Size:
    """Size that the models of a board must have.

    Args:
        parameters: number of trainable parameters of the whole model.
        tolerance: largest relative deviation from it.
    """

    parameters: int
    tolerance: YamlFloat = 0.02

    def __post_init__(self) -> None:
        if self.parameters < 1:
            raise SeqbenchError(f"size.parameters must be at least 1, got {self.parameters}.")
        if not 0 <= self.tolerance < 1:
            raise SeqbenchError(f"size.tolerance must be in [0, 1), got {self.tolerance}.")

    def admits(self, parameters: int) -> bool:
        """Return whether a model with this number of parameters has this size.

        >>> Size(100_000).admits(102_000)
        True
        """
        return abs(parameters - self.parameters) <= self.tolerance * self.parameters

    def __str__(self) -> str:
        return f"{self.parameters:,} ± {100 * self.tolerance:g} %"


@dataclass(frozen=True, config=STRICT)
class BoardTask:
    """One task of a board.

    Args:
        size: size of the models; None for the board's.
        anchor: score that counts as 1 if the best possible score is unknown.
        anchor_source: source of the anchor.
        secondary: further test metrics, shown beside the deciding one and not used for ranks; those of the task's card
            if there are none.
    """

    size: Size | None = None
    anchor: YamlFloat | None = None
    anchor_source: str = ""
    secondary: tuple[str, ...] = ()


@dataclass(frozen=True, config=STRICT)
class NotApplicable:
    """An architecture whose construction rules out a task, with the reason; the cell stays empty."""

    architecture: str
    task: str
    reason: str


@dataclass(frozen=True, config=STRICT)
class ShownArchitecture:
    """How the pages of a board show an architecture.

    Args:
        title: its name in tables, charts and legends, such as ``MyNet (ours)``.
    """

    title: str

    def __post_init__(self) -> None:
        if not self.title.strip() or len(self.title) > MOST_TITLE:
            raise SeqbenchError(f"title must have 1 to {MOST_TITLE} characters, got {short_repr(self.title)}.")


@dataclass(frozen=True, config=STRICT)
class PublishedRow:
    """One row of a published table.

    Args:
        name: name in the published table: ``copy, T = 1000``.
        metric: test metric of the figures.
        direction: ``min`` or ``max``: which figures are better.
        values: published figures by the names of our architectures.
        setting: setting under which the figures were published.
        task: name of our task; None if there is none yet.
        tolerance: largest relative difference between figures that agree.
        chance: figure of a predictor that knows nothing; None if the records hold it.
        needs: effort of running a cell, such as ``a day on one GPU``.
        parameters: number of parameters of the published models, for which the widths of ours are chosen; None if
            unknown.
        spread: largest deviation of each published figure by chance, by the names of ``values``, as published.
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
    parameters: int | None = None
    spread: dict[str, Number] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.values.items():
            if abs(value) > LARGEST:
                raise SeqbenchError(f"published.values.{name} must be at most {LARGEST:g}, got {short_repr(value)}.")
        for name, value in self.spread.items():
            if name not in self.values or not 0 <= value <= LARGEST:
                raise SeqbenchError(
                    f"published.spread.{name} must be a number from 0 on for an architecture of published.values, got "
                    f"{short_repr(value)}."
                )


@dataclass(frozen=True, config=STRICT)
class Board:
    """The rules of a leaderboard.

    Args:
        name: name of the card's file, and of the folder of records and pages.
        version: version of the rules.
        title: title of the page.
        summary: one or two sentences for the page.
        tier: tier of every task.
        seeds: number of seeds of each cell; seeds are numbered from 0, and others do not count.
        tasks: the tasks by name, in the order of the page.
        size: size of the models of tasks without a size of their own; None for any.
        overall: tasks over which rows are compared; empty for all.
        columns: columns beside the scores, of ``COLUMNS``.
        not_applicable: cells that stay empty.
        published: rows of a published table, with which ``seqbench reproduce`` compares the records.
        source: source of the published table.
        statistic: how published figures, and ours beside them, summarise the seeds: ``mean`` or ``best``.
        architectures: titles of architectures, by their names.
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
    statistic: Literal["mean", "best"] = "mean"
    architectures: dict[str, ShownArchitecture] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise SeqbenchError(
                f"name must consist of letters, digits, dots, dashes and underscores, got {short_repr(self.name)}."
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
                raise SeqbenchError(
                    f"overall: '{task[:60]}' is not a task of the board.{did_you_mean(task, self.tasks)}"
                )

    def size_for(self, task: str) -> Size | None:
        """Return the size that the models of a task must have; None for any."""
        return self.tasks[task].size or self.size

    def title_of(self, architecture: str) -> str:
        """Return the title of an architecture, or its name if it has none; the parts of a pair are looked up alone.

        Args:
            architecture: name of the architecture, followed by ``+`` and the name of its encoder if it has one.
        """
        if architecture in self.architectures:
            return self.architectures[architecture].title
        parts = architecture.split("+")
        return "+".join(self.architectures[part].title if part in self.architectures else part for part in parts)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of the rules; a card without a newer key has the digest that it had before that key.

        Newer keys are titles of architectures, and sizes and spreads of published models. The statistic belonged to
        each published row.
        """
        rules = dataclasses.asdict(self)
        if not self.architectures:
            del rules["architectures"]
        statistic = rules.pop("statistic")
        for row in rules["published"]:
            row["statistic"] = statistic
            if row["parameters"] is None:
                del row["parameters"]
            if not row["spread"]:
                del row["spread"]
        return json_digest(rules)


def load_board(name: str) -> Board:
    """Read a board card by its name, or any YAML file by its path, and look up the names in it.

    A name is that of a board of seqbench, or of a card in the folder ``leaderboards`` of the current folder.

    Raises:
        SeqbenchError: there is no such board, or its card is not valid, or it names an unknown task, tier or
            architecture.

    >>> load_board("small").seeds
    3
    """
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return _read_card(Path(name), name)
    board = _read_card(_find_card(name), f"{name}.yaml")
    if board.name != name:
        raise SeqbenchError(f"{name}.yaml cannot be used: its name is '{board.name}'; give both one name.")
    return board


def _find_card(name: str) -> Path:
    """Return the path of the card of a board.

    Raises:
        SeqbenchError: there is no such board.
    """
    known = board_paths.board_names()
    own = Path(board_paths.ROOT, f"{name}.yaml")
    if name in known:
        return board_paths.boards_folder() / f"{name}.yaml"
    if own.is_file():
        return own
    here = Path(f"{name}.yaml")
    hint = f" To use the card in this folder, give its path: {here}." if here.is_file() else ""
    raise SeqbenchError(
        f"unknown board '{name}'.{did_you_mean(name, known)}{hint or ' Give another card by its path: my-board.yaml.'}"
    )


def _read_card(path: Path, where: str) -> Board:
    from seqbench.leaderboard.data import board_names  # Reads the registry and the cards of tasks.

    board = parse_board(read_yaml(path), where)
    try:
        board_names.check_names(board)
    except SeqbenchError as error:
        raise SeqbenchError(f"{where} cannot be used: {error}") from error
    return board


def parse_board(data: object, where: str) -> Board:
    """Build a board from its plain data; names of tasks and architectures are not looked up.

    Raises:
        SeqbenchError: a key is unknown or missing, or a value has the wrong type; the message names ``where`` and the
            key.
    """
    if isinstance(data, Mapping) and isinstance(data.get("tasks"), Mapping):
        # A task without rules of its own is written as a name alone.
        data = {**data, "tasks": {name: {} if task is None else task for name, task in data["tasks"].items()}}
    try:
        return validate(Board, data)
    except SeqbenchError as error:
        raise SeqbenchError(f"{where} cannot be used: {error}") from error
