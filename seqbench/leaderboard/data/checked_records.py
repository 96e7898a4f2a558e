"""The parts of a record that a board uses, checked value by value: a record may come from anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from seqbench.leaderboard.data.board_card import LARGEST
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.plain_data import json_digest, short_repr

MOST_POINTS = 200
"""Largest number of points of a curve that are kept; a page cannot show more."""
MOST_TEXT = 200
"""Largest number of characters of a name or a reason that are kept."""
DIGEST_LENGTH = 8
"""Number of digits that stand for an option's value of several parts, or a long one."""

CONFIG_COSTS = ("parameters", "state_bytes", "flops_per_token")
"""Costs in ``config``: those that every repetition of a run has in common."""
MEASURED_COSTS = ("seconds", "tokens_per_second", "decode_tokens_per_second", "peak_memory_bytes")
"""Costs in ``measured``: those that differ from repetition to repetition."""

OptionValue = str | int | float | None
"""Value of an option of a run, a boolean among them."""

T = TypeVar("T", str, int, float)


@dataclass(frozen=True, slots=True)
class MetricScore:
    """A score with the chance score and the best possible score of its metric.

    Args:
        value: the score.
        chance: score of a predictor that knows nothing; None if unknown.
        best: best possible score; None if unknown.
        best_unknown: why the best possible score is unknown.
    """

    value: float
    chance: float | None
    best: float | None
    best_unknown: str


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """The parts of one record that a board uses.

    Args:
        origin: where the record was found: a path, or a run of W&B.
        checksum: of the record.
        task: name of the task card.
        card_version: version of the task card.
        tier: tier of the task card.
        card_digest: digest of the task card for that tier.
        metric: metric that decides.
        direction: ``min`` or ``max``: which scores are better.
        architecture: name of the architecture, with its encoder's if it has one.
        distribution: name of the distribution that offers the architecture; empty for one given by its path.
        distribution_version: version of that distribution.
        options: options of the backbone and the body, the learning rate and the precision, by dotted name.
        learning_rate: that of the run.
        matched: number of parameters that ``d_model`` was chosen for; None if it was not.
        seed: of the run.
        status: one of ``records.STATUSES``.
        reason: why the status is not ``ok``; empty if it is.
        modified: options in which the run departs from the task card.
        weights: digest of the weights that were scored.
        test: test scores by metric; empty unless the status is ``ok``.
        validation: score of the deciding metric on validation, at the chosen step.
        baselines: scores of the task's baselines in the deciding metric on test, by name.
        steps: steps of the validation curve.
        curve: score of the deciding metric on validation at each of these steps.
        lengths: sequence lengths, and the score at each of them.
        costs: parameters, bytes, FLOPs and durations that are known, by name.
        device: that the run used.
        tried: validation score of each learning rate that was tried; None for one without a score.
        verified: how the record was verified when it was submitted; empty if it was not.
    """

    origin: str
    checksum: str
    task: str
    card_version: int
    tier: str
    card_digest: str
    metric: str
    direction: str
    architecture: str
    distribution: str
    distribution_version: str
    options: Mapping[str, OptionValue]
    learning_rate: float
    matched: int | None
    seed: int
    status: str
    reason: str
    modified: tuple[str, ...]
    weights: str
    test: Mapping[str, MetricScore]
    validation: float | None
    baselines: Mapping[str, float]
    steps: Sequence[float]
    curve: Sequence[float]
    lengths: tuple[Sequence[float], Sequence[float]]
    costs: Mapping[str, float]
    device: str
    tried: Sequence[float | None]
    verified: str


def check_record_values(record: Record, origin: str) -> CheckedRecord:
    """Return the parts of a record that a board uses.

    Raises:
        SeqbenchError: the record was edited, or a value is missing or has the wrong type.
    """
    if record.checksum is None:
        raise SeqbenchError("it has no checksum; an older seqbench wrote it, or it was edited")
    if not record.intact():
        raise SeqbenchError("it was edited after it was written: its checksum does not match its contents")
    results, config = record.results, record.config
    metric = _required(config, "card.metric", str)
    # The scores in the record of a run that did not end well were computed by nobody.
    scored = results if record.status == "ok" else {}
    test = {
        str(name)[:MOST_TEXT]: _metric_score(score, f"results.metrics.test.{name}")
        for name, score in _mapping(scored, "metrics.test").items()
    }
    if record.status == "ok" and metric not in test:
        raise SeqbenchError(f"it ended ok and has no {short_repr(metric)} on test")
    validation_curve, lengths = _mapping(results, "curves.validation"), _mapping(scored, "lengths")
    steps, curve = _points(validation_curve.get("step"), validation_curve.get(metric))
    return CheckedRecord(
        origin=origin,
        checksum=record.checksum,
        task=_required(config, "card.name", str),
        card_version=_required(config, "card.version", int),
        tier=_required(config, "card.tier", str),
        card_digest=_required(config, "card.digest", str),
        metric=metric,
        direction=_required(config, "card.direction", str),
        architecture=_architecture(config),
        distribution=_optional(config, "architecture.distribution", str) or "",
        distribution_version=_optional(config, "architecture.version", str) or "",
        options=_options(config),
        learning_rate=_required(config, "options.optim.lr", float),
        matched=_optional(config, "match_params", int),
        seed=_required(config, "seed", int),
        status=record.status,
        reason=one_line(results.get("reason") or "", MOST_TEXT),
        modified=_modified(config),
        weights=_optional(scored, "weights", str) or "",
        test=test,
        validation=_optional(scored, f"metrics.validation.{metric}.value", float),
        baselines=_baselines(_mapping(scored, "baselines.test"), metric),
        steps=steps,
        curve=curve,
        lengths=_points(lengths.get("length"), next((lengths[key] for key in lengths if key != "length"), None)),
        costs=_costs(record),
        device=str(record.measured.get("device") or "")[:MOST_TEXT],
        tried=_tried(config.get("tuning")),
        verified=_optional(record.verified or {}, "how", str) or "",
    )


