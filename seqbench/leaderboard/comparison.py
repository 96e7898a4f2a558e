"""Comparison of two records: what differs, whether their scores can be compared, and the differences of the scores."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from seqbench.protocol.records import Record

COSTS = {
    **dict.fromkeys(("parameters", "state_bytes", "flops_per_token"), "config"),
    **dict.fromkeys(("tokens_per_second", "decode_tokens_per_second", "peak_memory_bytes", "seconds"), "measured"),
}
"""Costs of a run, each with the section of the record that holds it."""

SPLITS = ("test", "validation")
"""Splits whose metrics are compared."""

POINTS = 6
"""Largest number of steps at which curves are compared."""

_NOT_CONFIGURATION = ("digest", "modified", "options", "seed", "spec", "data_facts", "tuning", *COSTS)
"""Keys of ``config`` that are compared elsewhere, or that follow from others."""

_NO_EFFECT = ("trainer.", "logger", "task.data_dir", "task.source")
"""Beginnings of the options that have no effect on results, with one exception, ``_PRECISION``."""

_PRECISION = "trainer.precision"

Better = Literal["A", "B", "neither"]
"""The record with the better score."""


@dataclass(frozen=True)
class RunIdentity:
    """What identifies a run, and whether its record can be believed.

    Args:
        architecture: name of the architecture, with its encoder's if it has one.
        task: name of the task card.
        tier: tier of the task card.
        seed: of the run.
        status: of the record.
        reason: why the status is not ``ok``.
        intact: whether the record is unchanged since it was written.
        modified: options in which the run departs from the card; None if the record does not say.
    """

    architecture: str
    task: object
    tier: object
    seed: object
    status: str
    reason: object
    intact: bool
    modified: Sequence[str] | None


@dataclass(frozen=True)
class MetricPair:
    """One metric of both records, as pairs ``[A, B]``.

    Args:
        value: the scores.
        chance: the chance scores.
        best: the best possible scores.
        decides: whether it is the deciding metric of one of the records.
        difference: B's score minus A's; None if the scores cannot be compared.
        better: the record with the better score; None if the scores or the metric's direction are unknown.
    """

    value: Sequence[float | None]
    chance: Sequence[float | None]
    best: Sequence[float | None]
    decides: bool
    difference: float | None
    better: Better | None


@dataclass(frozen=True)
class CostPair:
    """One cost of both records, as a pair ``[A, B]``, and B's as a multiple of A's; None if that is unknown."""

    value: Sequence[float | None]
    ratio: float | None


@dataclass(frozen=True)
class CurvePair:
    """The curves of both records at a few steps.

    Args:
        step: steps at which both were validated.
        score: pair ``[A, B]`` of validation scores at each step.
        loss: pair ``[A, B]`` of training losses at each step; None if neither record has one.
    """

    step: Sequence[float]
    score: Sequence[Sequence[float]]
    loss: Sequence[Sequence[float | None]] | None


@dataclass(frozen=True)
class Comparison:
    """The comparison of two records, A and B.

    Args:
        runs: what identifies A and B.
        differs: pair ``[A, B]`` of each value that differs in configuration, code or machine, by dotted name.
        changed: names among ``differs`` that have an effect on results.
        unlike: why the scores cannot be compared; None if they can.
        same_configuration: whether nothing but the seed has an effect on results.
        same_seed: whether the seeds are equal.
        same_results: whether the results are equal bit for bit.
        same_record: whether the records are equal.
        metrics: the metrics by split and name, the deciding one first.
        costs: the costs by name.
        curve: the curves; None if the scores cannot be compared or have no step in common.
    """

    runs: Sequence[RunIdentity]
    differs: Mapping[str, Sequence[object]]
    changed: Sequence[str]
    unlike: str | None
    same_configuration: bool
    same_seed: bool
    same_results: bool
    same_record: bool
    metrics: Mapping[str, Mapping[str, MetricPair]]
    costs: Mapping[str, CostPair]
    curve: CurvePair | None

    def to_plain(self) -> dict[str, object]:
        """Return the comparison as plain data, in which a curve that is None is empty."""
        curve = {} if self.curve is None else dataclasses.asdict(self.curve)
        return {
            **dataclasses.asdict(self),
            "curve": {name: column for name, column in curve.items() if column is not None},
        }


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
        same_seed=_value(a, "config.seed") == _value(b, "config.seed"),
        same_results=a.without_sample().results == b.without_sample().results,
        same_record=a.digest() == b.digest(),
        metrics={split: _metrics(a, b, split, unlike is None) for split in SPLITS},
        costs=_costs(a, b),
        curve=_curve(a, b) if unlike is None else None,
    )


def _value(record: Record, path: str) -> object:
    """Return the value at a dotted path that begins with a section of the record; None if a part is missing."""
    section, *keys = path.split(".")
    value: object = getattr(record, section).to_dict()
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _mapping(record: Record, path: str) -> Mapping[str, object]:
    value = _value(record, path)
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    """Return a number whose sums and ratios are finite; None for anything else. Whole numbers stay whole."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 2**53 or (isinstance(value, float) and abs(value) < 1e150) else None


