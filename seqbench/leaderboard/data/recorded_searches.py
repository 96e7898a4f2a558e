"""The search of a record as a board shows it: its rule, its scores and its cost, checked against its own trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from seqbench.leaderboard.data.board_card import LARGEST
from seqbench.protocol.record_fields import RunDescription, Trial
from seqbench.protocol.search.recorded_search import find_fault, read_search
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

NO_SEARCH = "none"
"""Rule of a record whose learning rate was not searched."""
MOST_TRIALS = 1000
"""Largest number of trials whose scores a board reads."""
MOST_TEXT = 300
"""Largest number of characters of a rule in words; names of options come from the record."""


@dataclass(frozen=True)
class RecordedSearch:
    """The search of a record.

    Args:
        rule: rule of the search in words; ``NO_SEARCH`` without a search.
        tried: validation score of each rate and each value of a further option, of its longest trial; None for one
            without a score.
        cost: training steps of all trials, as a multiple of those of a whole run; None if it is unknown.
        bound: ``lowest`` or ``highest`` if the chosen rate is the last that the search may try; otherwise empty.
        options: dotted names of the further options that were tuned.
        grid: rates with which the search began; empty without a search by rungs.
        rate: learning rate that the search chose; None without a search by rungs.
    """

    rule: str = NO_SEARCH
    tried: Sequence[float | None] = ()
    cost: float | None = None
    bound: str = ""
    options: tuple[str, ...] = ()
    grid: tuple[float, ...] = ()
    rate: float | None = None


def recorded_search(config: RunDescription) -> RecordedSearch:
    """Return the search of a record.

    Raises:
        SeqbenchError: the choice of the search contradicts its trials, or no search can have its rule.
    """
    tuning = config.tuning
    if tuning is None:
        return RecordedSearch()
    rows = tuning.tried[:MOST_TRIALS]
    if tuning.search is None:
        return RecordedSearch(f"{counted(len(rows), 'rate')} in whole runs", _scores(rows), float(len(rows)))
    if fault := find_fault(tuning, config.card.direction):
        raise SeqbenchError(f"its search of the learning rate contradicts itself: {fault}")
    rule, _ = read_search(tuning.search, config.card.direction)
    longest = {(row.lr, *sorted(row.options.items())): row for row in sorted(rows, key=lambda row: row.rung)}
    steps = [row.steps for row in tuning.tried if row.steps is not None]
    return RecordedSearch(
        rule.describe()[:MOST_TEXT],
        _scores(longest.values()),
        sum(steps) / config.options.optim.steps if len(steps) == len(tuning.tried) else None,
        tuning.bound,
        tuple(sorted(tuning.options)),
        rule.grid,
        tuning.lr,
    )


def _scores(rows: Iterable[Trial]) -> list[float | None]:
    values = [row.value for row in rows]
    return [float(value) if value is not None and abs(value) <= LARGEST else None for value in values]
