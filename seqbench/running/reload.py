"""Reload a run: its module with its best weights, and the data of its task or other data for the same task.

Texts are always read with the vocabulary that the model was trained with.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import lightning.pytorch as L

from seqbench.datamodules import loading
from seqbench.datamodules.base import SequenceDataModule
from seqbench.models import build, rebuild
from seqbench.models.module import SequenceModule
from seqbench.protocol import records, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.identity import source_changes
from seqbench.protocol.record_fields import RunDescription
from seqbench.protocol.records import Record
from seqbench.protocol.specs import SequenceSpec
from seqbench.running import run_config, run_request, trainer
from seqbench.running.callbacks.checkpoints import load_checkpoint
from seqbench.running.run_request import Options, RunRequest
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError, one_line

logger = logging.getLogger(__name__)

MOST_THREADS = 256
"""Largest number of CPU threads that a record may set."""

LOCATION_OPTIONS = ("task.data_dir", "task.source")
"""Options that state where the data are; they do not change which data are read."""

FREE_FIELDS = ("metrics", "rates", "smoothing", "longest", "beam", "length_penalty")
"""Fields of an output spec that concern training or decoding; the shapes of the weights do not depend on them."""


class Change(TypedDict):
    """One difference between the record of a run and its present configuration."""

    recorded: object
    now: object


@dataclass(frozen=True)
class ReloadedRun:
    """A run's module with its data and its best weights, and a Trainer to evaluate it.

    Args:
        config: the present configuration.
        module: module of the run.
        trainer: Trainer for evaluation.
        step: training step of the weights.
        changed: differences from the record, by dotted option; ``data`` stands for the data files.
    """

    config: RunConfig
    module: SequenceModule
    trainer: L.Trainer
    step: int
    changed: Mapping[str, Change]

    @property
    def data(self) -> SequenceDataModule:
        """The data of the task, which the module holds."""
        assert self.module.data is not None
        return self.module.data


def recorded_config(
    record: Record,
    task_options: Options | None = None,
    trainer_options: Options | None = None,
    arguments: Sequence[str] = (),
) -> RunConfig:
    """Return the configuration of a record, for one process on this machine.

    Args:
        record: record of the run.
        task_options: options of the task that replace recorded ones.
        trainer_options: options of the Trainer; only the precision and the threads of the record are kept.
        arguments: dotted options of task and Trainer, which override all others.

    Raises:
        SeqbenchError: a recorded option cannot be used on this machine, or an option belongs neither to the task nor
            to the Trainer.
    """
    for name in run_request.split_arguments(arguments):
        group = name.partition(".")[0]
        if group in run_request.GROUPS and group not in ("task", "trainer"):
            raise SeqbenchError(f"a trained model keeps its {group}: --{name} cannot be changed; train another run.")
    recorded = record.config.options
    options: dict[str, object] = {
        **recorded.to_dict(),
        "task": {**recorded.task, **(task_options or {})},
        "trainer": {
            "precision": recorded.trainer.precision,
            "threads": recorded.trainer.threads,
            **(trainer_options or {}),
        },
        "logger": "none",
    }
    config = run_config.resolve_config(RunRequest.from_mapping(options, arguments))
    if config.trainer.several:
        raise SeqbenchError("an evaluation runs in one process; leave --trainer.devices and --trainer.num_nodes alone.")
    if config.trainer.threads > MOST_THREADS:
        raise SeqbenchError(f"trainer.threads must be at most {MOST_THREADS}, got {config.trainer.threads}.")
    return config


def reload_run(folder: Path, record: Record, config: RunConfig) -> ReloadedRun:
    """Reload a run's module with data and weights.

    Args:
        folder: the run's folder, with its checkpoint.
        record: record of the run.
        config: the configuration that ``recorded_config`` returned.

    Raises:
        SeqbenchError: data or weights are missing, or do not fit each other.
    """
    source_changes.require_recorded_files(record.config.sources, config.class_files)
    data = loading.build_datamodule(config)
    changed = _find_changes(record, config)
    if changed and data.vocabulary_text() is not None:
        facts = record.config.data_facts
        data.use_vocabulary(_recorded_vocabulary(folder, record, data), facts)
    _check_same_model(record, data.spec)
    module = build.build_module_from_spec(config, data.spec)
    module.data = data
    with trainer.silence_lightning():
        engine = trainer.build_trainer(config, folder, [], module)
    used = str(engine.precision)
    if used != config.trainer.precision:
        logger.info(f"on this machine, precision {config.trainer.precision} becomes {used}")
    # Weights of half or double precision are converted before the checkpoint is loaded into them.
    engine.strategy.precision_plugin.convert_module(module)
    return ReloadedRun(config, module, engine, load_weights(module, folder), changed)


def load_module(run: Path, arch: type | None = None) -> SequenceModule:
    """Return the module of a finished run with its best weights, in evaluation mode; it needs no data.

    Args:
        run: the run's folder, or its ``result.json``.
        arch: class of the architecture, instead of the recorded one; its source is not compared with the recorded one.

    Raises:
        SeqbenchError: there is no record or no checkpoint, the weights do not fit, or the source has changed.
    """
    folder = run if run.is_dir() else run.parent
    record = records.read_record(run)
    try:
        config = rebuild.config_from_options(record.config.options.to_dict(), arch)
        source_changes.require_recorded_files(record.config.sources, config.class_files)
        module = build.build_module_from_spec(config, _recorded_spec(record.config))
    except SeqbenchError:
        raise
    # The record may name a plug-in, whose construction may raise any error.
    except Exception as error:
        raise SeqbenchError(
            f"the record in {folder} describes no module ({type(error).__name__}: "
            f"{one_line(error, 200)}); give the folder that a run left."
        ) from error
    load_weights(module, folder)
    return module.eval()


def load_weights(module: SequenceModule, folder: Path) -> int:
    """Load a run's best checkpoint into its module; return the training step of the weights.

    Raises:
        SeqbenchError: there is no checkpoint, or it does not fit the module.
    """
    path = folder / run_folder.BEST
    if not path.is_file():
        raise SeqbenchError(run_folder.explain_missing_weights(folder))
    try:
        checkpoint = load_checkpoint(path)
        module.load_state_dict(checkpoint["state_dict"])
        return int(checkpoint["global_step"])
    except Exception as error:  # The unpickler raises many kinds of error for a broken file.
        raise SeqbenchError(f"{path} does not fit its record: {one_line(error, 300)}.") from error


def checksums_by_part(checksums: Mapping[str, str]) -> list[list[str]]:
    """Return pairs of the part of the data and the checksum of a file; the digest of a run covers these pairs.

    >>> checksums_by_part({"train/a.txt": "12ab"})
    [['train', '12ab']]
    """
    return sorted([name.rpartition("/")[0], checksum] for name, checksum in checksums.items())


def _find_changes(record: Record, config: RunConfig) -> dict[str, Change]:
    """Return the differences of task, data and precision from the record, except for the location of the data."""
    recorded, now = _flatten(record.config.options.to_dict()), _flatten(config.options())
    keys = sorted(key for key in {*recorded, *now} if key.startswith("task.") and key not in LOCATION_OPTIONS)
    pairs: dict[str, tuple[object, object]] = {
        key: (recorded.get(key), now.get(key)) for key in [*keys, "trainer.precision"]
    }
    pairs["card"] = (record.config.card.digest, config.card_digest())
    pairs["data"] = (checksums_by_part(record.config.data), checksums_by_part(config.checksums))
    return {key: {"recorded": old, "now": new} for key, (old, new) in pairs.items() if old != new}


def _flatten(options: Mapping[str, object]) -> dict[str, object]:
    """Return options by dotted name, with tuples replaced by lists."""
    groups = {group: values for group, values in options.items() if isinstance(values, Mapping)}
    flat = {f"{group}.{key}": value for group, values in groups.items() for key, value in values.items()}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in flat.items()}


def _recorded_vocabulary(folder: Path, record: Record, data: SequenceDataModule) -> str:
    """Return the vocabulary of the run's model: from the run's folder, or built again from the run's own data.

    Raises:
        SeqbenchError: the folder holds no vocabulary and the data have changed, or the vocabulary belongs to another
            run.
    """
    path = folder / data.vocabulary_file
    if data.vocabulary_file and path.is_file():
        try:
            text = atomic_files.read_bytes(path).decode()
        except (OSError, ValueError) as error:
            raise SeqbenchError(f"{path} cannot be read: {error}.") from error
    else:
        path = folder
        try:
            text = loading.build_datamodule(recorded_config(record)).vocabulary_text() or ""
        except SeqbenchError as error:
            raise SeqbenchError(
                f"other data must be read with the run's vocabulary, but the run folder holds none and the data of the "
                f"run have changed: {error}"
            ) from error
    checksum = record.config.data_facts.get("tokenizer")
    if checksum is not None and checksum != hashlib.sha256(text.encode()).hexdigest():
        raise SeqbenchError(f"the vocabulary {path} is not the one in the run's record; run the model again.")
    return text


def _check_same_model(record: Record, spec: SequenceSpec) -> None:
    """Check that the inputs and outputs of the data are those that the run's model was built for.

    Raises:
        SeqbenchError: they are not.
    """
    trained, present = _recorded_spec(record.config).to_dict(), spec.to_dict()
    for side, verb in (("input", "reads"), ("output", "predicts")):
        then, now = _fixed_fields(trained[side]), _fixed_fields(present[side])
        if then != now:
            raise SeqbenchError(
                f"the run's model {verb} {_describe_side(then)}, but these data need {_describe_side(now)}; give data "
                f"and options with the same inputs and outputs."
            )


def _fixed_fields(side: object) -> dict[str, object]:
    assert isinstance(side, Mapping)
    return {key: value for key, value in side.items() if key not in FREE_FIELDS}


def _describe_side(side: Mapping[str, object]) -> str:
    fields = ", ".join(f"{key} {value}" for key, value in side.items() if key != "kind")
    return f"{side['kind']} ({fields})"


def _recorded_spec(recorded: RunDescription) -> SequenceSpec:
    """Return the spec in a record's ``config``.

    Raises:
        SeqbenchError: the record holds no spec, or an invalid one.
    """
    try:
        if recorded.spec is not None:
            return SequenceSpec.from_dict(recorded.spec.to_dict())
    except (LookupError, TypeError):  # The kind is unknown, or its class does not accept the arguments.
        pass
    raise SeqbenchError("the record lacks the inputs and outputs of its model; run the model again.")
