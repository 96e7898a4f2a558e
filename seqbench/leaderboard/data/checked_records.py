"""What a board needs of a record, checked value by value: a record is a stranger's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqbench.leaderboard.data.board_card import LARGEST
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.plain_data import json_digest, short_repr

MOST_POINTS = 200
"""Points of a curve that are kept: a page cannot show more."""
MOST_TEXT = 200
"""Letters of a name or a reason that are kept."""

COSTS = (
    "seconds",
    "tokens_per_second",
    "decode_tokens_per_second",
    "peak_memory_bytes",
)
"""Figures of ``measured``: those that differ from run to run."""


@dataclass(frozen=True, slots=True)
class MetricScore:
    """A score between its chance and its best possible line; None for what nobody knows, and why."""

    value: float
    chance: float | None
    best: float | None
    best_unknown: str


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """One record, as a board sees it.

    Args:
        origin: where it was found: a path, or a run of W&B.
        checksum: of the record.
        task: the card's name.
        version: the card's.
        tier: the card's.
        card: the card's digest for that tier.
        metric: the card's primary metric.
        direction: of it.
        architecture: the name, with its encoder's where there is one.
        distribution: the name of what offers the architecture; empty for one given by its path.
        release: its version.
        options: what was chosen for the run, flat and dotted: the backbone's and the body's options, the learning rate.
        matched: the number of parameters that ``d_model`` was found for, if it was.
        seed: of the run.
        status: one of ``records.STATUSES``.
        reason: for a status other than ``ok``.
        modified: what departs from the card.
        weights: digest of those that were scored.
        test: the test metrics by name; none of a run that did not end ``ok``.
        validation: the primary metric on validation at the chosen step.
        baselines: the primary metric of the task's baselines on test.
        steps: of the validation curve.
        curve: the primary metric on validation at each of them.
        lengths: score over length, as ``(lengths, values)``.
        facts: parameters, state bytes and FLOPs per token, and what was measured; those that are known.
        device: what it ran on.
        tuning: how its learning rate was chosen.
        verified: by which checks the record was verified when it was submitted.
    """

    origin: str
    checksum: str
    task: str
    version: int
    tier: str
    card: str
    metric: str
    direction: str
    architecture: str
    distribution: str
    release: str
    options: Mapping[str, Any]
    matched: int | None
    seed: int
    status: str
    reason: str
    modified: tuple[str, ...]
    weights: str
    test: Mapping[str, MetricScore]
    validation: float | None
    baselines: Mapping[str, float]
    steps: Sequence[int]
    curve: Sequence[float]
    lengths: tuple[Sequence[int], Sequence[float]]
    facts: Mapping[str, float]
    device: str
    tuning: Mapping[str, Any]
    verified: str


def check_record_values(record: Record, origin: str) -> CheckedRecord:
    """The entry of a record.

    Raises:
        SeqbenchError: the record was edited, or lacks what every record of seqbench has; the sentence says which.
    """
    if record.checksum is None:
        raise SeqbenchError("it has no checksum; an older seqbench wrote it, or it was edited")
    if not record.intact():
        raise SeqbenchError("it was edited after it was written: its checksum is not that of what it says")
    results, config, measured = record.results, record.config, record.measured
    metric = _get(config, "card.metric", str)
    # What a run that did not end well says of scores and lines, nobody has computed.
    scored = results if record.status == "ok" else {"curves": results.get("curves")}
    test = {
        str(name)[:MOST_TEXT]: _line(line, f"results.metrics.test.{name}")
        for name, line in _get(scored, "metrics.test", dict, {}).items()
    }
    if record.status == "ok" and metric not in test:
        raise SeqbenchError(f"it ended ok and has no {short_repr(metric)} on test")
    steps, curve = _curve(_get(results, "curves.validation", dict, {}), metric)
    lengths = _get(scored, "lengths", dict, {})
    return CheckedRecord(
        origin=origin,
        checksum=record.checksum,
        task=_get(config, "card.name", str),
        version=_get(config, "card.version", int),
        tier=_get(config, "card.tier", str),
        card=_get(config, "card.digest", str),
        metric=metric,
        direction=_get(config, "card.direction", str),
        architecture=_architecture(config),
        distribution=_get(config, "architecture.distribution", str, ""),
        release=_get(config, "architecture.version", str, ""),
        options=_options(config),
        matched=_get(config, "match_params", int, None),
        seed=_get(config, "seed", int),
        status=record.status,
        reason=one_line(results.get("reason") or "", MOST_TEXT),
        modified=tuple(str(name)[:MOST_TEXT] for name in _get(config, "modified", list)),
        weights=_get(scored, "weights", str, ""),
        test=test,
        validation=_get(scored, f"metrics.validation.{metric}.value", float, None),
        baselines=_baselines(_get(scored, "baselines.test", dict, {}), metric),
        steps=steps,
        curve=curve,
        lengths=_pairs(lengths.get("length"), next((lengths[k] for k in lengths if k != "length"), None)),
        facts=_facts(config, measured),
        device=str(measured.get("device") or "")[:MOST_TEXT],
        tuning=_tuning(config.get("tuning")),
        verified=_get(record.verified or {}, "how", str, ""),
    )


def _get(data: Any, path: str, kind: type, default: Any = ...) -> Any:
    """The value at a dotted path.

    Raises:
        SeqbenchError: it is missing and there is no default, or it has another type.
    """
    value: Any = data
    for key in path.split("."):
        value = value.get(key) if type(value) is dict else None
    if value is None and default is not ...:
        return default
    kinds: Any = (int, float) if kind is float else kind
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise SeqbenchError(f"it is no record of a run: {path} should be {_KINDS[kind]}, got {short_repr(value)}")
    if kind is float and abs(value) > LARGEST:
        raise SeqbenchError(f"it is no record of a run: {path} is {short_repr(value)}, beyond any score")
    return float(value) if kind is float else value[:MOST_TEXT] if kind is str else value


_KINDS = {str: "text", int: "a whole number", float: "a number", dict: "a mapping", list: "a list"}


def _line(data: Any, where: str) -> MetricScore:
    if not isinstance(data, Mapping):
        raise SeqbenchError(f"it is no record of a run: {where} should be a mapping, got {short_repr(data)}")
    try:
        value, chance, best = (_get(data, key, float, None) for key in ("value", "chance", "best"))
    except SeqbenchError as error:
        raise SeqbenchError(f"{error} in {where}") from None
    if value is None:
        raise SeqbenchError(f"it is no record of a run: {where} has no value")
    return MetricScore(value, chance, best, str(data.get("best_unknown") or "")[:MOST_TEXT])


def _architecture(config: Mapping[str, Any]) -> str:
    name = _get(config, "architecture.name", str)
    return f"{name}+{_get(config, 'encoder.name', str)}" if config.get("encoder") else name


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    """What tells two configurations of one architecture apart; values of lists and mappings by their digest."""
    given = _get(config, "options", dict)
    found = {}
    for section in ("arch", "encoder", "body"):
        for key, value in _get(given, section, dict, {}).items():
            if key != "name":
                found[f"{section}.{key}"[:MOST_TEXT]] = short_option_value(value)
    trainer, optim = _get(given, "trainer", dict, {}), _get(given, "optim", dict)
    return {**found, "optim.lr": _get(optim, "lr", float), "trainer.precision": str(trainer.get("precision"))[:20]}


def short_option_value(value: Any) -> Any:
    """An option's value as entries have it: of what is long, or no single value, the digest."""
    short = isinstance(value, int | float | None) or (isinstance(value, str) and len(value) <= MOST_TEXT)
    return value if short else json_digest(value)[:8]


