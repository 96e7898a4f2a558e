"""Which records count for a board: of its tasks, tier, size and seeds; each other is named with the reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.leaderboard.data.record_collection import ExcludedRecord
from seqbench.protocol import cards
from seqbench.protocol.cards import Card
from seqbench.protocol.records import TUNING_SEED
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import json_digest


@dataclass
class Selection:
    """What a board is built from.

    Args:
        cards: of the board's tasks that can be used.
        entries: the records that count, by task and row, a mapping of seeds.
        aside: those that do not, and why.
        unrelated: how many were of other tasks, other tiers, or trials of learning rates.
        problems: tasks of the board that cannot be used, and why.
    """

    cards: dict[str, Card] = field(default_factory=dict)
    entries: dict[str, dict[str, dict[int, CheckedRecord]]] = field(default_factory=dict)
    aside: list[ExcludedRecord] = field(default_factory=list)
    unrelated: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def select_records(board: Board, found: Iterable[CheckedRecord | ExcludedRecord]) -> Selection:
    """Sort records into a board's cells."""
    selection = Selection()
    for task in board.tasks:
        try:
            card = cards.load_card(task)
            card.tier(board.tier)
            selection.cards[task] = card
        except SeqbenchError as error:
            selection.problems.append(f"{task}: {error}")
    # A board may name a task by what stands for it: `char-lm`.
    names = {card.name: task for task, card in selection.cards.items()}
    digests = {task: card.digest(board.tier) for task, card in selection.cards.items()}
    kept: dict[str, list[CheckedRecord]] = {task: [] for task in selection.cards}
    for entry in found:
        if isinstance(entry, ExcludedRecord):
            selection.aside.append(entry)
            continue
        why = _unrelated(board, entry, names)
        if why is not None:
            selection.unrelated[why] += 1
            continue
        task = names[entry.task]
        reason = _foreign(entry, selection.cards[task], digests[task]) or _refused(board, entry, task)
        if reason:
            selection.aside.append(ExcludedRecord(entry.origin, reason))
        else:
            kept[task].append(entry)
    kept = {task: _same_lines(task, entries, selection) for task, entries in kept.items()}
    row = _keys(kept)
    labels = _labels(row(entry) for entries in kept.values() for entry in entries)
    for task, entries in kept.items():
        selection.entries[task] = _cells(entries, lambda entry: labels[row(entry)], selection.aside)
    selection.aside.sort(key=lambda aside: (aside.origin, aside.reason))
    return selection


def _unrelated(board: Board, entry: CheckedRecord, names: Mapping[str, str]) -> str | None:
    if entry.task not in names:
        return "of other tasks"
    if entry.tier != board.tier:
        return "of other tiers"
    return "trials of learning rates" if entry.seed == TUNING_SEED else None


def _foreign(entry: CheckedRecord, card: Card, digest: str) -> str | None:
    """Why a record is of another card than the one that is installed; None if it is not."""
    if entry.version != card.version:
        return f"it is of version {entry.version} of the card {card.name}; this board's is {card.version}"
    if entry.card != digest:
        return f"its card {card.name} is another than the one that is installed under version {card.version}"
    if (entry.metric, entry.direction) != (card.metric.name, card.metric.direction):
        return (
            f"its metric is {entry.metric} ({entry.direction}), the card's {card.metric.name} ({card.metric.direction})"
        )
    return None


def _refused(board: Board, entry: CheckedRecord, task: str) -> str | None:
    """Why a record of the board's task and tier does not count; None if it does."""
    if entry.modified:
        return f"it departs from the card in {', '.join(entry.modified)}; only unmodified runs rank"
    if entry.seed not in range(board.seeds):
        return f"seed {entry.seed} is none of the board's, which are 0 to {board.seeds - 1}"
    size, parameters = board.size_for(task), entry.facts.get("parameters")
    if size and parameters is None and entry.status == "ok":
        return "it does not say how many parameters it has"
    if size and parameters is not None and not size.admits(int(parameters)):
        return f"it has {parameters:,.0f} parameters; the board asks for {size}"
    if size and entry.matched is not None and entry.matched != size.parameters:
        return f"its width was found for {entry.matched:,} parameters; the board asks for {size.parameters:,}"
    if entry.status == "interrupted":
        return f"it is unfinished: {entry.reason or 'interrupted'}; go on with it by --resume"
    return None