def _identity(record: Record) -> RunIdentity:
    names = [_value(record, f"config.{key}.name") for key in ("architecture", "encoder")]
    modified = _value(record, "config.modified")
    return RunIdentity(
        architecture="+".join(str(name) for name in names if name),
        task=_value(record, "config.card.name"),
        tier=_value(record, "config.card.tier"),
        seed=_value(record, "config.seed"),
        status=record.status,
        reason=_value(record, "results.reason"),
        intact=record.intact(),
        modified=[str(name) for name in modified] if isinstance(modified, list) else None,
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
    return dict(_flatten(_mapping(record, "config.options"), ""))


def _configuration(record: Record) -> dict[str, object]:
    """Return options, code, data and machine of a run by dotted name."""
    code = {key: value for key, value in _mapping(record, "config").items() if key not in _NOT_CONFIGURATION}
    machine = {key: _value(record, f"measured.{key}") for key in ("device", "threads")}
    return {**_options(record), **dict(_flatten(code, "")), **machine}


def _differences(a: Record, b: Record) -> dict[str, list[object]]:
    left, right = _configuration(a), _configuration(b)
    pairs = {name: [left.get(name), right.get(name)] for name in dict.fromkeys([*left, *right])}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _has_effect(name: str, a: Record, b: Record) -> bool:
    """Return whether a difference has an effect on results; versions of packages and the machine have none."""
    if name in (_PRECISION, "architecture.class", "architecture.distribution"):
        return True
    return (name in _options(a) or name in _options(b)) and not name.startswith(_NO_EFFECT)


def _not_comparable(a: Record, b: Record) -> str | None:
    """Return why the scores of two runs cannot be compared; None if they can."""
    for key, plural in (("name", "tasks"), ("tier", "tiers"), ("version", "versions of the card"), ("digest", "cards")):
        pair = [_value(record, f"config.card.{key}") for record in (a, b)]
        if pair[0] != pair[1]:
            left, right = (str(value)[:60] if key != "digest" else str(value)[:8] for value in pair)
            return f"they are of different {plural}, {left} and {right}"
    different = [name for name in _differences(a, b) if name.startswith("task.") and not name.startswith(_NO_EFFECT)]
    if different:
        return f"their tasks differ in {', '.join(different)}"
    return None if _checksums(a) == _checksums(b) else "their data have different checksums"


def _checksums(record: Record) -> list[tuple[str, str]]:
    """Return the checksums of the data by split; the names of the files do not matter."""
    return sorted((str(name).rpartition("/")[0], str(value)) for name, value in _mapping(record, "config.data").items())


def _metrics(a: Record, b: Record, split: str, comparable: bool) -> dict[str, MetricPair]:
    """Return each metric of either record, the deciding one first.

    Args:
        a: the first record.
        b: the second record.
        split: whose metrics are compared.
        comparable: whether the scores can be compared.
    """
    tables = [_mapping(record, f"results.metrics.{split}") for record in (a, b)]
    deciding = [_value(record, "config.card.metric") for record in (a, b)]
    pairs = {}
    for name in sorted({*tables[0], *tables[1]}, key=lambda name: (name not in deciding, name)):
        scores = [score if isinstance(score := table.get(name), Mapping) else {} for table in tables]
        value, chance, best = ([_number(score.get(key)) for score in scores] for key in ("value", "chance", "best"))
        # Where chance or best possible score differ, the data do, whatever the cards say.
        same_data = comparable and (chance[0], best[0]) == (chance[1], best[1])
        difference = value[1] - value[0] if same_data and value[0] is not None and value[1] is not None else None
        direction = _value(a, "config.card.direction") if name == deciding[0] else _direction(chance[0], best[0])
        better = None if difference is None else _better(difference, direction)
        pairs[str(name)] = MetricPair(value, chance, best, name in deciding, difference, better)
    return pairs


def _direction(chance: float | None, best: float | None) -> str | None:
    """Return which scores of a metric are better, from its chance and best possible score; None if unknown."""
    if chance is None or best is None or chance == best:
        return None
    return "max" if best > chance else "min"


def _better(difference: float, direction: object) -> Better | None:
    if direction not in ("min", "max"):
        return None
    if not difference:
        return "neither"
    return "B" if (difference > 0) == (direction == "max") else "A"


def _costs(a: Record, b: Record) -> dict[str, CostPair]:
    """Return each cost of either record."""
    pairs = {}
    for name, section in COSTS.items():
        left, right = (_number(_value(record, f"{section}.{name}")) for record in (a, b))
        if (left, right) != (None, None):
            ratio = right / left if left and right is not None else math.nan
            pairs[name] = CostPair([left, right], ratio if math.isfinite(ratio) else None)
    return pairs


def _curve(a: Record, b: Record) -> CurvePair | None:
    """Return the curves at a few of the steps at which both were validated; None if there is no such step."""
    metric = str(_value(a, "config.card.metric"))
    scores = [_column(record, "validation", metric) for record in (a, b)]
    losses = [_column(record, "train", "loss") for record in (a, b)]
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


def _column(record: Record, split: str, name: str) -> dict[float, float]:
    """Return the values of a curve by step; pairs that are not two numbers are left out."""
    curve = _mapping(record, f"results.curves.{split}")
    steps, values = curve.get("step"), curve.get(name)
    if not isinstance(steps, list) or not isinstance(values, list):
        return {}
    pairs = ((_number(step), _number(value)) for step, value in zip(steps, values, strict=False))
    return {step: value for step, value in pairs if step is not None and value is not None}


def _spread_out(steps: Sequence[float]) -> list[float]:
    """Return at most ``POINTS`` of the steps, evenly spread, the first and the last among them."""
    last = len(steps) - 1
    return [steps[place] for place in sorted({round(k * last / (POINTS - 1)) for k in range(POINTS)})] if steps else []
