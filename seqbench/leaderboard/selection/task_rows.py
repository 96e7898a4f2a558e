"""The rows of one task: what its records say of each architecture, as plain data."""

from __future__ import annotations

import math
import statistics as means
from collections.abc import Mapping, Sequence
from typing import Any

from seqbench.leaderboard.data.board_card import Board
from seqbench.leaderboard.data.checked_records import CheckedRecord, MetricScore
from seqbench.leaderboard.selection import secondary_metrics
from seqbench.leaderboard.stats import aggregate, intervals, ranking
from seqbench.protocol.cards import Card, Metric
from seqbench.protocol.chance import above_chance

SOLVED = 0.99
"""Share of the way from chance to the best possible from which a seed has solved its task."""

RANKED, OUTDONE, INCOMPLETE = "ranked", "outdone", "incomplete"
MISSING, NOT_APPLICABLE = "missing", "not applicable"
"""States of a cell; those that are not ranked give a reason."""


def build_task_data(
    board: Board, task: str, card: Card, cells: Mapping[str, Mapping[int, CheckedRecord]], labels: Mapping[str, str]
) -> dict[str, Any]:
    """A task's section of a board.

    Args:
        board: its rules.
        task: as the board names it.
        card: the task's.
        cells: the records that count, by row and seed.
        labels: all rows of the board with their architectures, so that those without a record here are seen as missing.
    """
    line = _line(cells)
    anchor = board.tasks[task].anchor if line.best is None else None
    astray = anchor is not None and line.chance is not None and not card.metric.better(anchor, line.chance)
    anchor = None if astray else anchor
    scale = (line.chance, anchor if line.best is None else line.best)
    worst = _worst(card.metric, cells, line.chance)
    beside = secondary_metrics.find_secondary_metrics(board.tasks[task].secondary, cells)
    rows = [_row(board, card, label, seeds, line, worst, scale, beside) for label, seeds in cells.items()]
    _outdo(rows, cells, card.metric)
    ranked = [row for row in rows if row["state"] == RANKED]
    samples = [[seed["value"] for seed in row["seeds"]] for row in ranked]
    for row, rank in zip(ranked, ranking.rank_samples(samples, card.metric.direction), strict=True):
        row["rank"] = rank
    rows += _without_records(board, task, labels, cells)
    rows.sort(key=lambda row: _order(row, card.metric))
    entry = next((entry for seeds in cells.values() for entry in seeds.values() if entry.baselines), None)
    size = board.size_for(task)
    problems = [f"its anchor {board.tasks[task].anchor} is no better than chance"] if astray else []
    problems += secondary_metrics.secondary_problems(board.tasks[task].secondary, cells)
    return {
        "task": task,
        "name": card.name,
        "summary": card.summary,
        "card": {"version": card.version, "digest": card.digest(board.tier)},
        "metric": card.metric.name,
        "direction": card.metric.direction,
        "size": {"parameters": size.parameters, "tolerance": size.tolerance} if size else None,
        "chance": line.chance,
        "best": line.best,
        "best_unknown": line.best_unknown,
        "anchor": anchor,
        "problems": problems,
        "anchor_source": board.tasks[task].anchor_source if anchor is not None else "",
        "baselines": dict(sorted(entry.baselines.items())) if entry else {},
        "published": _published(card, board.tier),
        "secondary": beside,
        "rows": rows,
    }


