"""Checks of the names in a board card: tasks, their tier, and architectures must exist, and nothing is named twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from seqbench.leaderboard.data.board_card import Board
from seqbench.protocol import cards, registry
from seqbench.utils.errors import SeqbenchError, did_you_mean
from seqbench.utils.number_format import counted


def check_names(board: Board) -> None:
    """Look up every task and architecture that a board card names.

    Raises:
        SeqbenchError: a task, its tier or an architecture is unknown, or something is named twice; the message names
            the key of the card.
    """
    _check_tasks(board)
    _refuse_repeated(board.overall, "overall")
    _refuse_repeated(board.columns, "columns")
    _refuse_repeated((f"{item.architecture} on {item.task}" for item in board.not_applicable), "not_applicable")
    for item in board.not_applicable:
        _require_task(board, item.task, "not_applicable")
        _require_architecture(item.architecture, "not_applicable")
    for row in board.published:
        if row.task is not None:
            _require_task(board, row.task, "published")
        for architecture in row.values:
            _require_architecture(architecture, "published")
    _check_titles(board)


def _check_tasks(board: Board) -> None:
    """Check that each task exists at the tier of the board, and that no two names mean one task."""
    names: dict[str, str] = {}
    for task in board.tasks:
        try:
            card = cards.load_card(task)
            card.tier(board.tier)
        except SeqbenchError as error:
            raise SeqbenchError(f"tasks: {error}") from error
        # A short name such as `char-lm` stands for the card of another task.
        if (other := names.setdefault(card.name, task)) != task:
            raise SeqbenchError(f"tasks: '{other}' and '{task}' are one task, {card.name}; name it once.")


def _check_titles(board: Board) -> None:
    titles: dict[str, str] = {}
    for architecture, shown in board.architectures.items():
        _require_architecture(architecture, "architectures")
        if (other := titles.setdefault(shown.title, architecture)) != architecture:
            raise SeqbenchError(
                f"architectures: '{other}' and '{architecture}' have one title, '{shown.title}'; give two titles."
            )
        if shown.title != architecture and shown.title in registry.list_entries(registry.ARCHITECTURES):
            raise SeqbenchError(
                f"architectures: the title '{shown.title}' of '{architecture}' is the name of another architecture; "
                "choose another title."
            )


def _require_task(board: Board, task: str, key: str) -> None:
    if task not in board.tasks:
        raise SeqbenchError(f"{key}: '{task[:60]}' is not a task of the board.{did_you_mean(task, board.tasks)}")


def _require_architecture(name: str, key: str) -> None:
    """Check that an architecture is registered or is given by its path; the parts of a pair are looked up alone."""
    for part in name.split("+"):
        if part in registry.list_entries(registry.ARCHITECTURES):  # Also a name that two distributions offer.
            continue
        try:
            registry.find_entry(registry.ARCHITECTURES, part)
        except SeqbenchError as error:
            raise SeqbenchError(f"{key}: {error}") from error


def _refuse_repeated(names: Iterable[str], key: str) -> None:
    counts: Mapping[str, int] = _count(names)
    for name, count in counts.items():
        if count > 1:
            raise SeqbenchError(f"{key}: '{name}' is named {counted(count, 'time')}; name it once.")


def _count(names: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts
