"""Check that the values of a record are possible: scores, curves, baselines, counts and costs.

The boards and the verification use this one function. It needs no data and no net. It finds values that no run can
have, such as an accuracy of 1e20 or a likelihood below 0; a false score that is possible is found by its checkpoint.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from seqbench.protocol.limits.metric_ranges import COUNT, MetricRange, ranges_of_task, rounding
from seqbench.protocol.record_fields import Score
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr

SAMPLING = 0.05
"""Largest excess over a best possible score that is an expectation, as a share of the way from chance to it.

The best possible score of a random source is its mean over all samples, so the score on one test split may be better.
"""
MOST_NAMED = 3
"""Largest number of impossible values that an error names."""
CONFIG_COUNTS = ("parameters", "state_bytes", "flops_per_token", "match_params", "seed")
MEASURED_COUNTS = (
    *("started", "seconds", "training_seconds", "steps_per_second", "tokens_per_second", "peak_memory_bytes"),
    *("threads", "decode_tokens_per_second"),
)
"""Fields of ``measured`` that cannot be below 0."""


def require_possible_values(record: Record) -> None:
    """Check that every value of a record is possible.

    Raises:
        SeqbenchError: some are not; the message names the first ones.
    """
    impossible = list(itertools.islice(find_impossible_values(record), MOST_NAMED))
    if impossible:
        raise SeqbenchError(f"no run can have these values: {'; '.join(impossible)}")


def find_impossible_values(record: Record) -> Iterator[str]:
    """Yield a phrase for each value of a record that is impossible, which names the field and the limit."""
    ranges = ranges_of_task(record.config.card.name)
    yield from _impossible_scores(record, ranges)
    yield from _impossible_curves(record, ranges)
    for name in CONFIG_COUNTS:
        yield from _outside(COUNT, getattr(record.config, name), f"config.{name}")
    for name in MEASURED_COUNTS:
        yield from _outside(COUNT, getattr(record.measured, name), f"measured.{name}")
    for trial in record.config.tuning.tried if record.config.tuning else ():
        metric = record.config.tuning.metric if record.config.tuning else ""
        yield from _outside(_range(record, ranges, metric), trial.value, f"config.tuning.tried.{metric}")


def _impossible_scores(record: Record, ranges: Mapping[str, MetricRange]) -> Iterator[str]:
    """Yield the impossible scores, chance scores, best possible scores and baselines of both splits."""
    results = record.results
    for split, metrics in results.metrics.items():
        for name, score in metrics.items():
            place, limits = f"results.metrics.{split}.{name}", _range(record, ranges, name)
            for field in ("value", "chance", "best"):
                yield from _outside(limits, getattr(score, field), f"{place}.{field}")
            yield from _beyond_best(score, limits, score.value, f"{place}.value")
            if _is_beyond(score.chance, score.best, limits.direction, rounding(score.best or 0.0)):
                yield f"{place}.chance is {short_repr(score.chance)}, better than the best possible {score.best:g}"
    for split, baselines in results.baselines.items():
        for baseline, scores in baselines.items():
            for name, value in scores.items():
                yield from _outside(_range(record, ranges, name), value, f"results.baselines.{split}.{baseline}.{name}")


def _impossible_curves(record: Record, ranges: Mapping[str, MetricRange]) -> Iterator[str]:
    """Yield the impossible values of the learning curves and of the scores by length."""
    results, steps = record.results, record.config.options.optim.steps
    for kind, columns in (("train", results.curves.train), ("validation", results.curves.validation)):
        yield from _wrong_steps(columns, steps, f"results.curves.{kind}", record.status == "ok")
    if not record.config.own_training:  # A module with training of its own may have any loss.
        yield from _outside_column(ranges["loss"], results.curves.train.get("loss", ()), "results.curves.train.loss")
    for name, column in results.curves.validation.items():
        place, limits = f"results.curves.validation.{name}", _range(record, ranges, name)
        yield from _outside_column(limits, column, place)
        score = results.metrics.get("validation", {}).get(name)
        values = [value for value in column if value is not None]
        if score is not None and score.best is not None and values:
            yield from _beyond_best(score, limits, max(values) if limits.direction == "max" else min(values), place)
    for name, values in results.lengths.items():
        yield from _outside_column(_range(record, ranges, name), values, f"results.lengths.{name}")
    yield from _outside(MetricRange(0, steps), results.best_step, "results.best_step")


def _range(record: Record, ranges: Mapping[str, MetricRange], name: str) -> MetricRange:
    """Return the range of a metric; the deciding metric has the direction of its card."""
    found, card = ranges.get(name, MetricRange()), record.config.card
    return found if found.direction or name != card.metric else replace(found, direction=card.direction)


def _outside(limits: MetricRange, value: float | None, place: str) -> Iterator[str]:
    if value is not None and (objection := limits.objection(value)):
        yield f"{place} is {short_repr(value)}, {objection}"


def _outside_column(limits: MetricRange, column: Iterable[float | None], place: str) -> Iterator[str]:
    """Yield a phrase for the lowest or the highest value of a column if it is impossible."""
    values = [value for value in column if value is not None]
    for value in (min(values), max(values)) if values else ():
        yield from _outside(limits, value, place)


def _beyond_best(score: Score, limits: MetricRange, value: float | None, place: str) -> Iterator[str]:
    """Yield a phrase if a value is better than the best possible score by more than rounding and sampling explain."""
    if score.best is None:
        return
    margin = rounding(score.best)
    if score.chance is not None and not limits.exact and score.best not in (limits.lowest, limits.highest):
        margin = max(margin, SAMPLING * abs(score.best - score.chance))
    if _is_beyond(value, score.best, limits.direction, margin):
        yield f"{place} is {short_repr(value)}, better than the best possible {score.best:g}"


def _is_beyond(value: float | None, best: float | None, direction: str, margin: float) -> bool:
    """Return whether a value is better than the best possible one; False if either or the direction is unknown."""
    if value is None or best is None or not direction:
        return False
    return (value - best if direction == "max" else best - value) > margin


def _wrong_steps(columns: Mapping[str, Sequence[float | None]], steps: int, place: str, ended: bool) -> Iterator[str]:
    """Yield a phrase if columns of a curve have other lengths, or steps that do not rise from 0 to the last one.

    Args:
        columns: the columns by name; ``step`` is one of them, unless the curve is empty.
        steps: steps of the whole run.
        place: name of the curve.
        ended: whether the run ended well; a run that diverged may lack the last score of some metrics.
    """
    lengths = {name: len(column) for name, column in columns.items()}
    if lengths and max(lengths.values()) - min(lengths.values()) > (not ended):
        yield f"{place} has columns of {min(lengths.values())} to {max(lengths.values())} points"
    axis = [step for step in columns.get("step", ()) if step is not None]
    rising = all(first < second for first, second in itertools.pairwise(axis))
    if not rising or (axis and not 0 <= axis[0] <= axis[-1] <= steps) or len(axis) != lengths.get("step", 0):
        yield f"{place}.step does not rise from 0 to at most {steps}"
