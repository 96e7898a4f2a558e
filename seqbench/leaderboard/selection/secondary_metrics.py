"""Test metrics that a board shows beside the deciding one, such as accuracy at greater lengths, or chrF beside BLEU."""

from __future__ import annotations

from collections.abc import Sequence

from seqbench.leaderboard.data.checked_records import CheckedRecord, MetricScore
from seqbench.leaderboard.selection.record_eligibility import Cells
from seqbench.leaderboard.stats.intervals import Interval, mean_interval
from seqbench.leaderboard.task_data import SecondaryMetric, SeedData
from seqbench.utils.errors import did_you_mean


def find_secondary_metrics(names: Sequence[str], cells: Cells) -> list[SecondaryMetric]:
    """Return the named metrics that at least one record has, with their chance and best possible scores.

    Args:
        names: metrics that the board asks for.
        cells: records of the task, by row label and seed.
    """
    scores = {name: score for name in names if (score := _first_score(name, cells)) is not None}
    return [SecondaryMetric(name, score.chance, score.best) for name, score in scores.items()]


def secondary_problems(names: Sequence[str], cells: Cells) -> list[str]:
    """Return a sentence for each named metric that no record has; none if there is no record.

    Args:
        names: metrics that the board asks for.
        cells: records of the task, by row label and seed.
    """
    known = {name for seeds in cells.values() for record in seeds.values() for name in record.test}
    unknown = [name for name in names if known and name not in known]
    return [f"no record has its secondary metric '{name}'.{did_you_mean(name, sorted(known))}" for name in unknown]


def seed_secondary_values(record: CheckedRecord, metrics: Sequence[SecondaryMetric]) -> dict[str, float | None]:
    """Return a record's score in each metric; a diverged run counts as chance, as it does in the deciding metric.

    Args:
        record: the record of one seed.
        metrics: the metrics to look up.
    """
    if record.diverged:
        return {metric.metric: metric.chance for metric in metrics}
    return {
        metric.metric: record.test[metric.metric].value if metric.metric in record.test else None for metric in metrics
    }


def row_secondary_means(seeds: Sequence[SeedData], metrics: Sequence[SecondaryMetric]) -> dict[str, Interval]:
    """Return the mean of each metric with its 95 % interval, over the seeds that have a score.

    A metric that one of those seeds lacks is left out, because its mean would cover fewer runs than that of the score.

    Args:
        seeds: the seeds of a row.
        metrics: the metrics to average.
    """
    means = {}
    for metric in metrics:
        values = [seed.secondary.get(metric.metric) for seed in seeds if seed.value is not None]
        known = [value for value in values if value is not None]
        if known and len(known) == len(values):
            means[metric.metric] = mean_interval(known)
    return means


def _first_score(name: str, cells: Cells) -> MetricScore | None:
    records = (record for seeds in cells.values() for record in seeds.values())
    return next((record.test[name] for record in records if name in record.test), None)