def _same_lines(task: str, entries: list[CheckedRecord], selection: Selection) -> list[CheckedRecord]:
    """Without those whose chance or best possible differs from most others': they are not of the same data."""
    lines = Counter(_lines(entry) for entry in entries if entry.test)
    if len(lines) < 2:
        return entries
    (most, count), (_, next_count) = lines.most_common(2)
    if count == next_count:
        selection.problems.append(
            f"{task}: its records do not agree on chance and best possible; look at those set aside"
        )
    kept = []
    for entry in entries:
        if not entry.test or _lines(entry) == most:
            kept.append(entry)
        else:
            chance, best = _lines(entry)
            reason = f"its chance and best possible are {chance} and {best}, the others' {most[0]} and {most[1]}"
            selection.aside.append(ExcludedRecord(entry.origin, reason))
    return kept


def _lines(entry: CheckedRecord) -> tuple[float | None, float | None]:
    """Chance and best possible, to the digits in which other processors agree."""
    line = entry.test[entry.metric]
    chance, best = (None if value is None else float(f"{value:.9g}") for value in (line.chance, line.best))
    return chance, best


Row = tuple[str, str, tuple[tuple[str, Any], ...]]
"""What tells one row from another: the architecture, its distribution, and the options that have several values."""


def _keys(kept: Mapping[str, list[CheckedRecord]]) -> Callable[[CheckedRecord], Row]:
    """What row a record is of.

    An option tells rows apart where one architecture has several values of it on one task; so a chosen width or
    learning rate, which may well differ from task to task, makes no row of its own.
    """
    values: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for task, entries in kept.items():
        for entry in entries:
            for key, value in _telling(entry).items():
                values[entry.architecture, entry.distribution, task, key].add(repr(value))
    varying: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (architecture, distribution, _, key), found in values.items():
        if len(found) > 1:
            varying[architecture, distribution].add(key)

    def row(entry: CheckedRecord) -> Row:
        telling = _telling(entry)
        options = sorted(varying[entry.architecture, entry.distribution])
        return entry.architecture, entry.distribution, tuple((key, telling.get(key)) for key in options)

    return row


def _telling(entry: CheckedRecord) -> dict[str, Any]:
    return {key: value for key, value in entry.options.items() if not (entry.matched and key == "arch.d_model")}


def _labels(rows: Iterable[Row]) -> dict[Row, str]:
    """What rows are called, each by a name of its own: the architecture, and in brackets what tells it from others."""
    known = sorted(set(rows), key=repr)
    owners: dict[str, set[str]] = defaultdict(set)
    for architecture, distribution, _ in known:
        owners[architecture].add(distribution)
    labels: dict[Row, str] = {}
    for row in known:
        architecture, distribution, options = row
        words = [distribution or "by its path"] if len(owners[architecture]) > 1 else []
        words += [f"{key.removeprefix('arch.')}={'none' if value is None else value}" for key, value in options]
        label = f"{architecture} ({', '.join(words)})" if words else architecture
        # A stranger may have named an architecture like another's row.
        labels[row] = label if label not in labels.values() else f"{label} [{json_digest(row)[:8]}]"
    return labels


def _cells(
    entries: list[CheckedRecord], label: Callable[[CheckedRecord], str], aside: list[ExcludedRecord]
) -> dict[str, dict[int, CheckedRecord]]:
    """The records of each row by seed.

    Of two for one seed the first counts that was found, but a result before a run that broke; a second record of one
    training, under whatever seed, does not count.
    """
    cells: dict[str, dict[int, CheckedRecord]] = defaultdict(dict)
    trained: dict[tuple[str, str, str], CheckedRecord] = {}
    for entry in sorted(entries, key=lambda entry: entry.status not in ("ok", "diverged")):
        taken = cells[label(entry)].get(entry.seed)
        training = (entry.architecture, entry.distribution, entry.weights)
        twin = trained.setdefault(training, entry) if entry.weights else entry
        if taken is not None:
            aside.append(ExcludedRecord(entry.origin, _second(entry, taken)))
        elif twin is not entry:
            aside.append(
                ExcludedRecord(entry.origin, f"it has the same weights as {twin.origin}: one training counts once")
            )
        else:
            cells[label(entry)][entry.seed] = entry
    return {name: dict(sorted(seeds.items())) for name, seeds in sorted(cells.items()) if seeds}


def _second(entry: CheckedRecord, taken: CheckedRecord) -> str:
    if taken.test == entry.test and taken.status == entry.status:
        return f"it is the same run as {taken.origin}"
    return f"it is a second record of one cell: {_says(entry)}, where {taken.origin} says {_says(taken)}"


def _says(entry: CheckedRecord) -> str:
    return f"{entry.test[entry.metric].value:.6g}" if entry.status == "ok" else entry.status
