"""Selection of the records that count on a board: those of its tasks, tier, size and seeds.

Every other record of the board's tasks is excluded with a reason.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.checked_records import CheckedRecord
from seqbench.leaderboard.data.record_collection import CollectedRecord, ExcludedRecord
from seqbench.leaderboard.selection.row_labels import label_rows
from seqbench.protocol import cards
from seqbench.protocol.cards import Card, Tier
from seqbench.protocol.records import TUNING_SEED
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.number_format import counted

Cells = dict[str, dict[int, CheckedRecord]]
"""Records of one task, by row label and seed."""


@dataclass
class Selection:
    """The records of a board, sorted.

    Args:
        cards: cards of the board's tasks that can be used, by task.
        cells: the records that count, by task, row label and seed.
        excluded: records of the board's tasks that do not count, each with the reason.
        unrelated: number of records of other tasks, of other tiers, and of trials of learning rates.
        problems: tasks of the board that cannot be used, each with the reason.
    """

    cards: dict[str, Card] = field(default_factory=dict)
    cells: dict[str, Cells] = field(default_factory=dict)
    excluded: list[ExcludedRecord] = field(default_factory=list)
    unrelated: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def select_records(board: Board, records: Iterable[CollectedRecord]) -> Selection:
    """Sort records into the cells of a board.

    Args:
        board: the board.
        records: records from any place, checked or excluded.
    """
    selection = Selection()
    _load_cards(board, selection)
    by_task = _filter_records(board, records, selection)
    by_task = {task: _drop_other_references(task, kept, selection) for task, kept in by_task.items()}
    label = label_rows(by_task, board.title_of)
    for task, kept in by_task.items():
        selection.cells[task] = _fill_cells(kept, label, selection.excluded)
    selection.excluded.sort(key=lambda excluded: (excluded.origin, excluded.reason))
    return selection


def _load_cards(board: Board, selection: Selection) -> None:
    """Load the cards of the board's tasks; note those that cannot be used."""
    for task in board.tasks:
        try:
            card = cards.load_card(task)
            card.tier(board.tier)
            selection.cards[task] = card
        except SeqbenchError as error:
            selection.problems.append(f"{task}: {error}")


def _filter_records(
    board: Board, records: Iterable[CollectedRecord], selection: Selection
) -> dict[str, list[CheckedRecord]]:
    """Return the records that satisfy the board's rules, by task; note the others."""
    # A board may name a task by an alias, such as `char-lm`.
    names = {card.name: task for task, card in selection.cards.items()}
    digests: dict[tuple[str, tuple[str, ...]], str] = {}
    kept: dict[str, list[CheckedRecord]] = {task: [] for task in selection.cards}
    for record in records:
        if isinstance(record, ExcludedRecord):
            selection.excluded.append(record)
            continue
        kind = _unrelated_kind(board, record, names)
        if kind is not None:
            selection.unrelated[kind] += 1
            continue
        task = names[record.task]
        card = selection.cards[task]
        key = (task, record.recipes)
        if key not in digests:
            digests[key] = card.digest(board.tier, record.recipes)
        reason = (
            _other_card(record, card, digests[key])
            or _broken_rule(board, record, task)
            or _other_rate(record, card.tier(board.tier))
        )
        if reason:
            selection.excluded.append(ExcludedRecord(record.origin, reason))
        else:
            kept[task].append(record)
    return kept


def _unrelated_kind(board: Board, record: CheckedRecord, names: Mapping[str, str]) -> str | None:
    """Return the kind of a record that does not belong to the board; None if the record belongs to it."""
    if record.task not in names:
        return "of other tasks"
    if record.tier != board.tier:
        return "of other tiers"
    return "trials of learning rates" if record.seed == TUNING_SEED else None


def _other_card(record: CheckedRecord, card: Card, digest: str) -> str | None:
    """Return how the card of a record differs from the installed card; None if it does not."""
    if record.card_version != card.version:
        return f"it is of version {record.card_version} of the card {card.name}; this board's is {card.version}"
    if record.card_digest != digest:
        return f"its card {card.name} differs from the installed card of the same version, {card.version}"
    metric = card.metric
    if (record.metric, record.direction) != (metric.name, metric.direction):
        return f"its metric is {record.metric} ({record.direction}), the card's {metric.name} ({metric.direction})"
    return None


