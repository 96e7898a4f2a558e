"""From an evaluated module to scores that can be read: each between its lines, with what its task adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seqbench.datamodules.base import SequenceDataModule
from seqbench.models.module import SequenceModule
from seqbench.models.weights import weights_digest
from seqbench.protocol.cards import Metric
from seqbench.protocol.chance import above_chance
from seqbench.running.diagnostics import length_curve


def score_run(
    module: SequenceModule, validation: Mapping[str, list[Any]], best_step: int, metric: Metric
) -> dict[str, Any]:
    """The scores of a module whose chosen weights have been tested, for a record's ``results``.

    Args:
        module: with its data, and ``evaluated`` on test.
        validation: the curve that the weights were chosen on, a column for each metric and ``step``.
        best_step: the step whose weights the module has.
        metric: the task's primary metric.
    """
    data = module.data
    assert data is not None
    chosen = validation["step"].index(best_step)
    values = {name: column[chosen] for name, column in validation.items() if name != "step"}
    metrics = {
        "validation": _between_lines(data, "validation", values),
        "test": split_metrics(module, "test"),
    }
    curve = length_curves(module)
    primary = metrics["test"][metric.name]
    return {
        "best_step": best_step,
        "weights": weights_digest(module),
        "metrics": metrics,
        "baselines": {split: dict(data.baselines(split)) for split in metrics},
        "above_chance": above_chance(primary["value"], primary["chance"], primary["best"], metric.direction),
        **({"lengths": curve} if curve else {}),
    }


def split_metrics(module: SequenceModule, split: str) -> dict[str, dict[str, Any]]:
    """The metrics of a split that was evaluated, between their lines; of test with what the probes add."""
    data = module.data
    assert data is not None
    metrics = _between_lines(data, split, module.evaluated[split])
    if split == "test" and data.probes:
        metrics.update(_length_metrics(data, _probed(module)))
    return metrics


def length_curves(module: SequenceModule) -> Mapping[str, list[Any]]:
    """The test scores over lengths, as columns; empty for a task that has none."""
    data = module.data
    assert data is not None
    return (
        length_curve.length_curve(_probed(module))
        if data.probes
        else data.scores_by_length(module.decoded.get("test", {}))
    )


def chance_and_best(data: SequenceDataModule, split: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The lines that metrics of these names stand between, without any score: ``chance`` and ``best`` of each."""
    found = _between_lines(data, split, dict.fromkeys(names, 0.0))
    if split == "test" and data.probes:
        found.update(_length_metrics(data, dict.fromkeys(data.probes, 0.0)))
    return {name: {"chance": line["chance"], "best": line["best"]} for name, line in found.items()}


def _probed(module: SequenceModule) -> dict[int, float]:
    assert module.data is not None
    return {length: module.evaluated[split]["accuracy"] for length, split in module.data.probes.items()}


def _between_lines(data: SequenceDataModule, split: str, values: Mapping[str, float]) -> dict[str, dict[str, Any]]:
    chance, best = data.chance(split), data.best(split)
    lines: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        lines[name] = {"value": value, "chance": chance.get(name), "best": best.get(name)}
        if lines[name]["best"] is None:
            lines[name]["best_unknown"] = data.best_unknown or "the task does not say"
    return lines


def _length_metrics(data: SequenceDataModule, probed: Mapping[int, float]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    found["solved_length"] = {"value": length_curve.solved_length(probed), "chance": 0, "best": max(probed)}
    beyond = length_curve.mean_accuracy_beyond(probed, data.trained_length or 0)
    if beyond is not None:
        split = next(iter(data.probes.values()))
        chance, best = data.chance(split)["accuracy"], data.best(split)["accuracy"]
        found["accuracy_longer"] = {"value": beyond, "chance": chance, "best": best}
    return found
