"""Checks of a record against its checkpoint: the weights that were scored, and their scores."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from seqbench.models.weights import state_digest, weights_digest
from seqbench.protocol import run_folder
from seqbench.protocol.chance import above_chance
from seqbench.protocol.config import RunConfig
from seqbench.protocol.differences import compare_values
from seqbench.protocol.record_fields import Results
from seqbench.protocol.records import Record
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.running import evaluation, provenance, reload, scoring
from seqbench.running.callbacks.checkpoints import Checkpoint, load_checkpoint
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.plain_data import short_repr
from seqbench.verification.record_subject import EXACT, SkippedError, Subject, weaker_agreement

logger = logging.getLogger(__name__)


def check_weights(subject: Subject) -> str:
    """Check that the checkpoint holds the scored weights, and the curve and learning rate of the record.

    Without the data or the architecture the module cannot be built, and the weights are read from the checkpoint alone.
    """
    subject.require_scores()
    record, folder = subject.record, subject.require_folder()
    if subject.config is None or subject.data is None:
        return _check_stored_weights(subject, folder)
    config, _ = subject.rebuilt
    reloaded = reload.reload_run(folder, record, reload.recorded_config(record, subject.task_options))
    digest = weights_digest(reloaded.module)
    compare_values(record.results.weights, digest, 0, "results.weights")
    compare_values(record.results.best_step, reloaded.step, 0, "results.best_step")
    subject.reloaded = reloaded
    _check_history(load_checkpoint(folder / run_folder.BEST), record, config.optim.lr)
    return f"the checkpoint of step {reloaded.step} is the one that was scored: digest {digest[:8]}"


def _check_stored_weights(subject: Subject, folder: Path) -> str:
    """Check the weights in the checkpoint without the module that has them.

    Raises:
        SeqbenchError: the checkpoint cannot be read, or differs from the record.
    """
    record, path = subject.record, folder / run_folder.BEST
    try:
        checkpoint = load_checkpoint(path)
    except Exception as error:  # The unpickler raises many kinds of error for a broken file.
        raise SeqbenchError(f"{path} does not fit its record: {one_line(error, 300)}") from error
    digest = state_digest(checkpoint["state_dict"])
    compare_values(record.results.weights, digest, 0, "results.weights")
    compare_values(record.results.best_step, checkpoint["global_step"], 0, "results.best_step")
    _check_history(checkpoint, record, record.config.options.optim.to_dict()["lr"])
    return (
        f"the checkpoint of step {checkpoint['global_step']} has the recorded weights, digest {digest[:8]}; they were "
        f"not loaded into a module"
    )


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
    """Score the checkpoint on validation and test; check the recorded scores against these and against the curve."""
    subject.require_scores()
    config, _ = subject.rebuilt
    _check_best_step(subject.record.results, config)
    subject.require_folder()
    if subject.reloaded is None:
        raise SkippedError("the checkpoint is not the one that was scored")
    results, reloaded, agreement = subject.record.results, subject.reloaded, EXACT
    for split in SCORED_SPLITS:
        logger.info(f"scoring {config.name} on {split}")
        evaluation.score_split(reloaded, split)
        computed = {name: score["value"] for name, score in scoring.split_metrics(reloaded.module, split).items()}
        recorded = {name: score.value for name, score in results.metrics[split].items()}
        agreement = weaker_agreement(agreement, compare_values(recorded, computed, subject.tolerance, split))
    lengths = dict(scoring.length_curves(reloaded.module)) or None
    difference = compare_values(results.lengths or None, lengths, subject.tolerance, "lengths")
    agreement = weaker_agreement(agreement, difference)
    here, there = provenance.device_name(reloaded.trainer.strategy.root_device), subject.record.measured.device
    devices = "" if there == here else f", on {here}; recorded on {short_repr(there)}"
    return f"validation and test scored again: {agreement}{devices}"


def _check_best_step(results: Results, config: RunConfig) -> None:
    """Check that the validation curve is complete, and that the best step and its scores follow from it.

    Raises:
        SeqbenchError: they do not.
    """
    curve, metric, best_step = results.curves.validation, config.card.metric, results.best_step
    every, steps = config.optim.validate_every, config.optim.steps
    expected = range(every, steps + 1, every)
    lengths = {len(column) for column in curve.values()}
    if lengths != {len(expected)} or any(x != y for x, y in zip(curve["step"], expected, strict=True)):
        raise SeqbenchError(f"its validation curve does not have a point every {every} steps up to {steps}")
    best = curve["step"][_latest_best(curve[metric.name], metric.direction)]
    if best_step != best:
        raise SeqbenchError(
            f"results.best_step is {short_repr(best_step)}, and the best {metric.name} of its curve is at step {best}"
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