def _row(
    board: Board,
    card: Card,
    label: str,
    seeds: Mapping[int, CheckedRecord],
    line: MetricScore,
    worst: float | None,
    scale: tuple[float | None, float | None],
    beside: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    entries = list(seeds.values())
    first = entries[0]
    cells = [_seed(seed, seeds.get(seed), card.metric.name, worst, scale, beside) for seed in range(board.seeds)]
    values = [cell["value"] for cell in cells if cell["value"] is not None]
    spread = intervals.mean_interval(values) if values else None
    lacking = [f"seed {cell['seed']}: {cell['reason'] or cell['status']}" for cell in cells if cell["value"] is None]
    mean = spread.mean if spread else None
    done = [entry for entry in entries if entry.status == "ok"]
    solved = [cell["score"] >= SOLVED for cell in cells if cell["score"] is not None and line.best is not None]
    return {
        "label": label,
        "architecture": first.architecture,
        "state": INCOMPLETE if lacking else RANKED,
        "reason": "; ".join(lacking),
        "rank": None,
        "mean": mean,
        "half_width": spread.half_width if spread else None,
        "secondary": secondary_metrics.row_secondary_means(cells, beside),
        "above_chance": None if mean is None else above_chance(mean, line.chance, line.best, card.metric.direction),
        "below_chance": mean is not None and line.chance is not None and card.metric.better(line.chance, mean),
        "solved": sum(solved) if solved else None,
        "diverged": sum(entry.status == "diverged" for entry in entries),
        "seeds": cells,
        "costs": _costs(done or entries),
        "curve": _curve(done),
        "lengths": _lengths(done),
        "budget": _budget(first, card.metric),
    }


def _seed(
    seed: int,
    entry: CheckedRecord | None,
    metric: str,
    worst: float | None,
    scale: tuple[float | None, float | None],
    beside: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """One seed of a cell; a diverged one stands at chance, whatever else would be left of it."""
    if entry is None:
        absent = {"seed": seed, "status": MISSING, "reason": "no record"}
        return {**absent, "value": None, "score": None, "secondary": {}}
    value = entry.test[metric].value if entry.status == "ok" else worst if entry.status == "diverged" else None
    return {
        "seed": seed,
        "status": entry.status,
        "reason": entry.reason if entry.status != "ok" else "",
        "value": value,
        "score": rescale_score(value, scale),
        "secondary": secondary_metrics.seed_secondary_values(entry, beside),
        "record": entry.origin,
        "checksum": entry.checksum,
        "verified": entry.verified,
    }


def rescale_score(value: float | None, scale: tuple[float | None, float | None]) -> float | None:
    """A value between chance (0) and the best possible or its anchor (1); None where either is unknown."""
    chance, best = scale
    if value is None or chance is None or best is None or chance == best:
        return None
    return aggregate.normalise_score(value, chance, best)


def _line(cells: Mapping[str, Mapping[int, CheckedRecord]]) -> MetricScore:
    """The lines that the records of a task agree in."""
    for seeds in cells.values():
        for entry in seeds.values():
            if entry.metric in entry.test:
                return entry.test[entry.metric]
    return MetricScore(math.nan, None, None, "")


def _worst(metric: Metric, cells: Mapping[str, Mapping[int, CheckedRecord]], chance: float | None) -> float | None:
    """What a diverged seed counts as: chance, or, where that is unknown, the worst that any seed reached."""
    if chance is not None:
        return chance
    values = [e.test[e.metric].value for seeds in cells.values() for e in seeds.values() if e.status == "ok"]
    return (min(values) if metric.direction == "max" else max(values)) if values else None


def _costs(entries: Sequence[CheckedRecord]) -> dict[str, Any]:
    """Means over seeds of what a run took, and what was chosen for it."""
    names = dict.fromkeys(name for entry in entries for name in entry.facts)
    found: dict[str, Any] = {name: means.fmean(e.facts[name] for e in entries if name in e.facts) for name in names}
    for name in ("parameters", "state_bytes"):
        if name in found:
            found[name] = round(found[name])
    rates = sorted({entry.options["optim.lr"] for entry in entries})
    tried = max(len(entry.tuning.get("values", ())) for entry in entries)
    return {
        **dict(sorted(found.items())),
        "lr": ", ".join(f"{rate:g}" for rate in rates),
        "tried": tried,
        "device": "; ".join(sorted({entry.device for entry in entries if entry.device})),
        "distribution": "; ".join(sorted({_offered(entry) for entry in entries})),
    }


def _offered(entry: CheckedRecord) -> str:
    return f"{entry.distribution} {entry.release}".strip() or "by its path"


def _outdo(rows: Sequence[dict[str, Any]], cells: Mapping[str, Mapping[int, CheckedRecord]], metric: Metric) -> None:
    """Of an architecture's configurations the best on validation ranks: the more of them, the less a rank would say."""
    best: dict[tuple[str, str], tuple[float, str]] = {}
    for row in rows:
        entries = list(cells[row["label"]].values())
        values = [entry.validation for entry in entries if entry.validation is not None]
        if row["state"] != RANKED or len(values) < len(entries):
            continue
        key, mean = (entries[0].architecture, entries[0].distribution), means.fmean(values)
        if key not in best or metric.better(mean, best[key][0]):
            best[key] = mean, row["label"]
    for row in rows:
        first = next(iter(cells[row["label"]].values()))
        chosen = best.get((first.architecture, first.distribution))
        if row["state"] == RANKED and chosen and chosen[1] != row["label"]:
            row.update(state=OUTDONE, reason=f"{chosen[1]} is better on validation, and ranks for both")


def _curve(entries: Sequence[CheckedRecord]) -> dict[str, list[float]]:
    """The validation score over steps: mean, lowest and highest over the seeds that have a step."""
    points: dict[float, list[float]] = {}
    for entry in entries:
        for step, value in zip(entry.steps, entry.curve, strict=True):
            points.setdefault(step, []).append(value)
    return _spread(points, "step")


def _lengths(entries: Sequence[CheckedRecord]) -> dict[str, list[float]]:
    points: dict[float, list[float]] = {}
    for entry in entries:
        for length, value in zip(*entry.lengths, strict=True):
            points.setdefault(length, []).append(value)
    return _spread(points, "length")


def _spread(points: Mapping[float, list[float]], name: str) -> dict[str, list[float]]:
    places = sorted(points)
    if not places:
        return {}
    return {
        name: places,
        "mean": [means.fmean(points[place]) for place in places],
        "low": [min(points[place]) for place in places],
        "high": [max(points[place]) for place in places],
    }


def _budget(entry: CheckedRecord, metric: Metric) -> list[float]:
    """The validation score to expect after 1, 2, ... of the learning rates that were tried, in any order.

    The expected best of k out of n, as Dodge et al. 2019 (arXiv 1909.03004, section 3) have it, but drawn without
    replacement: with so few trials, nobody tries one twice.
    """
    values = entry.tuning.get("values", [])
    known = [value for value in values if value is not None]
    if not known:
        return []
    worst = min(known) if metric.direction == "max" else max(known)
    ordered = sorted((worst if value is None else value for value in values), reverse=metric.direction == "min")
    n = len(ordered)
    return [
        sum(value * math.comb(place, k - 1) for place, value in enumerate(ordered)) / math.comb(n, k)
        for k in range(1, n + 1)
    ]


def _published(card: Card, tier: str) -> list[dict[str, Any]]:
    return [
        {"architecture": r.architecture, "value": r.value, "setting": r.setting, "source": r.source}
        for r in card.references
        if r.metric == card.metric.name and (not r.tiers or tier in r.tiers)
    ]


def _without_records(
    board: Board, task: str, labels: Mapping[str, str], cells: Mapping[str, Mapping[int, CheckedRecord]]
) -> list[dict[str, Any]]:
    excused = {item.architecture: item.reason for item in board.not_applicable if item.task == task}
    rows: list[dict[str, Any]] = []
    unknown = {name: name for name in excused if name not in labels.values()}
    for label, name in {**labels, **unknown}.items():
        if label in cells:
            continue
        state, reason = (NOT_APPLICABLE, excused[name]) if name in excused else (MISSING, "no record that counts")
        rows.append({"label": label, "architecture": name, "state": state, "reason": reason, "rank": None, "seeds": []})
    return rows


def _order(row: Mapping[str, Any], metric: Metric) -> tuple[Any, ...]:
    """Best first; then those that do not rank, by their names."""
    place = (RANKED, OUTDONE, INCOMPLETE, MISSING, NOT_APPLICABLE).index(row["state"])
    mean = row.get("mean")
    worse = math.inf if mean is None else mean if metric.direction == "min" else -mean
    return place, worse, row["label"]
