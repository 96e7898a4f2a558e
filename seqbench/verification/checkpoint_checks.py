"""Checks of a record against its checkpoint: the weights that were scored, and their scores."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence

import numpy as np

from seqbench.models.weights import state_digest
from seqbench.protocol import registry
from seqbench.protocol.chance import above_chance
from seqbench.protocol.config import RunConfig
from seqbench.protocol.differences import compare_values
from seqbench.protocol.identity import package_sources
from seqbench.protocol.record_fields import Results
from seqbench.protocol.records import Record
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.running import provenance, scoring
from seqbench.running.callbacks.checkpoints import Checkpoint
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr
from seqbench.verification.blind_results import score_blind
from seqbench.verification.record_subject import EXACT, SkippedError, Subject, weaker_agreement

logger = logging.getLogger(__name__)


def check_weights(subject: Subject) -> str:
    """Check that the checkpoint holds the scored weights, and the curve and learning rate of the record.

    The weights are read from the checkpoint, without the module that has them.

    Raises:
        SkippedError: the run has no scores, or there is no checkpoint.
        SeqbenchError: the checkpoint cannot be read, or differs from the record.
    """
    subject.require_scores()
    subject.require_folder()
    record, checkpoint = subject.record, subject.checkpoint
    if checkpoint is None:
        raise subject.broken or SkippedError("the checkpoint was not read")
    digest = state_digest(checkpoint["state_dict"])
    compare_values(record.results.weights, digest, 0, "results.weights")
    compare_values(record.results.best_step, checkpoint["global_step"], 0, "results.best_step")
    subject.is_scored_checkpoint = True
    _check_history(checkpoint, record, record.config.options.optim.to_dict()["lr"])
    return f"the checkpoint of step {checkpoint['global_step']} is the one that was scored: digest {digest[:8]}"


def _check_history(checkpoint: Checkpoint, record: Record, lr: object) -> None:
    """Check that a checkpoint has the learning rate of the record, and its curve up to the step of the checkpoint.

    Args:
        checkpoint: the checkpoint of the weights that were scored.
        record: record of the run.
        lr: learning rate of the record.

    Raises:
        SeqbenchError: the curve or the learning rate differs.
    """
    curves = record.results.curves
    recorded: dict[str, Mapping[str, Sequence[object]]] = {"train": curves.train, "validation": curves.validation}
    for kind, columns in checkpoint["callbacks"]["Curve"].items():
        for name, column in columns.items():
            place = f"against the checkpoint, curves.{kind}.{name}"
            compare_values(recorded[kind][name][: len(column)], column, 0, place)
    if "configure_optimizers" in record.config.own_training:  # A module may bring other optimisers, or none.
        return
    rate = checkpoint["lr_schedulers"][0]["base_lrs"][0]
    compare_values(lr, rate, 0, "against the checkpoint, optim.lr")


def check_scores(subject: Subject) -> str:
    """Score the checkpoint blind on validation and test; check the recorded scores against these and the curve.

    Raises:
        SkippedError: the run has no scores, there is no checkpoint, or it is not the one that was scored.
        SeqbenchError: a score differs, or the net failed.
    """
    subject.require_scores()
    config, data = subject.rebuilt
    _check_best_step(subject.record.results, config)
    subject.require_folder()
    if subject.checkpoint is None or not subject.is_scored_checkpoint:
        raise SkippedError("the checkpoint is not the one that was scored")
    logger.info(f"scoring {config.name} on validation and test")
    blind = subject.blind = score_blind(config, data, subject.running, subject.checkpoint)
    blind.start_comparison()
    scoring.require_finite(blind.scores.evaluated, int(subject.checkpoint["global_step"]))
    results, agreement = subject.record.results, EXACT
    for split in SCORED_SPLITS:
        computed = {name: score["value"] for name, score in scoring.split_metrics(blind.scores, split).items()}
        recorded = {name: score.value for name, score in results.metrics[split].items()}
        agreement = weaker_agreement(agreement, compare_values(recorded, computed, subject.tolerance, split))
    lengths = dict(scoring.length_curves(blind.scores)) or None
    difference = compare_values(results.lengths or None, lengths, subject.tolerance, "lengths")
    agreement = weaker_agreement(agreement, difference)
    here, there = provenance.device_name(blind.scorer.head.device), subject.record.measured.device
    devices = "" if there == here else f", on {here}; recorded on {short_repr(there)}"
    return f"scored again from inputs alone, {agreement}{devices}; the net's process: {_describe_isolation(subject)}"


def _describe_isolation(subject: Subject) -> str:
    """Return how the process of the net is confined, and whether this process has imported code of its author."""
    config, _ = subject.rebuilt
    net = subject.describe_net()
    task = registry.find_entry(registry.TASKS, config.card.name).distribution
    entries = [entry for entry in (config.arch_entry, config.encoder_entry) if entry is not None]
    shared = [str(entry.distribution) for entry in entries if entry.distribution == task]
    if not shared or task == package_sources.SEQBENCH:
        return net.isolation
    return (
        f"{net.isolation}; but {task} offers the task too, so this process has imported it to read the data: code of "
        f"{task} could change the scores"
    )


def _check_best_step(results: Results, config: RunConfig) -> None:
    """Check that the validation curve is complete, and that the best step and its scores follow from it.

    Raises:
        SeqbenchError: they do not.
    """
    curve, metric, best_step = results.curves.validation, config.card.metric, results.best_step
    selection = metric.selected_by
    every, steps = config.optim.validate_every, config.optim.steps
    expected = range(every, steps + 1, every)
    lengths = {len(column) for column in curve.values()}
    if lengths != {len(expected)} or any(x != y for x, y in zip(curve["step"], expected, strict=True)):
        raise SeqbenchError(f"its validation curve does not have a point every {every} steps up to {steps}")
    best = curve["step"][_latest_best(curve[selection], metric.direction)]
    if best_step != best:
        raise SeqbenchError(
            f"results.best_step is {short_repr(best_step)}, and the best {selection} of its curve is at step {best}"
        )
    row = curve["step"].index(best)
    chosen = {name: column[row] for name, column in curve.items() if name != "step"}
    recorded = {name: score.value for name, score in results.metrics["validation"].items()}
    compare_values(recorded, chosen, 0, "validation")
    primary = results.metrics["test"][metric.name]
    if primary.value is None:
        raise SeqbenchError(f"its deciding metric, test {metric.name}, is undefined")
    is_above = above_chance(primary.value, primary.chance, primary.best, metric.direction)
    compare_values(results.above_chance, is_above, 0, "results.above_chance")


def _latest_best(column: Sequence[float | None], direction: str) -> int:
    """Return the index of the best score, or of the latest one if several are equal in 32 bits, as in Lightning."""
    scores = np.asarray([math.nan if score is None else score for score in column], np.float64).astype(np.float32)
    best = np.nanmax(scores) if direction == "max" else np.nanmin(scores)
    return int(np.flatnonzero(scores == best)[-1])