def short_option_value(value: object) -> OptionValue:
    """Return an option's value, or the beginning of its digest if it is long or has several parts.

    >>> short_option_value(0.5)
    0.5
    >>> short_option_value(["a", "b"])
    '0473ef2d'
    """
    if value is None or isinstance(value, int | float) or (isinstance(value, str) and len(value) <= MOST_TEXT):
        return value
    return json_digest(value)[:DIGEST_LENGTH]


def _value(data: object, path: str) -> object:
    """Return the value at a dotted path; None if a part of the path is missing."""
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return data


def _wrong_type(path: str, expected: str, value: object) -> SeqbenchError:
    return SeqbenchError(f"it is no record of a run: {path} should be {expected}, got {short_repr(value)}")


def _optional(data: object, path: str, kind: type[T]) -> T | None:
    """Return the value at a dotted path, a long text cut short; None if it is missing.

    Args:
        data: the record, or a section of it.
        path: keys from ``data`` to the value, joined by dots.
        kind: type of the value: ``str``, ``int`` or ``float`` (which accepts whole numbers as well).

    Raises:
        SeqbenchError: the value has another type, or is a number beyond any score.
    """
    value = _value(data, path)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise _wrong_type(path, _KINDS[kind], value)
    if isinstance(value, str):
        return kind(value[:MOST_TEXT])
    if kind is float and abs(value) > LARGEST:
        raise SeqbenchError(f"it is no record of a run: {path} is {short_repr(value)}, beyond any score")
    return kind(value)


def _required(data: object, path: str, kind: type[T]) -> T:
    """Return the value at a dotted path, as ``_optional`` does, but refuse a missing one.

    Raises:
        SeqbenchError: the value is missing, has another type, or is a number beyond any score.
    """
    value = _optional(data, path, kind)
    if value is None:
        raise _wrong_type(path, _KINDS[kind], value)
    return value


_KINDS: Mapping[type, str] = {str: "text", int: "a whole number", float: "a number"}


def _mapping(data: object, path: str) -> Mapping[str, object]:
    """Return the mapping at a dotted path; an empty one if it is missing.

    Raises:
        SeqbenchError: the value is no mapping.
    """
    value = _value(data, path)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _wrong_type(path, "a mapping", value)
    return value


def _modified(config: Mapping[str, object]) -> tuple[str, ...]:
    names = config.get("modified")
    if not isinstance(names, list):
        raise _wrong_type("modified", "a list", names)
    return tuple(str(name)[:MOST_TEXT] for name in names)


def _metric_score(data: object, path: str) -> MetricScore:
    if not isinstance(data, Mapping):
        raise _wrong_type(path, "a mapping", data)
    try:
        value, chance, best = (_optional(data, key, float) for key in ("value", "chance", "best"))
    except SeqbenchError as error:
        raise SeqbenchError(f"{error} in {path}") from None
    if value is None:
        raise SeqbenchError(f"it is no record of a run: {path} has no value")
    return MetricScore(value, chance, best, str(data.get("best_unknown") or "")[:MOST_TEXT])


def _architecture(config: Mapping[str, object]) -> str:
    name = _required(config, "architecture.name", str)
    return f"{name}+{_required(config, 'encoder.name', str)}" if config.get("encoder") else name


def _options(config: Mapping[str, object]) -> dict[str, OptionValue]:
    """Return the options that may distinguish two configurations of one architecture."""
    options: dict[str, OptionValue] = {}
    for section in ("arch", "encoder", "body"):
        for key, value in _mapping(config, f"options.{section}").items():
            if key != "name":
                options[f"{section}.{key}"[:MOST_TEXT]] = short_option_value(value)
    options["optim.lr"] = _required(config, "options.optim.lr", float)
    options["trainer.precision"] = str(_mapping(config, "options.trainer").get("precision"))[:20]
    return options


def _points(x: object, y: object) -> tuple[list[float], list[float]]:
    """Return two columns of numbers, thinned out to ``MOST_POINTS``; empty unless both are numbers of equal count."""
    if not isinstance(x, list) or not isinstance(y, list) or len(x) != len(y):
        return [], []
    if not all(type(n) in (int, float) and abs(n) <= LARGEST for column in (x, y) for n in column):
        return [], []
    stride = max(1, -(-len(x) // MOST_POINTS))
    # Counted from the end, so that the last point stays.
    return x[::-1][::stride][::-1], [float(value) for value in y[::-1][::stride][::-1]]


def _baselines(data: Mapping[str, object], metric: str) -> dict[str, float]:
    scores = {str(name)[:MOST_TEXT]: _optional(baseline, metric, float) for name, baseline in data.items()}
    return {name: score for name, score in scores.items() if score is not None}


def _costs(record: Record) -> dict[str, float]:
    costs = {name: _optional(record.config, name, float) for name in CONFIG_COSTS}
    costs |= {name: _optional(record.measured, name, float) for name in MEASURED_COSTS}
    return {name: cost for name, cost in costs.items() if cost is not None}


def _tried(tuning: object) -> list[float | None]:
    """Return the validation score of each learning rate that was tried, in order."""
    tried = tuning.get("tried") if isinstance(tuning, Mapping) else None
    if not isinstance(tried, list):
        return []
    scores = [trial.get("value") if isinstance(trial, Mapping) else None for trial in tried[:MOST_POINTS]]
    return [float(s) if isinstance(s, int | float) and abs(s) <= LARGEST else None for s in scores]
