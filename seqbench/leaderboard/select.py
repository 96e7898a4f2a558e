"""Which records count for a board: of its tasks, tier, size and seeds; each other is named with the reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from seqbench import cards
from seqbench.cards import Card
from seqbench.errors import SeqbenchError
from seqbench.leaderboard.board import Board
from seqbench.leaderboard.collect import Aside
from seqbench.leaderboard.entries import Entry
from seqbench.records import TUNING_SEED


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
    entries: dict[str, dict[str, dict[int, Entry]]] = field(default_factory=dict)
    aside: list[Aside] = field(default_factory=list)
    unrelated: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def select(board: Board, found: Iterable[Entry | Aside]) -> Selection:
    """Sort records into a board's cells."""
    selection = Selection()
    for task in board.tasks:
        try:
            card = cards.load(task)
            card.tier(board.tier)
            selection.cards[task] = card
        except SeqbenchError as error:
            selection.problems.append(f"{task}: {error}")
    # A board may name a task by what stands for it: `char-lm`.
    names = {card.name: task for task, card in selection.cards.items()}
    digests = {task: card.digest(board.tier) for task, card in selection.cards.items()}
    kept: dict[str, list[Entry]] = {task: [] for task in selection.cards}
    for entry in found:
        if isinstance(entry, Aside):
            selection.aside.append(entry)
            continue
        why = _unrelated(board, entry, names)
        if why is not None:
            selection.unrelated[why] += 1
            continue
        task = names[entry.task]
        reason = _foreign(entry, selection.cards[task], digests[task]) or _refused(board, entry, task)
        if reason:
            selection.aside.append(Aside(entry.origin, reason))
        else:
            kept[task].append(entry)
    kept = {task: _same_lines(entries, selection.aside) for task, entries in kept.items()}
    label = _labeller(kept)
    for task, entries in kept.items():
        selection.entries[task] = _cells(entries, label, selection.aside)
    selection.aside.sort(key=lambda aside: (aside.origin, aside.reason))
    return selection


def _unrelated(board: Board, entry: Entry, names: Mapping[str, str]) -> str | None:
    if entry.task not in names:
        return "of other tasks"
    if entry.tier != board.tier:
        return "of other tiers"
    return "trials of learning rates" if entry.seed == TUNING_SEED else None


def _foreign(entry: Entry, card: Card, digest: str) -> str | None:
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


def _refused(board: Board, entry: Entry, task: str) -> str | None:
    """Why a record of the board's task and tier does not count; None if it does."""
    if entry.modified:
        return f"it departs from the card in {', '.join(entry.modified)}; only unmodified runs rank"
    if entry.seed not in range(board.seeds):
        return f"seed {entry.seed} is none of the board's, which are 0 to {board.seeds - 1}"
    size, parameters = board.size_of(task), entry.facts.get("parameters")
    if size and parameters is None and entry.status == "ok":
        return "it does not say how many parameters it has"
    if size and parameters is not None and not size.admits(int(parameters)):
        return f"it has {parameters:,.0f} parameters; the board asks for {size}"
    if entry.status == "interrupted":
        return f"it is unfinished: {entry.reason or 'interrupted'}; go on with it by --resume"
    return None


def _same_lines(entries: list[Entry], aside: list[Aside]) -> list[Entry]:
    """Without those whose chance or best possible differs from most others': they are not of the same data."""
    lines = Counter((e.test[e.metric].chance, e.test[e.metric].best) for e in entries if e.metric in e.test)
    if len(lines) < 2:
        return entries
    (chance, best), _ = lines.most_common(1)[0]
    kept = []
    for entry in entries:
        line = entry.test.get(entry.metric)
        if line is None or (line.chance, line.best) == (chance, best):
            kept.append(entry)
        else:
            reason = f"its chance and best possible are {line.chance} and {line.best}, the others' {chance} and {best}"
            aside.append(Aside(entry.origin, reason))
    return kept


def _labeller(kept: Mapping[str, list[Entry]]) -> Callable[[Entry], str]:
    """What a record's row is called: its architecture, and what tells its configurations apart if there are several.

    An option is named where one architecture has several values of it on one task; so a chosen width or learning rate,
    which may well differ from task to task, makes no row of its own.
    """
    varying: dict[tuple[str, str], set[str]] = defaultdict(set)
    values: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for task, entries in kept.items():
        for entry in entries:
            for key, value in _telling(entry).items():
                values[entry.architecture, entry.distribution, task, key].add(repr(value))
    for (architecture, distribution, _, key), found in values.items():
        if len(found) > 1:
            varying[architecture, distribution].add(key)
    owners: dict[str, set[str]] = defaultdict(set)
    for entries in kept.values():
        for entry in entries:
            owners[entry.architecture].add(entry.distribution)

    def label(entry: Entry) -> str:
        telling = _telling(entry)
        keys = sorted(varying[entry.architecture, entry.distribution])
        words = [f"{key.removeprefix('arch.')}={telling.get(key, 'none')}" for key in keys]
        if len(owners[entry.architecture]) > 1:
            words.insert(0, entry.distribution or "by its path")
        return f"{entry.architecture} ({', '.join(words)})" if words else entry.architecture

    return label


def _telling(entry: Entry) -> dict[str, object]:
    return {key: value for key, value in entry.options.items() if not (entry.matched and key == "arch.d_model")}


def _cells(entries: list[Entry], label: Callable[[Entry], str], aside: list[Aside]) -> dict[str, dict[int, Entry]]:
    """The records of each row by seed; of two for one seed, the first that was found counts."""
    cells: dict[str, dict[int, Entry]] = defaultdict(dict)
    for entry in entries:
        taken = cells[label(entry)].setdefault(entry.seed, entry)
        if taken is entry:
            continue
        if taken.test == entry.test and taken.status == entry.status:
            reason = f"it is the same run as {taken.origin}"
        else:
            reason = f"it is a second record of one cell: {_says(entry)}, where {taken.origin} says {_says(taken)}"
        aside.append(Aside(entry.origin, reason))
    return {name: dict(sorted(seeds.items())) for name, seeds in sorted(cells.items())}


def _says(entry: Entry) -> str:
    return f"{entry.test[entry.metric].value:.6g}" if entry.status == "ok" else entry.status
