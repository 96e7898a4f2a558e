"""The metrics that a task gives on validation and test, and the check that the metrics of its card are among them."""

from __future__ import annotations

from seqbench.datamodules.base import SequenceDataModule
from seqbench.models import length_scores
from seqbench.models.length_scores import LONGER, SEEN_AND_LONGER
from seqbench.models.objectives import Objective
from seqbench.protocol.cards import Metric
from seqbench.protocol.specs import TokenSequence
from seqbench.utils.errors import SeqbenchError


def scored_metrics(data: SequenceDataModule, objective: Objective, stage: str) -> set[str]:
    """Return the names of the metrics that models get on a stage, probes included.

    The names of scores of decoded sequences are those of ``chance``, because nothing is decoded here.

    Args:
        data: data of the task.
        objective: objective of the task.
        stage: ``validation`` or ``test``.
    """
    values: dict[str, float | None] = dict.fromkeys(objective.metric_sizes, 0.0)
    longer = length_scores.scores_over_lengths(data, stage, dict.fromkeys(data.splits(stage), values))
    decoded = set(data.chance(stage)) if isinstance(data.spec.output, TokenSequence) else set()
    return {*values, *longer, *decoded}


def missing_metric(data: SequenceDataModule, objective: Objective, metric: Metric, stage: str) -> str:
    """Return a sentence if a task does not give the metric by which a card compares runs on a stage; otherwise "".

    Args:
        data: data of the task.
        objective: objective of the task.
        metric: metric of the card: that of ``test``, and that of ``validation``, which selects weights and rates.
        stage: ``validation`` or ``test``.
    """
    name, known = metric.of_split(stage), scored_metrics(data, objective, stage)
    if name in known:
        return ""
    longest = data.trained_length or 0
    if name in (LONGER, SEEN_AND_LONGER) and not any(length > longest for length in data.probes_of(stage)):
        return (
            f"{stage} {name} needs sequences of more than {longest} steps, the longest of training, and the data "
            f"have none; add a longer {stage} length, or train on shorter sequences."
        )
    key = "metric.selection" if stage == "validation" and metric.selection else "metric.name"
    return (
        f"the card's {key} is '{name}', and the task gives the {stage} metrics {', '.join(sorted(known))}; name one "
        f"of them."
    )


def require_metrics(data: SequenceDataModule, objective: Objective, metric: Metric) -> None:
    """Check that a task gives the metrics that decide and that select weights, before anything is trained.

    Args:
        data: data of the task.
        objective: objective of the task.
        metric: metric of the card.

    Raises:
        SeqbenchError: the task does not give one of them.
    """
    for stage in ("validation", "test"):
        if reason := missing_metric(data, objective, metric, stage):
            raise SeqbenchError(reason)