def _broken_rule(board: Board, record: CheckedRecord, task: str) -> str | None:
    """Return the rule of the board that a record does not satisfy; None if it satisfies all."""
    if record.modified:
        return f"it departs from the card in {', '.join(record.modified)}; only unmodified runs rank"
    if record.altered:
        return "it was trained in a checkout of seqbench with uncommitted changes; only known code ranks"
    if record.seed not in range(board.seeds):
        return f"its seed is {record.seed}; the board's seeds are 0 to {board.seeds - 1}"
    if reason := _wrong_size(board, record, task):
        return reason
    if record.status == "interrupted":
        return f"it is unfinished: {record.reason or 'interrupted'}; finish it by --resume"
    return None


def _other_rate(record: CheckedRecord, tier: Tier) -> str | None:
    """Return why a record may not have its learning rate; None if it is one of the card, or its trials led to it."""
    rate, search = record.learning_rate, record.search
    if not tier.learning_rates or rate in (
        *tier.learning_rates,
        tier.optim_for(record.architecture.partition("+")[0]).lr,
    ):
        return None
    if search.rate == rate and sorted(search.grid) == sorted(tier.learning_rates):
        return None
    return f"its learning rate {rate:g} is none of the card's, and no search that began with those led to it"


def _wrong_size(board: Board, record: CheckedRecord, task: str) -> str | None:
    """Return why the model of a record does not have the size of the board's card; None if it has this size."""
    size, parameters = board.size_for(task), record.costs.get("parameters")
    if size is None:
        return None
    if parameters is None and record.status == "ok":
        return "it does not state its number of parameters"
    if parameters is not None and not size.admits(int(parameters)):
        return f"it has {counted(int(parameters), 'parameter')}; the board asks for {size}"
    if record.matched is not None and record.matched != size.parameters:
        matched = counted(record.matched, "parameter")
        return f"its width was chosen for {matched}; the board asks for {size.parameters:,}"
    return None


def _drop_other_references(task: str, records: list[CheckedRecord], selection: Selection) -> list[CheckedRecord]:
    """Exclude records whose chance or best possible score differs from that of most records: their data differ."""
    counts = Counter(_chance_and_best(record) for record in records if record.test)
    if len(counts) < 2:
        return records
    (usual, count), (_, next_count) = counts.most_common(2)
    if count == next_count:
        selection.problems.append(
            f"{task}: its records do not agree on chance and best possible; look at those set aside"
        )
    kept = []
    for record in records:
        if not record.test or _chance_and_best(record) == usual:
            kept.append(record)
        else:
            chance, best = _chance_and_best(record)
            reason = f"its chance and best possible are {chance} and {best}, the others' {usual[0]} and {usual[1]}"
            selection.excluded.append(ExcludedRecord(record.origin, reason))
    return kept


def _chance_and_best(record: CheckedRecord) -> tuple[float | None, float | None]:
    """Return chance and best possible score, rounded to the digits in which different processors agree."""
    score = record.test[record.metric]
    chance, best = (None if value is None else float(f"{value:.9g}") for value in (score.chance, score.best))
    return chance, best


def _fill_cells(
    records: list[CheckedRecord], label: Callable[[CheckedRecord], str], excluded: list[ExcludedRecord]
) -> Cells:
    """Return the records of one task by row label and seed, and exclude duplicates.

    If two records have one seed, the first counts, except that a result replaces a failure. A second record with the
    same weights does not count, whatever its seed.

    Args:
        records: the records that may count.
        label: returns the row label of a record.
        excluded: receives the duplicates.
    """
    cells: Cells = defaultdict(dict)
    trained: dict[tuple[str, str, str], CheckedRecord] = {}
    for record in sorted(records, key=lambda record: record.status not in ("ok", "diverged")):
        other = cells[label(record)].get(record.seed)
        training = (record.architecture, record.distribution, record.weights)
        twin = trained.setdefault(training, record) if record.weights else record
        if other is not None:
            excluded.append(ExcludedRecord(record.origin, _duplicate_reason(record, other)))
        elif twin is not record:
            reason = f"it has the same weights as {twin.origin}: one training counts once"
            excluded.append(ExcludedRecord(record.origin, reason))
        else:
            cells[label(record)][record.seed] = record
    return {name: dict(sorted(seeds.items())) for name, seeds in sorted(cells.items()) if seeds}


def _duplicate_reason(record: CheckedRecord, other: CheckedRecord) -> str:
    if other.test == record.test and other.status == record.status:
        return f"it is the same run as {other.origin}"
    return (
        f"it is a second record of one cell: its result is {_outcome(record)}, "
        f"that of {other.origin} is {_outcome(other)}"
    )


def _outcome(record: CheckedRecord) -> str:
    return f"{record.test[record.metric].value:.6g}" if record.status == "ok" else record.status
