"""From an evaluated module to scores that can be read: each between its lines, with what its task adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqbench.cards import Metric
from seqbench.datamodules.base import SequenceDataModule
from seqbench.diagnostics import lengths
from seqbench.module import SequenceModule, weights_digest

ABOVE_CHANCE = 0.05
"""A score is clearly above chance from this share of the way to the best possible (or off chance itself)."""


def of(module: SequenceModule, validation: Mapping[str, list[Any]], best_step: int, metric: Metric) -> dict[str, Any]:
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
        "test": _between_lines(data, "test", module.evaluated["test"]),
    }
    probed = {length: module.evaluated[split]["accuracy"] for length, split in data.probes.items()}
    if probed:
        metrics["test"].update(_length_metrics(data, probed))
    curve = lengths.curve(probed) if probed else data.by_length(module.decoded.get("test", {}))
    primary = metrics["test"][metric.name]
    return {
        "best_step": best_step,
        "weights": weights_digest(module),
        "metrics": metrics,
        "baselines": {split: dict(data.baselines(split)) for split in metrics},
        "above_chance": above_chance(primary["value"], primary["chance"], primary["best"], metric.direction),
        **({"lengths": curve} if curve else {}),
    }


def above_chance(value: float, chance: float | None, best: float | None, direction: str) -> bool | None:
    """Whether a score is clearly better than chance; None where chance is unknown.

    Clearly: by 5 % of the way from chance to the best possible, or of chance itself where that is unknown.
    """
    if chance is None:
        return None
    gain = value - chance if direction == "max" else chance - value
    return gain >= ABOVE_CHANCE * abs(chance if best is None else best - chance)


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
    found["solved_length"] = {"value": lengths.solved_length(probed), "chance": 0, "best": max(probed)}
    beyond = lengths.mean_beyond(probed, data.trained_length or 0)
    if beyond is not None:
        split = next(iter(data.probes.values()))
        chance, best = data.chance(split)["accuracy"], data.best(split)["accuracy"]
        found["accuracy_longer"] = {"value": beyond, "chance": chance, "best": best}
    return found
