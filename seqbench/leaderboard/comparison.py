"""Comparison of two records: what differs, whether their scores can be compared, and the differences of the scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from seqbench.leaderboard.comparison_data import (
    Better,
    Comparison,
    CostPair,
    CurvePair,
    Direction,
    MetricPair,
    RunIdentity,
)
from seqbench.leaderboard.data.recorded_costs import CONFIG_COSTS, MEASURED_COSTS, recorded_costs
from seqbench.protocol.records import Record
from seqbench.protocol.splits import SCORED_SPLITS

LARGEST = 1e150
"""Numbers of this size or larger are left out, because their sums and ratios may overflow."""

POINTS = 6
"""Largest number of steps at which curves are compared."""

_NOT_CONFIGURATION = (
    "digest",
    "modified",
    "options",
    "seed",
    "spec",
    "data_facts",
    "tuning",
    "size_match",
    "sources",
    *CONFIG_COSTS,
)
"""Keys of ``config`` that are compared elsewhere, or that follow from others."""

_NO_EFFECT = ("trainer.", "logger", "task.data_dir", "task.source")
"""Beginnings of the options that have no effect on results, with one exception, ``_PRECISION``."""

_PRECISION = "trainer.precision"

_SOURCE_FILE = "source.file "
"""Beginning of the name of a file that defines a class given by its path; the file has an effect on results."""


def compare_records(a: Record, b: Record) -> Comparison:
    """Compare two records of runs."""
    differs, unlike = _differences(a, b), _not_comparable(a, b)
    changed = [name for name in differs if _has_effect(name, a, b)]
    return Comparison(
        runs=[_identity(record) for record in (a, b)],
        differs=differs,
        changed=changed,
        unlike=unlike,
        same_configuration=unlike is None and not set(changed) - {"seed"},
        same_seed=a.config.seed == b.config.seed,
        same_results=a.without_sample().results == b.without_sample().results,
        same_record=a.digest() == b.digest(),
        metrics={split: _metrics(a, b, split, unlike is None) for split in reversed(SCORED_SPLITS)},
        costs=_costs(a, b),
        curve=_curve(a, b) if unlike is None else None,
    )


def _finite(value: float | None) -> float | None:
    """Return a number whose sums and ratios are finite; None for others. Whole numbers stay whole."""
    return value if value is not None and abs(value) < LARGEST else None


def _identity(record: Record) -> RunIdentity:
    config = record.config
    return RunIdentity(
        architecture=config.model,
        task=config.card.name,
        tier=config.card.tier,
        seed=config.seed,
        status=record.status,
        reason=record.results.reason,
        intact=record.intact(),
        modified=config.modified,
    )


def _flatten(value: object, name: str) -> Iterator[tuple[str, object]]:
    """Yield the values of nested mappings with their dotted names."""
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flatten(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _options(record: Record) -> dict[str, object]:
    """Return the options of a run by dotted name, as on the command line."""
    return dict(_flatten(record.config.options.to_dict(), ""))


def _configuration(record: Record) -> dict[str, object]:
    """Return options, code, data and machine of a run by dotted name."""
    code = {key: value for key, value in record.config.to_dict().items() if key not in _NOT_CONFIGURATION}
    machine = {"device": record.measured.device, "threads": record.measured.threads}
    return {**_options(record), **dict(_flatten(code, "")), **_sources(record), **machine}


def _sources(record: Record) -> dict[str, str]:
    """Return the digests of the sources: of each file of a class given by its path, else of each distribution."""
    digests: dict[str, str] = {}
    for owner, source in record.config.sources.items():
        files = {f"{_SOURCE_FILE}{name}": digest for name, digest in source.files.items()}
        digests |= files or {f"source.{owner}": source.digest}
    return {name: digest[:8] for name, digest in digests.items()}


def _differences(a: Record, b: Record) -> dict[str, list[object]]:
    left, right = _configuration(a), _configuration(b)
    pairs = {name: [left.get(name), right.get(name)] for name in dict.fromkeys([*left, *right])}
    # A record of an earlier seqbench holds no sources.
    has_sources = bool(a.config.sources and b.config.sources)
    return {
        name: pair
        for name, pair in pairs.items()
        if pair[0] != pair[1] and (has_sources or not name.startswith("source."))
    }


def _has_effect(name: str, a: Record, b: Record) -> bool:
    """Return whether a difference has an effect on results; package versions and the machine have no effect."""
    if name in (_PRECISION, "architecture.class", "architecture.distribution") or name.startswith(_SOURCE_FILE):
        return True
    return (name in _options(a) or name in _options(b)) and not name.startswith(_NO_EFFECT)


def _not_comparable(a: Record, b: Record) -> str | None:
    """Return why the scores of two runs cannot be compared; None if they can."""
    card, other = a.config.card, b.config.card
    for left, right, plural in (
        (card.name, other.name, "tasks"),
        (card.tier, other.tier, "tiers"),
        (card.version, other.version, "versions of the card"),
        (card.digest[:8], other.digest[:8], "cards"),
    ):
        if left != right:
            return f"they are of different {plural}, {str(left)[:60]} and {str(right)[:60]}"
    different = [name for name in _differences(a, b) if name.startswith("task.") and not name.startswith(_NO_EFFECT)]
    if different:
        return f"their tasks differ in {', '.join(different)}"
    return None if _checksums(a) == _checksums(b) else "their data have different checksums"


def _checksums(record: Record) -> list[tuple[str, str]]:
    """Return the checksums of the data by split; the names of the files do not matter."""
    return sorted((name.rpartition("/")[0], checksum) for name, checksum in record.config.data.items())


def _metrics(a: Record, b: Record, split: str, comparable: bool) -> dict[str, MetricPair]:
    """Return each metric of either record, the deciding one first.

    Args:
        a: the first record.
        b: the second record.
        split: the split whose metrics are compared.
        comparable: whether the scores can be compared.
    """
    tables = [record.results.metrics.get(split, {}) for record in (a, b)]
    deciding = [record.config.card.metric for record in (a, b)]
    pairs = {}
    for name in sorted({*tables[0], *tables[1]}, key=lambda name: (name not in deciding, name)):
        scores = [table.get(name) for table in tables]
        value = [_finite(score.value) if score else None for score in scores]
        chance = [_finite(score.chance) if score else None for score in scores]
        best = [_finite(score.best) if score else None for score in scores]
        # If chance or best possible scores differ, the data differ, even if the cards are equal.
        same_data = comparable and (chance[0], best[0]) == (chance[1], best[1])
        difference = value[1] - value[0] if same_data and value[0] is not None and value[1] is not None else None
        direction = a.config.card.direction if name == deciding[0] else _direction(chance[0], best[0])
        better = None if difference is None or direction is None else _better(difference, direction)
        pairs[name] = MetricPair(value, chance, best, name in deciding, difference, better)
    return pairs


def _direction(chance: float | None, best: float | None) -> Direction | None:
    """Return whether low or high scores of a metric are better, from its chance and best score; None if unknown."""
    if chance is None or best is None or chance == best:
        return None
    return "max" if best > chance else "min"


def _better(difference: float, direction: Direction) -> Better:
    if not difference:
        return "neither"
    return "B" if (difference > 0) == (direction == "max") else "A"


def _costs(a: Record, b: Record) -> dict[str, CostPair]:
    """Return each cost of either record."""
    pairs, recorded = {}, [recorded_costs(record) for record in (a, b)]
    for name in (*CONFIG_COSTS, *MEASURED_COSTS):
        left, right = (_finite(costs.get(name)) for costs in recorded)
        if (left, right) != (None, None):
            ratio = right / left if left and right is not None else math.nan
            pairs[name] = CostPair([left, right], ratio if math.isfinite(ratio) else None)
    return pairs


def _curve(a: Record, b: Record) -> CurvePair | None:
    """Return the curves at a few of the steps at which both were validated; None if there is no such step."""
    scores = [_column(record.results.curves.validation, a.config.card.metric) for record in (a, b)]
    losses = [_column(record.results.curves.train, "loss") for record in (a, b)]
    steps = _spread_out(sorted(set(scores[0]) & set(scores[1])))
    if not steps:
        return None
    return CurvePair(
        step=steps,
        score=[[column[step] for column in scores] for step in steps],
        loss=[[column.get(step) for column in losses] for step in steps]
        if any(step in column for step in steps for column in losses)
        else None,
    )


def _column(curve: Mapping[str, Sequence[float | None]], name: str) -> dict[float, float]:
    """Return the values of a curve's column by step."""
    pairs = zip(curve.get("step", []), curve.get(name, []), strict=False)  # Columns of a record may differ in length.
    finite = ((_finite(step), _finite(value)) for step, value in pairs)
    return {step: value for step, value in finite if step is not None and value is not None}


def _spread_out(steps: Sequence[float]) -> list[float]:
    """Return at most ``POINTS`` of the steps, evenly spread, including the first and the last."""
    last = len(steps) - 1
    return [steps[place] for place in sorted({round(k * last / (POINTS - 1)) for k in range(POINTS)})] if steps else []
