"""What a record says, against what can be seen: digests, the task's own lines, the checkpoint and its scores.

Each check takes the ``Subject``, returns what it saw, and raises a SeqbenchError for what is wrong, or ``SkippedError``
(or ``NotAtHand``, which is no fault of the record's) where there is nothing to look at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqbench import (
    assembly,
    cards,
    evaluation,
    folders,
    options,
    plain,
    provenance,
    records,
    registry,
    restoring,
    scoring,
    sizes,
)
from seqbench.agreement import agree
from seqbench.config import RunConfig
from seqbench.datamodules.base import SequenceDataModule
from seqbench.diagnostics import cost
from seqbench.errors import NotAtHand, SeqbenchError
from seqbench.lines import above_chance
from seqbench.module import trainable_parameters, weights_digest
from seqbench.records import Record

SPLITS = ("validation", "test")
SCORES = ("metrics", "baselines", "lengths")
"""Of ``results``: what a run that diverged cannot have."""


class SkippedError(Exception):
    """A check has nothing to look at."""


@dataclass
class Subject:
    """The record, and what the checks have made of it so far."""

    path: Path
    record: Record
    tolerance: float
    say: Callable[[str], None]
    trust: bool = False
    config: RunConfig | None = None
    data: SequenceDataModule | None = None
    restored: restoring.Restored | None = None

    @property
    def folder(self) -> Path | None:
        """The run's folder, if it is there with its checkpoint."""
        folder = self.path if self.path.is_dir() else self.path.parent
        whole = self.path.is_dir() or self.path.name == records.NAME
        return folder if whole and (folder / folders.BEST).is_file() else None

    @property
    def threads(self) -> int:
        """CPU threads of the run, 0 where the record does not say: with others bits may differ."""
        count = self.record.measured.get("threads")
        return count if type(count) is int and 0 < count <= restoring.MOST_THREADS else 0

    @property
    def rebuilt(self) -> tuple[RunConfig, SequenceDataModule]:
        """The configuration and the data, once they could be made."""
        if self.config is None or self.data is None:
            raise SkippedError("the configuration could not be rebuilt, so there is nothing to compare with")
        return self.config, self.data

    def need_scores(self) -> None:
        """Skip the check of a run that has no scores."""
        if self.record.status != "ok":
            raise SkippedError(f"the run ended as {self.record.status}, so it has no scores; --retrain can check that")

    def need_folder(self) -> Path:
        """The run's folder; skips the check where it is not there."""
        if self.folder is None:
            raise SkippedError(f"the run's {folders.BEST} is not beside the record; --retrain can check the scores")
        return self.folder


def _record(subject: Subject) -> str:
    record = subject.record
    if not record.intact():
        raise SeqbenchError("its checksum is not that of what it holds: it was edited after it was written")
    if record.status == "diverged":
        if held := [key for key in SCORES if record.results.get(key) is not None]:
            raise SeqbenchError(f"the run diverged, and so has no scores, but it holds {', '.join(held)}")
        return f"intact; the run diverged: {record.results['reason']}"
    if record.status != "ok":
        raise SeqbenchError(f"the run ended as {record.status}, not with a result; go on with it, or run it again")
    for split in SPLITS:
        lines = record.results["metrics"][split]
        for name in {record.config["card"]["metric"], *lines}:
            line = lines[name]
            figures = [line["value"], *(figure for figure in (line["chance"], line["best"]) if figure is not None)]
            if not all(type(figure) in (int, float) and math.isfinite(figure) for figure in figures):
                raise SeqbenchError(f"{split} {name} holds what is no number: {plain.shown(figures)}")
    return "intact, with scores of validation and test between their lines"


def _card(subject: Subject) -> str:
    recorded = subject.record.config["card"]
    _need_task(recorded["name"], recorded)
    card = cards.load(str(recorded["name"]))
    if recorded["version"] != card.version:
        raise SeqbenchError(
            f"it is of version {plain.shown(recorded['version'])} of '{card.name}', and version {card.version} is "
            f"installed; verify it with the seqbench that has it"
        )
    tier = str(recorded["tier"])
    metric, direction = card.metric.name, card.metric.direction
    now = {"name": card.name, "digest": card.digest(tier), "metric": metric, "direction": direction}
    agree({key: recorded[key] for key in now}, now, 0, "config.card")
    return f"{card.name}, version {card.version}, tier {tier}: as installed"


