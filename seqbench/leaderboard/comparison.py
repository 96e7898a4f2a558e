"""Two records side by side, as plain data: what differs, what can be compared, and what that can show."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seqbench.protocol.records import Record

COSTS = {
    **dict.fromkeys(("parameters", "state_bytes", "flops_per_token"), "config"),
    **dict.fromkeys(("tokens_per_second", "decode_tokens_per_second", "peak_memory_bytes", "seconds"), "measured"),
}
"""What a run took, and the section of the record that says it."""

POINTS = 6
"""Steps of the curves that are compared, the first and the last among them."""

_ELSEWHERE = ("digest", "modified", "options", "seed", "spec", "data_facts", "tuning", *COSTS)
"""Keys of a record's configuration that are told in another place, or follow from others."""

_WHERE = ("trainer.", "logger", "task.data_dir", "task.source")
"""Options, by their beginnings, that say where a run ran and not what it computed; of the trainer's all but one."""

_PRECISION = "trainer.precision"


def compare_records(a: Record, b: Record) -> dict[str, Any]:
    """All that can be said of two records together; each pair is of the first, A, and the second, B.

    ``differs`` names what differs in configuration, code and machine, ``changed`` those options among it that decide
    results. ``unlike`` says why scores do not mean the same, None if they do; only then are there a ``difference``
    (B - A) and a ``curve``. ``better`` is ``A``, ``B`` or ``neither``; None where nobody knows a metric's direction.
    """
    differs, unlike = _differs(a, b), _unlike(a, b)
    changed = [key for key in differs if _decides(key, a, b)]
    return {
        "runs": [_identity(record) for record in (a, b)],
        "differs": differs,
        "changed": changed,
        "unlike": unlike,
        "same_configuration": unlike is None and not set(changed) - {"seed"},
        "same_seed": get_path(a, "config.seed") == get_path(b, "config.seed"),
        "same_results": a.without_sample().results == b.without_sample().results,
        "same_record": a.digest() == b.digest(),
        "metrics": {split: _metrics(a, b, split, unlike is None) for split in ("test", "validation")},
        "costs": _costs(a, b),
        "curve": _curve(a, b) if unlike is None else {},
    }


def get_path(record: Record, path: str) -> Any:
    """The value at a dotted path, whose first part is a section of the record; None where anything is missing."""
    section, *rest = path.split(".")
    value: Any = getattr(record, section)
    for key in rest:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _mapping(record: Record, path: str) -> Mapping[str, Any]:
    value = get_path(record, path)
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    """A number that can be reckoned with; whole ones stay whole."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 2**53 or (isinstance(value, float) and abs(value) < 1e150) else None


def _identity(record: Record) -> dict[str, Any]:
    names = [get_path(record, f"config.{key}.name") for key in ("architecture", "encoder")]
    modified = get_path(record, "config.modified")
    return {
        "architecture": "+".join(str(name) for name in names if name),
        **{key: get_path(record, f"config.card.{name}") for key, name in (("task", "name"), ("tier", "tier"))},
        "seed": get_path(record, "config.seed"),
        "status": record.status,
        "reason": get_path(record, "results.reason"),
        "intact": record.intact(),
        "modified": [str(name) for name in modified] if isinstance(modified, list) else None,
    }


def _flat(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def _configuration(record: Record) -> dict[str, Any]:
    """What was run, flat and dotted: options as on the command line, then all else, and the machine."""
    rest = {key: value for key, value in record.config.items() if key not in _ELSEWHERE}
    machine = {key: get_path(record, f"measured.{key}") for key in ("device", "threads")}
    return {**dict(_flat(_mapping(record, "config.options"), "")), **dict(_flat(rest, "")), **machine}


def _differs(a: Record, b: Record) -> dict[str, list[Any]]:
    left, right = _configuration(a), _configuration(b)
    pairs = {key: [left.get(key), right.get(key)] for key in dict.fromkeys([*left, *right])}
    return {key: pair for key, pair in pairs.items() if pair[0] != pair[1]}


def _decides(key: str, a: Record, b: Record) -> bool:
    """Whether a difference is one of what was computed, rather than of where, or of the code's version."""
    if key in (_PRECISION, "architecture.class", "architecture.distribution"):
        return True
    options = {name for record in (a, b) for name, _ in _flat(_mapping(record, "config.options"), "")}
    return key in options and not key.startswith(_WHERE)