def _curve(columns: Mapping[str, Any], metric: str) -> tuple[Sequence[int], Sequence[float]]:
    return _pairs(columns.get("step"), columns.get(metric))


def _pairs(places: Any, values: Any) -> tuple[list[Any], list[float]]:
    """Two columns of numbers of equal length, thinned out to ``MOST_POINTS``; empty for anything else."""
    if not isinstance(places, list) or not isinstance(values, list) or len(places) != len(values):
        return [], []
    if not all(type(n) in (int, float) and abs(n) <= LARGEST for column in (places, values) for n in column):
        return [], []
    stride = max(1, -(-len(places) // MOST_POINTS))
    # From the end, so that the last point stays.
    return places[::-1][::stride][::-1], [float(value) for value in values[::-1][::stride][::-1]]


def _baselines(data: Mapping[str, Any], metric: str) -> dict[str, float]:
    values = {str(name)[:MOST_TEXT]: _get(line, metric, float, None) for name, line in data.items()}
    return {name: value for name, value in values.items() if value is not None}


def _facts(config: Mapping[str, Any], measured: Mapping[str, Any]) -> dict[str, float]:
    found = {name: _get(config, name, float, None) for name in ("parameters", "state_bytes", "flops_per_token")}
    found.update({name: _get(measured, name, float, None) for name in COSTS})
    return {name: value for name, value in found.items() if value is not None}


def _tuning(data: Any) -> dict[str, Any]:
    """The learning rate that was chosen, and the validation scores of all that were tried, in order."""
    if not isinstance(data, Mapping) or not isinstance(data.get("tried"), list):
        return {}
    tried = data["tried"][:MOST_POINTS]
    values = [row.get("value") if isinstance(row, Mapping) else None for row in tried]
    known = [float(v) if isinstance(v, int | float) and abs(v) <= LARGEST else None for v in values]
    return {"values": known}
