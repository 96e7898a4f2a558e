"""The numbers of a figure: mean curves and final scores of groups of runs, with 95 % intervals over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seqbench.leaderboard.data import recorded_costs
from seqbench.leaderboard.figures.run_groups import FigureRuns, RunGroup
from seqbench.leaderboard.stats.intervals import mean_interval
from seqbench.protocol.records import Record
from seqbench.utils.errors import SeqbenchError, did_you_mean

X_AXES = ("steps", "seconds", "tokens")
"""Horizontal axes of learning curves."""
SPLITS = ("validation", "train")
"""Splits that have a curve; that of ``train`` is the training loss."""


@dataclass(frozen=True)
class MeanCurve:
    """The mean curve of a group.

    Args:
        label: name of the group.
        seeds: number of runs.
        x: positions along the horizontal axis.
        mean: mean over the seeds.
        half_width: half the 95 % interval of the mean; None for one seed.
    """

    label: str
    seeds: int
    x: Sequence[float]
    mean: Sequence[float]
    half_width: Sequence[float] | None


@dataclass(frozen=True)
class FinalScore:
    """The final scores of a group.

    Args:
        label: name of the group.
        scores: score of each seed.
        mean: their mean.
        half_width: half the 95 % interval of the mean; None for one seed.
    """

    label: str
    scores: Sequence[float]
    mean: float
    half_width: float | None


@dataclass(frozen=True)
class References:
    """The reference lines of a figure; None where a score is unknown, or differs between the runs."""

    chance: float | None
    best: float | None


def mean_curves(runs: FigureRuns, metric: str, split: str, x: str) -> list[MeanCurve]:
    """Return the mean curve of each group, at the steps that all of its runs have.

    Seconds and tokens are not recorded at each point. They are the step times the mean of the whole run, of the
    median run of the group.

    Args:
        runs: the runs.
        metric: name of the metric; ``loss`` for the training loss.
        split: one of ``SPLITS``.
        x: one of ``X_AXES``.

    Raises:
        SeqbenchError: a run has no such curve, the runs of a group have no step in common, or a run did not record its
            duration.
    """
    return [_mean_curve(group, metric, split, x) for group in runs.groups]


def _mean_curve(group: RunGroup, metric: str, split: str, x: str) -> MeanCurve:
    curves = [_curve(record, metric, split) for record in group.records]
    common = sorted(set.intersection(*(set(curve) for curve in curves)))
    if not common:
        raise SeqbenchError(f"the runs of {group.label} have no {split} step in common; draw them apart.")
    intervals = [mean_interval(curve[step] for curve in curves) for step in common]
    scale = statistics.median(_units_per_step(record, x) for record in group.records)
    widths = None if len(curves) < 2 else [interval.half_width or 0.0 for interval in intervals]
    return MeanCurve(
        group.label, len(curves), [step * scale for step in common], [one.mean for one in intervals], widths
    )


def _curve(record: Record, metric: str, split: str) -> Mapping[float, float]:
    """Return the values of a curve by step.

    Raises:
        SeqbenchError: the record has no such curve.
    """
    columns = record.results.curves.validation if split == "validation" else record.results.curves.train
    names = [name for name, column in columns.items() if name != "step" and column]
    if metric not in names:
        if not names:
            raise SeqbenchError(f"the record of {record.headline()} has no {split} curve; leave this run out.")
        raise SeqbenchError(f"there is no {split} curve of '{metric}'.{did_you_mean(metric, names)}")
    pairs = zip(columns["step"], columns[metric], strict=False)
    return {step: value for step, value in pairs if step is not None and value is not None}


def _units_per_step(record: Record, x: str) -> float:
    """Return the mean seconds or tokens of one optimiser step; 1 for steps.

    Raises:
        SeqbenchError: the record does not hold them.
    """
    if x == "steps":
        return 1.0
    measured, steps = record.measured, record.config.options.optim.steps
    seconds = measured.training_seconds
    per_second = 1.0 if x == "seconds" else recorded_costs.tokens_per_second(record)
    if seconds is None or per_second is None or not steps:
        raise SeqbenchError(f"the record of {record.headline()} holds no {x}; choose --x steps.")
    return seconds * per_second / steps


def final_scores(runs: FigureRuns, metric: str, split: str) -> list[FinalScore]:
    """Return the final scores of each group, best group first.

    Args:
        runs: the runs.
        metric: name of the metric.
        split: ``test`` or ``validation``.

    Raises:
        SeqbenchError: a run has no score of this metric, or an undefined one.
    """
    groups = []
    for group in runs.groups:
        scores = [_score(record, metric, split) for record in group.records]
        interval = mean_interval(scores)
        groups.append(FinalScore(group.label, scores, interval.mean, interval.half_width))
    best_first = sorted(groups, key=lambda group: group.mean, reverse=higher_is_better(runs, metric))
    return best_first


def _score(record: Record, metric: str, split: str) -> float:
    scores = record.results.metrics.get(split, {})
    if metric not in scores:
        raise SeqbenchError(f"the runs have no score of '{metric}' on {split}.{did_you_mean(metric, list(scores))}")
    value = scores[metric].value
    if value is None:
        raise SeqbenchError(f"{metric} on {split} is undefined in {record.headline()}; leave this run out.")
    return value


def higher_is_better(runs: FigureRuns, metric: str) -> bool:
    """Return whether higher values of a metric are better: by the card, or else by its best possible score."""
    if metric == runs.metric:
        return runs.direction == "max"
    for group in runs.groups:
        score = group.records[0].results.metrics.get("test", {}).get(metric)
        if score is not None and score.chance is not None and score.best is not None:
            return score.best > score.chance
    return not any(word in metric for word in ("loss", "error", "nll", "mse", "mae", "perplexity", "bits"))


def reference_lines(runs: FigureRuns, metric: str, split: str) -> References:
    """Return chance and best possible score of a metric, where all runs have the same."""
    scores = [record.results.metrics.get(split, {}).get(metric) for group in runs.groups for record in group.records]
    chances = {None if score is None else score.chance for score in scores}
    bests = {None if score is None else score.best for score in scores}
    return References(
        chances.pop() if len(chances) == 1 else None,
        bests.pop() if len(bests) == 1 else None,
    )