def _need_task(name: Any, card: Mapping[str, Any]) -> None:
    registry.need(registry.TASKS, name, card["distribution"], card["distribution_version"])


def _need_trust(subject: Subject, recorded: Mapping[str, Any]) -> None:
    """Skip what would import a file of this folder because a stranger's record names it."""
    for kind in ("arch", "encoder"):
        name = (recorded["options"].get(kind) or {}).get("name")
        if isinstance(name, str) and ":" in name and not subject.trust:
            raise SkippedError(
                f"its architecture is given by a path, {plain.shown(name)}, which would be imported from where you "
                f"stand; look into that file, then add --trust"
            )


def _configuration(subject: Subject) -> str:
    recorded = subject.record.config
    _need_trust(subject, recorded)
    _need_task(recorded["options"]["task"]["name"], recorded["card"])
    for kind, key in (("arch", "architecture"), ("encoder", "encoder")):
        if facts := recorded.get(key):
            name = recorded["options"][kind]["name"]
            registry.need(registry.ARCHITECTURES, name, facts["distribution"], facts["version"])
    try:
        config = options.resolve(recorded["options"])
        subject.config, subject.data = config, assembly.task_data(config)
    except NotAtHand as error:
        raise SkippedError(
            f"it cannot be rebuilt here, nor can its size, lines and scores be checked: {error}"
        ) from error
    found = provenance.identify(config)
    agree(recorded["digest"], found["digest"], 0, "the digest of its options")
    for key in ("modified", "seed"):
        agree(recorded[key], found[key], 0, f"config.{key}")
    agree(restoring.by_part(recorded["data"]), restoring.by_part(found["data"]), 0, "config.data")
    other = ""
    for key, version in (("card", "distribution_version"), ("architecture", "version"), ("encoder", "version")):
        then, now = dict(recorded.get(key) or {}), dict(found.get(key) or {})
        versions = then.pop(version, None), now.pop(version, None)
        agree(then, now, 0, f"config.{key}")
        if versions[0] != versions[1]:
            other += (
                f"; recorded with the {key} of {now['distribution']} {plain.shown(versions[0])}, here {versions[1]}"
            )
    return f"rebuilt from its options, with digest {config.digest()[:8]} and the recorded architecture and data{other}"


def _size(subject: Subject) -> str:
    recorded, (config, data) = subject.record.config, subject.rebuilt
    # Counted where it takes no memory, before it is made: a record may ask for a module of any size.
    count = trainable_parameters(assembly.sketch(config, data.spec))
    agree(recorded["parameters"], count, 0, "config.parameters")
    agree(recorded["spec"], data.spec.to_dict(), subject.tolerance, "config.spec")
    figures = cost.figures(config, data.spec)
    for key in ("state_bytes", "flops_per_token"):
        agree(recorded[key], figures[key], subject.tolerance, f"config.{key}")
    _check_match(config, recorded["match_params"], count)
    return f"{count:,} parameters, state and FLOPs as recorded"


def _check_match(config: RunConfig, target: Any, count: int) -> None:
    """Make sure that a model of a given size has the width that is found for it, and not one that is only near.

    Raises:
        SeqbenchError: it has another one, or another number of parameters.
    """
    if target is None:
        return
    target = sizes.parse(target)
    if not abs(count - target) <= sizes.TOLERANCE * target:
        raise SeqbenchError(f"it says to match {target:,} parameters and has {count:,}")
    matched, _ = sizes.match(config, target)
    agree(
        config.arch_options["d_model"], matched.arch_options["d_model"], 0, f"d_model, to match {target:,} parameters,"
    )


def _lines(subject: Subject) -> str:
    subject.need_scores()
    results, (_, data) = subject.record.results, subject.rebuilt
    said = "bit for bit"
    for split in SPLITS:
        lines = results["metrics"][split]
        recorded = {name: {"chance": line["chance"], "best": line["best"]} for name, line in lines.items()}
        found = {"lines": scoring.lines_of(data, split, recorded), "baselines": data.baselines(split)}
        recorded = {"lines": recorded, "baselines": results["baselines"][split]}
        said = _weaker(said, agree(recorded, found, subject.tolerance, split))
    # Texts among them name versions of libraries.
    then, now = (_numbers(facts) for facts in (subject.record.config["data_facts"], data.facts()))
    agree(then, now, subject.tolerance, "config.data_facts")
    return f"chance, best possible, baselines and counts computed anew from the data: {said}"


