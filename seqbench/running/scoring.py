"""Turn the metrics of evaluated splits into scores with their chance and best possible values."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import NotRequired, Protocol, TypedDict

from seqbench.datamodules.base import SequenceDataModule
from seqbench.models import length_scores
from seqbench.models.length_scores import LONGER
from seqbench.models.module import SequenceModule
from seqbench.models.sample_scores import SampleScores
from seqbench.models.sampling_error import GROUPS
from seqbench.models.weights import weights_digest
from seqbench.protocol.cards import Metric
from seqbench.protocol.chance import above_chance
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.utils.errors import SeqbenchError


class ScoreFields(TypedDict):
    """The score of one metric on one split; see ``protocol.record_fields.Score``."""

    value: float | None
    chance: float | None
    best: float | None
    best_unknown: NotRequired[str]
    undefined: NotRequired[str]
    standard_error: NotRequired[float]
    sample_groups: NotRequired[list[float]]


UNDEFINED = "0/0: the split holds nothing that this metric counts"
"""Reason why a score is undefined."""


class ChanceAndBest(TypedDict):
    """The score of a chance predictor and the best possible score."""

    chance: float | None
    best: float | None


class Evaluated(Protocol):
    """The metrics of evaluated splits: a ``SequenceModule`` after its evaluation, or the result of blind scoring."""

    @property
    def data(self) -> SequenceDataModule | None:
        """The data of the task."""

    @property
    def evaluated(self) -> Mapping[str, Mapping[str, float | None]]:
        """Metrics of each split; None for one that is undefined."""

    @property
    def decoded(self) -> Mapping[str, Mapping[int, list[int]]]:
        """Decoded tokens of each sample of each split, if outputs are token sequences."""

    @property
    def samples(self) -> Mapping[str, SampleScores]:
        """Scores and predictions of each sample of each tested split."""


def score_run(
    module: SequenceModule, validation: Mapping[str, list[float | None]], best_step: int, metric: Metric
) -> dict[str, object]:
    """Return the scores of a tested module, as fields of a record's ``results``.

    Args:
        module: module with its data, tested with its best weights.
        validation: validation curve by which the weights were chosen: a column for each metric, and ``step``.
        best_step: training step of the weights.
        metric: the task's primary metric.
    """
    data = _require_data(module)
    row = validation["step"].index(best_step)
    values = {name: column[row] for name, column in validation.items() if name != "step"}
    test = split_metrics(module, "test")
    require_given(test, "test", metric.name)
    primary = test[metric.name]
    value = require_defined(primary["value"], "test", metric.name)
    if groups := sample_groups(module, metric.name):
        primary["sample_groups"] = groups
    scores: dict[str, object] = {
        "best_step": best_step,
        "weights": weights_digest(module),
        "metrics": {"validation": _add_chance_and_best(data, "validation", values), "test": test},
        "baselines": {split: dict(data.baselines(split)) for split in SCORED_SPLITS},
        "above_chance": above_chance(value, primary["chance"], primary["best"], metric.direction),
    }
    predictions, lengths = prediction_digests(module), length_curves(module)
    scores |= {"predictions": predictions} if predictions else {}
    return {**scores, "lengths": dict(lengths)} if lengths else scores


def require_given(names: Collection[str], split: str, metric: str) -> None:
    """Check that a split has the metric that compares runs on it.

    Args:
        names: names of the metrics of the split.
        split: name of the split.
        metric: name of the metric.

    Raises:
        SeqbenchError: the split has no such metric.
    """
    if metric not in names:
        raise SeqbenchError(
            f"the deciding metric, {split} {metric}, is not among the metrics of the task: {', '.join(sorted(names))}; "
            "name one of them in the card."
        )


def require_defined(value: float | None, split: str, metric: str) -> float:
    """Return the score of the task's primary metric.

    Args:
        value: the score; None if it is undefined.
        split: name of the split.
        metric: name of the metric.

    Raises:
        SeqbenchError: the score is undefined, so that weights cannot be selected, or runs compared.
    """
    if value is None:
        raise SeqbenchError(f"the deciding metric, {split} {metric}, is undefined ({UNDEFINED}); give other data.")
    return value


def require_finite(evaluated: Mapping[str, Mapping[str, float | None]], best_step: int) -> None:
    """Check that no metric is infinite or not a number.

    Args:
        evaluated: metrics of each split; None for one that is undefined.
        best_step: training step of the weights.

    Raises:
        SeqbenchError: a metric is not a finite number.
    """
    for name, values in evaluated.items():
        for metric, value in values.items():
            if value is not None and not math.isfinite(value):
                raise SeqbenchError(
                    f"{name} {metric} is {value} with the weights of step {best_step}, which is not a score."
                )


def split_metrics(module: Evaluated, split: str) -> dict[str, ScoreFields]:
    """Return the metrics of an evaluated split, with the metrics over probed lengths."""
    data = _require_data(module)
    metrics = _add_chance_and_best(data, split, module.evaluated[split])
    for name, error in standard_errors(module, split).items():
        if name in metrics and metrics[name]["value"] is not None:
            metrics[name]["standard_error"] = error
    return metrics


def standard_errors(module: Evaluated, split: str) -> dict[str, float]:
    """Return the standard errors of the scores of a tested split over its samples; only those that are defined.

    Args:
        module: module that was evaluated on the split.
        split: name of the split; only the samples of ``test`` and of the probes are kept.
    """
    data = _require_data(module)
    if split not in module.samples:
        return {}
    errors = module.samples[split].standard_errors()
    if module.decoded.get(split):
        errors |= data.decoded_standard_errors(split, module.decoded[split])
    if split != "test":
        return errors
    probes = {n: module.samples[probe] for n, probe in data.probes.items() if probe in module.samples}
    accuracies = {length: samples.standard_errors().get("accuracy") for length, samples in probes.items()}
    error = length_scores.standard_error_beyond(accuracies, data.trained_length or 0)
    return errors if error is None else {**errors, LONGER: error}


def sample_groups(module: Evaluated, metric: str) -> list[float] | None:
    """Return how far each of ``GROUPS`` groups of test samples moves a score of the test split; None if undefined.

    Args:
        module: module that was tested.
        metric: name of the metric.
    """
    data = _require_data(module)
    if "test" not in module.samples:
        return None
    if metric == LONGER:
        lengths = {n: module.samples[probe] for n, probe in data.probes.items() if probe in module.samples}
        beyond = [samples for length, samples in lengths.items() if length > (data.trained_length or 0)]
        parts = [samples.group_influences("accuracy") for samples in beyond]
        known = [part for part in parts if part is not None]
        if not known or len(known) < len(parts):
            return None
        return [sum(moved) / len(known) for moved in zip(*known, strict=True)]
    if module.decoded.get("test"):
        moved = data.decoded_group_influences("test", module.decoded["test"], GROUPS).get(metric)
        if moved is not None:
            return list(moved)
    return module.samples["test"].group_influences(metric)


def prediction_digests(module: Evaluated) -> dict[str, str]:
    """Return the digest of the predictions on each split that was tested, by the name of the split."""
    return {split: module.samples[split].digest() for split in sorted(module.samples)}


def length_curves(module: Evaluated) -> Mapping[str, list[float]]:
    """Return the test scores by length, as columns; empty for a task without scores by length."""
    data = _require_data(module)
    if data.probes:
        return length_scores.length_curve(length_scores.probe_accuracies(data, "test", module.evaluated))
    return data.scores_by_length(module.decoded.get("test", {}))


def chance_and_best(data: SequenceDataModule, split: str, names: Iterable[str]) -> dict[str, ChanceAndBest]:
    """Return the chance and best possible values of metrics, which the task computes without any model.

    Args:
        data: data of the task.
        split: ``validation`` or ``test``.
        names: names of the metrics.
    """
    metrics = _add_chance_and_best(data, split, dict.fromkeys(names, 0.0))
    return {name: {"chance": score["chance"], "best": score["best"]} for name, score in metrics.items()}


def _require_data(module: Evaluated) -> SequenceDataModule:
    data = module.data
    assert data is not None, "a net is scored on the data of its task"
    return data


def _add_chance_and_best(
    data: SequenceDataModule, split: str, values: Mapping[str, float | None]
) -> dict[str, ScoreFields]:
    chance_longer, best_longer = length_scores.chance_and_best_over_lengths(data, split)
    chance, best = {**chance_longer, **data.chance(split)}, {**best_longer, **data.best(split)}
    scores: dict[str, ScoreFields] = {}
    for name, value in values.items():
        scores[name] = {"value": value, "chance": chance.get(name), "best": best.get(name)}
        if value is None:
            scores[name]["undefined"] = UNDEFINED
        if scores[name]["best"] is None:
            scores[name]["best_unknown"] = data.best_unknown or "the task does not say"
    return scores
