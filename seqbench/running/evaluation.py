"""Score a finished run again: on its own data, at other lengths, or on other data.

Scores are computed as in the run: by Lightning's test or validation, the metrics of the module, and ``scoring``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from seqbench.protocol import records
from seqbench.protocol.records import Record
from seqbench.protocol.splits import SCORED_SPLITS
from seqbench.running import provenance, scoring, trainer
from seqbench.running.reload import Change, ReloadedRun, recorded_config, reload_run
from seqbench.running.run_request import Options
from seqbench.running.scoring import ScoreFields
from seqbench.utils import redaction
from seqbench.utils.errors import SeqbenchError, did_you_mean, one_line
from seqbench.utils.number_format import counted

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """The scores of a trained model on one split.

    Args:
        task: name of the task.
        metric: name of the primary metric.
        split: ``test`` or ``validation``.
        metrics: score of each metric with its chance and best possible values, as in a record.
        baselines: scores of simple predictors, as in a record.
        lengths: scores by length as columns; empty for a task without scores by length.
        recorded: recorded score of each metric on this split; empty for a run that ended before the test.
        changed: differences from the record, by dotted option; ``data`` stands for the data files.
        data: SHA-256 (hex) of each data file.
        facts: counts and other facts of the data.
        best_step: training step of the weights.
        device: name of the device.
    """

    task: str
    metric: str
    split: str
    metrics: Mapping[str, ScoreFields]
    baselines: Mapping[str, Mapping[str, float]]
    lengths: Mapping[str, Sequence[float]]
    recorded: Mapping[str, float | None]
    changed: Mapping[str, Change]
    data: Mapping[str, str]
    facts: Mapping[str, object]
    best_step: int
    device: str

    def to_dict(self) -> dict[str, object]:
        """Return plain data."""
        return dataclasses.asdict(self)


def evaluate(
    run: Path,
    task_options: Options | None = None,
    split: str = "test",
    trainer_options: Options | None = None,
    arguments: Sequence[str] = (),
) -> Evaluation:
    """Score a run's best weights, also at other lengths or on other data; no file of the run changes.

    Args:
        run: the run's folder, or its ``result.json``.
        task_options: options of the task that replace those of the run.
        split: ``test`` or ``validation``.
        trainer_options: options of the Trainer: ``accelerator``, ``precision``, ``threads``.
        arguments: dotted options as on a command line (``--task.delay 100``), which override the others.

    Raises:
        SeqbenchError: there is no run, an option is wrong, the data do not fit the model, or the model fails on them.
    """
    if split not in SCORED_SPLITS:
        raise SeqbenchError(f"--split '{split}' is unknown.{did_you_mean(split, SCORED_SPLITS)}")
    folder, record = run if run.is_dir() else run.parent, records.read_record(run)
    config = recorded_config(record, task_options, trainer_options, arguments)
    with use_threads(config.trainer.threads):
        reloaded = reload_run(folder, record, config)
        longest = counted(reloaded.data.spec.max_length, "step")
        logger.info(f"scoring {config.name} on {split}, sequences of up to {longest}")
        score_split(reloaded, split)
        module, data = reloaded.module, reloaded.data
        return Evaluation(
            task=config.card.name,
            metric=config.card.metric.name,
            split=split,
            metrics=scoring.split_metrics(module, split),
            baselines=data.baselines(split),
            lengths=scoring.length_curves(module) if split == "test" else {},
            recorded=_recorded_scores(record, split),
            changed=reloaded.changed,
            data=dict(config.checksums),
            facts=data.describe_data(),
            best_step=reloaded.step,
            device=provenance.device_name(reloaded.trainer.strategy.root_device),
        )


def score_split(reloaded: ReloadedRun, split: str) -> dict[str, float | None]:
    """Evaluate a split and return its metrics; the module then holds the results that ``scoring`` reads.

    Args:
        reloaded: the reloaded run.
        split: ``test`` or ``validation``.

    Raises:
        SeqbenchError: the model fails on the split, or a score is not a finite number.
    """
    module, engine = reloaded.module, reloaded.trainer
    try:
        with trainer.silence_lightning():
            (engine.test if split == "test" else engine.validate)(module, verbose=False)
    except SeqbenchError:
        raise
    # A plug-in's backbone may raise any error, for example at a length that it was not trained on.
    except (Exception, SystemExit) as error:
        if isinstance(error.__context__, KeyboardInterrupt):  # Lightning has replaced it by SystemExit.
            raise error.__context__ from None
        reason = redaction.redact(one_line(error))[:300]
        raise SeqbenchError(
            f"'{reloaded.config.model}' fails on the {split} split, whose sequences have up to "
            f"{module.spec.max_length} steps ({type(error).__name__}: {reason}); give shorter sequences, or a run "
            f"whose architecture accepts them."
        ) from error
    scoring.require_finite(module.evaluated, reloaded.step)
    return module.evaluated[split]


@contextlib.contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Use ``count`` CPU threads until the end of the block; 0 keeps PyTorch's choice."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _recorded_scores(record: Record, split: str) -> dict[str, float | None]:
    return {name: score.value for name, score in record.results.metrics.get(split, {}).items()}