def _unlike(a: Record, b: Record) -> str | None:
    """Why the scores of two runs do not mean the same; None if they do."""
    for key, what in (("name", "tasks"), ("tier", "tiers"), ("version", "versions of the card"), ("digest", "cards")):
        pair = [get_path(record, f"config.card.{key}") for record in (a, b)]
        if pair[0] != pair[1]:
            said = [str(value)[:60] if key != "digest" else str(value)[:8] for value in pair]
            return f"they are of different {what}, {said[0]} and {said[1]}"
    told = [key for key in _differs(a, b) if key.startswith("task.") and not key.startswith(_WHERE)]
    if told:
        return f"their tasks differ in {', '.join(told)}"
    # Where files were found does not matter, only which they are.
    files = [
        sorted((str(name).rpartition("/")[0], str(value)) for name, value in _mapping(record, "config.data").items())
        for record in (a, b)
    ]
    return None if files[0] == files[1] else "their data have different checksums"


def _metrics(a: Record, b: Record, split: str, alike: bool) -> dict[str, dict[str, Any]]:
    """Each metric of either, the one that decides first: values, their lines, the difference, and which is better."""
    tables = [_mapping(record, f"results.metrics.{split}") for record in (a, b)]
    decides = [get_path(record, "config.card.metric") for record in (a, b)]
    names = sorted({*tables[0], *tables[1]}, key=lambda name: (name not in decides, name))
    found = {}
    for name in names:
        lines = [line if isinstance(line := table.get(name), Mapping) else {} for table in tables]
        value, chance, best = ([_number(line.get(key)) for line in lines] for key in ("value", "chance", "best"))
        # Other lines are other data, whatever the cards say.
        same = alike and (chance[0], best[0]) == (chance[1], best[1])
        difference = value[1] - value[0] if same and value[0] is not None and value[1] is not None else None
        way = get_path(a, "config.card.direction") if name == decides[0] else _direction(chance[0], best[0])
        found[str(name)] = {
            "value": value,
            "chance": chance,
            "best": best,
            "decides": name in decides,
            "difference": difference,
            "better": None if difference is None else _better(difference, way),
        }
    return found


def _direction(chance: float | None, best: float | None) -> str | None:
    """Which way a metric is better, as its lines tell."""
    if chance is None or best is None or chance == best:
        return None
    return "max" if best > chance else "min"


def _better(difference: float, direction: Any) -> str | None:
    if direction not in ("min", "max"):
        return None
    return "neither" if not difference else "B" if (difference > 0) == (direction == "max") else "A"


def _costs(a: Record, b: Record) -> dict[str, dict[str, Any]]:
    """What each took, and B's as a multiple of A's."""
    found = {}
    for name, section in COSTS.items():
        left, right = (_number(get_path(record, f"{section}.{name}")) for record in (a, b))
        if (left, right) != (None, None):
            ratio = right / left if left and right is not None else math.nan
            found[name] = {"value": [left, right], "ratio": ratio if math.isfinite(ratio) else None}
    return found


def _curve(a: Record, b: Record) -> dict[str, list[Any]]:
    """A few of the steps at which both were validated: their scores there, and their training losses where known."""
    metric = str(get_path(a, "config.card.metric"))
    scores = [_column(record, "validation", metric) for record in (a, b)]
    losses = [_column(record, "train", "loss") for record in (a, b)]
    steps = _some(sorted(set(scores[0]) & set(scores[1])))
    if not steps:
        return {}
    found: dict[str, list[Any]] = {"step": steps, "score": [[column[step] for column in scores] for step in steps]}
    if any(step in column for step in steps for column in losses):
        found["loss"] = [[column.get(step) for column in losses] for step in steps]
    return found


def _column(record: Record, split: str, name: str) -> dict[float, float]:
    """Values of a curve by step; what is no pair of numbers is left out."""
    curve = _mapping(record, f"results.curves.{split}")
    steps, values = curve.get("step"), curve.get(name)
    if not isinstance(steps, list) or not isinstance(values, list):
        return {}
    pairs = ((_number(step), _number(value)) for step, value in zip(steps, values, strict=False))
    return {step: value for step, value in pairs if step is not None and value is not None}


def _some(steps: Sequence[float]) -> list[float]:
    """At most ``POINTS`` of them, evenly spread."""
    last = len(steps) - 1
    return [steps[place] for place in sorted({round(k * last / (POINTS - 1)) for k in range(POINTS)})] if steps else []
