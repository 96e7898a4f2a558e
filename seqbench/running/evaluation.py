"""A finished run, scored again: on its own data, at other lengths, on other data.

Scores come the one way that they came in the run: Lightning's test or validation, the module's sums, and the lines of
``scoring``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.running import provenance, scoring, trainer
from seqbench.running.reload import Restored, recorded_config, reload_run
from seqbench.utils import redaction
from seqbench.utils.errors import SeqbenchError, did_you_mean, one_line

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """What a trained model scores on one split.

    Args:
        task: name of the task.
        metric: name of the one that decides.
        split: ``test`` or ``validation``.
        metrics: as in a record: ``value``, ``chance``, ``best`` of each.
        baselines: as in a record.
        lengths: the scores over lengths, as columns; empty where the task has none.
        recorded: what the record says of the split, by metric; empty where the run ended before its scores.
        changed: by dotted option (and ``data``), what was ``recorded`` and what is ``now``.
        data: checksums of the data's files.
        facts: what was read of them.
        best_step: the step whose weights these are.
        device: what it was computed on.
    """

    task: str
    metric: str
    split: str
    metrics: Mapping[str, Mapping[str, Any]]
    baselines: Mapping[str, Mapping[str, Any]]
    lengths: Mapping[str, Sequence[Any]]
    recorded: Mapping[str, float]
    changed: Mapping[str, Mapping[str, Any]]
    data: Mapping[str, str]
    facts: Mapping[str, Any]
    best_step: int
    device: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)


def evaluate(
    run: Path,
    task_options: Mapping[str, Any] | None = None,
    split: str = "test",
    trainer_options: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
) -> Evaluation:
    """Score a run's best weights, perhaps at other lengths or on other data; the run's folder is only read.

    Args:
        run: the run's folder, or its ``result.json``.
        task_options: of the task, over those of the run.
        split: ``test`` or ``validation``.
        trainer_options: of the trainer: ``accelerator``, ``precision``, ``threads``.
        arguments: the same as on a command line (``--task.delay 100``); they win.

    Raises:
        SeqbenchError: there is no run, an option is wrong, the data do not fit the model, or it breaks on them.
    """
    if split not in SCORED_SPLITS:
        raise SeqbenchError(f"--split '{split}' is unknown.{did_you_mean(split, SCORED_SPLITS)}")
    folder, record = run if run.is_dir() else run.parent, records.read_record(run)
    config = recorded_config(record, task_options or {}, trainer_options or {}, arguments)
    with use_threads(config.trainer.threads):
        restored = reload_run(folder, record, config)
        logger.info(f"scoring {config.name} on {split}, sequences of up to {restored.data.spec.max_length} steps")
        score_split(restored, split)
        module, data = restored.module, restored.data
        return Evaluation(
            task=config.card.name,
            metric=config.card.metric.name,
            split=split,
            metrics=scoring.split_metrics(module, split),
            baselines=data.baselines(split),
            lengths=scoring.length_curves(module) if split == "test" else {},
            recorded=_recorded(record, split),
            changed=restored.changed,
            data=dict(config.checksums),
            facts=data.describe_data(),
            best_step=restored.step,
            device=provenance.device_name(restored.trainer.strategy.root_device),
        )


def score_split(restored: Restored, split: str) -> dict[str, float]:
    """Evaluate a split; the module keeps what ``scoring`` reads, and the split's own metrics are returned.

    Raises:
        SeqbenchError: the model breaks on it, memory runs out, or a score is no finite number.
    """
    module, engine = restored.module, restored.trainer
    try:
        with trainer.silence_lightning():
            (engine.test if split == "test" else engine.validate)(module, verbose=False)
    except SeqbenchError:
        raise
    # The architecture is a stranger's: whatever it raises, at a length that it never met or anywhere.
    except (Exception, SystemExit) as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # Lightning has made an exit of it.
            raise error.__context__ from None
        said = redaction.redact(one_line(error))[:300]
        raise SeqbenchError(
            f"'{restored.config.model}' breaks on the {split} split, whose sequences have up to "
            f"{module.spec.max_length} steps ({type(error).__name__}: {said}); give shorter ones, or a run whose "
            f"architecture takes them."
        ) from error
    for name, values in module.evaluated.items():
        for metric, value in values.items():
            if not math.isfinite(value):
                raise SeqbenchError(f"{name} {metric} is {value} with the weights of step {restored.step}: no score.")
    return module.evaluated[split]


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """So many CPU threads until the end of the block; 0 leaves PyTorch's choice."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _recorded(record: Record, split: str) -> dict[str, float]:
    """The values that a record has for a split."""
    return {name: score.value for name, score in record.results.metrics.get(split, {}).items()}