def _weights(subject: Subject) -> str:
    subject.need_scores()
    record, folder = subject.record, subject.need_folder()
    config, _ = subject.rebuilt
    restored = restoring.restore(folder, record, restoring.configuration(record))
    digest = weights_digest(restored.module)
    agree(record.results["weights"], digest, 0, "results.weights")
    agree(record.results["best_step"], restored.step, 0, "results.best_step")
    subject.restored = restored
    _check_history(folder, record.results["curves"], config)
    return f"the checkpoint of step {restored.step} is the one that was scored: digest {digest[:8]}"


def _check_history(folder: Path, curves: Mapping[str, Any], config: RunConfig) -> None:
    """Make sure that what a checkpoint remembers of its training is what the record says of it.

    Raises:
        SeqbenchError: it was another curve, or another learning rate.
    """
    saved = torch.load(folder / folders.BEST, map_location="cpu", weights_only=True)
    for kind, columns in saved["callbacks"]["Curve"].items():
        for name, column in columns.items():
            agree(curves[kind][name][: len(column)], column, 0, f"against the checkpoint, curves.{kind}.{name}")
    agree(config.optim.lr, saved["lr_schedulers"][0]["base_lrs"][0], 0, "against the checkpoint, optim.lr")


def _scores(subject: Subject) -> str:
    subject.need_scores()
    config, _ = subject.rebuilt
    _check_choice(subject.record.results, config)
    subject.need_folder()
    if subject.restored is None:
        raise SkippedError("the checkpoint is not the one that was scored")
    results, restored, said = subject.record.results, subject.restored, "bit for bit"
    for split in SPLITS:
        subject.say(f"scoring {config.name} on {split}")
        evaluation.score(restored, split)
        found = {name: line["value"] for name, line in scoring.metrics_of(restored.module, split).items()}
        recorded = {name: line["value"] for name, line in results["metrics"][split].items()}
        said = _weaker(said, agree(recorded, found, subject.tolerance, split))
    curve = dict(scoring.lengths_of(restored.module)) or None
    said = _weaker(said, agree(results.get("lengths"), curve, subject.tolerance, "lengths"))
    place = provenance.device_name(restored.trainer.strategy.root_device)
    then = subject.record.measured.get("device")
    other = "" if then == place else f", on {place}; recorded on {plain.shown(then)}"
    return f"validation and test scored again: {said}{other}"


def _check_choice(results: Mapping[str, Any], config: RunConfig) -> None:
    """Make sure that the curve, the chosen step and what is said of the scores go together.

    Raises:
        SeqbenchError: they do not.
    """
    curve, metric, best_step = results["curves"]["validation"], config.card.metric, results["best_step"]
    every, steps = config.optim.validate_every, config.optim.steps
    expected = range(every, steps + 1, every)
    lengths = {len(column) for column in curve.values()}
    if lengths != {len(expected)} or any(x != y for x, y in zip(curve["step"], expected, strict=True)):
        raise SeqbenchError(f"its validation curve does not have a point every {every} steps up to {steps}")
    best = curve["step"][_first_best(curve[metric.name], metric.direction)]
    if best_step != best:
        raise SeqbenchError(
            f"results.best_step is {plain.shown(best_step)}, and the best {metric.name} of its curve is at step {best}"
        )
    place = curve["step"].index(best)
    chosen = {name: column[place] for name, column in curve.items() if name != "step"}
    values = {name: line["value"] for name, line in results["metrics"]["validation"].items()}
    agree(values, chosen, 0, "validation")
    primary = results["metrics"]["test"][metric.name]
    clear = above_chance(primary["value"], primary["chance"], primary["best"], metric.direction)
    agree(results["above_chance"], clear, 0, "results.above_chance")


def _first_best(column: list[float], direction: str) -> int:
    """The place of the best score, the first of equals: compared as 32 bits, in which Lightning compares them."""
    scores = np.asarray(column, np.float64).astype(np.float32)
    return int(scores.argmax() if direction == "max" else scores.argmin())


def _numbers(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if not isinstance(value, str)}


def _weaker(one: str, other: str) -> str:
    return one if other == "bit for bit" else other


CHECKS: Mapping[str, Callable[[Subject], str]] = {
    "record": _record,
    "card": _card,
    "configuration": _configuration,
    "size": _size,
    "lines": _lines,
    "weights": _weights,
    "scores": _scores,
}
