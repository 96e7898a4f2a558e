"""A record against its checkpoint: the weights that were scored, and their scores."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqbench.models.weights import weights_digest
from seqbench.protocol import run_folder
from seqbench.protocol.chance import above_chance
from seqbench.protocol.config import RunConfig
from seqbench.protocol.differences import compare_values
from seqbench.protocol.record_sections import Results
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.running import evaluation, provenance, reload, scoring
from seqbench.utils import plain_data
from seqbench.utils.errors import SeqbenchError
from seqbench.verification.record_subject import SkippedError, Subject, weaker

logger = logging.getLogger(__name__)


def check_weights(subject: Subject) -> str:
    """The checkpoint beside it: the weights that were scored, of the training that it tells of."""
    subject.need_scores()
    record, folder = subject.record, subject.need_folder()
    config, _ = subject.rebuilt
    restored = reload.reload_run(folder, record, reload.recorded_config(record))
    digest = weights_digest(restored.module)
    compare_values(record.results.weights, digest, 0, "results.weights")
    compare_values(record.results.best_step, restored.step, 0, "results.best_step")
    subject.restored = restored
    _check_history(folder, record.results.curves.to_dict(), config)
    return f"the checkpoint of step {restored.step} is the one that was scored: digest {digest[:8]}"


def _check_history(folder: Path, curves: Mapping[str, Any], config: RunConfig) -> None:
    """Make sure that what a checkpoint remembers of its training is what the record says of it.

    Raises:
        SeqbenchError: it was another curve, or another learning rate.
    """
    saved = torch.load(folder / run_folder.BEST, map_location="cpu", weights_only=True)
    for kind, columns in saved["callbacks"]["Curve"].items():
        for name, column in columns.items():
            compare_values(
                curves[kind][name][: len(column)], column, 0, f"against the checkpoint, curves.{kind}.{name}"
            )
    compare_values(config.optim.lr, saved["lr_schedulers"][0]["base_lrs"][0], 0, "against the checkpoint, optim.lr")


def check_scores(subject: Subject) -> str:
    """Its scores, computed anew by the checkpoint, and that they go together with its curve."""
    subject.need_scores()
    config, _ = subject.rebuilt
    _check_choice(subject.record.results, config)
    subject.need_folder()
    if subject.restored is None:
        raise SkippedError("the checkpoint is not the one that was scored")
    results, restored, said = subject.record.results, subject.restored, "bit for bit"
    for split in SCORED_SPLITS:
        logger.info(f"scoring {config.name} on {split}")
        evaluation.score_split(restored, split)
        found = {name: line["value"] for name, line in scoring.split_metrics(restored.module, split).items()}
        recorded = {name: line.value for name, line in results.metrics[split].items()}
        said = weaker(said, compare_values(recorded, found, subject.tolerance, split))
    curve = dict(scoring.length_curves(restored.module)) or None
    said = weaker(said, compare_values(results.lengths or None, curve, subject.tolerance, "lengths"))
    place = provenance.device_name(restored.trainer.strategy.root_device)
    then = subject.record.measured.device
    other = "" if then == place else f", on {place}; recorded on {plain_data.short_repr(then)}"
    return f"validation and test scored again: {said}{other}"


def _check_choice(results: Results, config: RunConfig) -> None:
    """Make sure that the curve, the chosen step and what is said of the scores go together.

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
            f"results.best_step is {plain_data.short_repr(best_step)}, and the best {metric.name} of its curve is at step {best}"
        )
    place = curve["step"].index(best)
    chosen = {name: column[place] for name, column in curve.items() if name != "step"}
    values = {name: line.value for name, line in results.metrics["validation"].items()}
    compare_values(values, chosen, 0, "validation")
    primary = results.metrics["test"][metric.name]
    clear = above_chance(primary.value, primary.chance, primary.best, metric.direction)
    compare_values(results.above_chance, clear, 0, "results.above_chance")


def _latest_best(column: list[float], direction: str) -> int:
    """The place of the best score, the latest of equals: compared as 32 bits, in which Lightning compares them."""
    scores = np.asarray(column, np.float64).astype(np.float32)
    best = scores.max() if direction == "max" else scores.min()
    return int(np.flatnonzero(scores == best)[-1])
