"""From a run's folder back to its module, with its weights and its task's data, or other data for the same task.

A text is read with the vocabulary that the run's model learnt, never with one of the new text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as L
import torch

from seqbench.datamodules import loading
from seqbench.datamodules.base import SequenceDataModule
from seqbench.models import build
from seqbench.models.module import SequenceModule
from seqbench.protocol import cards, records, run_folder
from seqbench.protocol.config import RunConfig
from seqbench.protocol.record_sections import RunDescription
from seqbench.protocol.records import Record
from seqbench.protocol.specs import SequenceSpec
from seqbench.running import run_config, run_request, trainer
from seqbench.running.run_request import RunRequest
from seqbench.utils import atomic_files
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.utils.strict_model import validate

MOST_THREADS = 256
_OF_THE_PLACE = ("task.data_dir", "task.source")
_FREE = ("metrics", "rates", "smoothing", "longest", "beam", "length_penalty")
"""Of an output: what training or decoding is done by, and no weight depends on."""


@dataclass(frozen=True)
class Restored:
    """A run's module with its data and its best weights, and the Trainer to score it with.

    ``changed`` holds, by dotted option, what was recorded and what is now; ``step`` is that of the weights.
    """

    config: RunConfig
    module: SequenceModule
    trainer: L.Trainer
    step: int
    changed: Mapping[str, Mapping[str, Any]]

    @property
    def data(self) -> SequenceDataModule:
        """The task's data, the module's own."""
        assert self.module.data is not None
        return self.module.data


def recorded_config(
    record: Record,
    task: Mapping[str, Any] | None = None,
    place: Mapping[str, Any] | None = None,
    arguments: Sequence[str] = (),
) -> RunConfig:
    """A recorded configuration, for one process on this machine.

    Args:
        record: of the run.
        task: options of the task, over those recorded.
        place: options of the trainer; of those recorded only precision and threads stay.
        arguments: dotted options of both; they win.

    Raises:
        SeqbenchError: as ``options.resolve``, or another option is given than of the task or the trainer.
    """
    for name in run_request.split_arguments(arguments):
        group = name.partition(".")[0]
        if group in run_request.GROUPS and group not in ("task", "trainer"):
            raise SeqbenchError(f"a trained model keeps its {group}: --{name} cannot be changed; train another run.")
    given = _options(record)
    kept = {key: value for key, value in _mapping(given.get("trainer")).items() if key in ("precision", "threads")}
    given |= {"trainer": {**kept, **(place or {})}, "logger": "none"}
    if task:
        given["task"] = {**_mapping(given.get("task")), **task}
    config = run_config.resolve_config(RunRequest.from_mapping(given, arguments))
    if config.trainer.several:
        raise SeqbenchError("an evaluation runs in one process; leave --trainer.devices and --trainer.num_nodes alone.")
    if config.trainer.threads > MOST_THREADS:
        raise SeqbenchError(f"trainer.threads must be at most {MOST_THREADS}, got {config.trainer.threads}.")
    return config


def reload_run(folder: Path, record: Record, config: RunConfig) -> Restored:
    """Bring a run's module back with data and weights.

    Args:
        folder: of the run, with its checkpoint.
        record: of the run.
        config: what ``configuration`` gives.

    Raises:
        SeqbenchError: data or weights are missing, or do not fit each other.
    """
    data = loading.build_datamodule(config)
    changed = _changed(record, config)
    if changed and data.vocabulary_text() is not None:
        facts = record.config.data_facts
        data.use_vocabulary(_vocabulary(folder, record, data, facts), facts)
    _check_fit(record, data.spec)
    module = build.build_module_from_spec(config, data.spec)
    module.data = data
    with trainer.silence_lightning():
        engine = trainer.build_trainer(config, folder, [], data.streaming)
    # Weights of half or double precision, before those of the checkpoint are taken up.
    engine.strategy.precision_plugin.convert_module(module)
    return Restored(config, module, engine, load_weights(module, folder), changed)


def _mapping(value: Any) -> Mapping[str, Any]:
    """What stands in a record, if it is a mapping; else nothing."""
    return value if isinstance(value, Mapping) else {}


def _options(record: Record) -> dict[str, Any]:
    return record.config.options.to_dict()


def _changed(record: Record, config: RunConfig) -> dict[str, dict[str, Any]]:
    """Where the task, its data or the precision differ from what was recorded; the data's place does not matter."""
    then, now = _flat(_options(record)), _flat(config.options())
    keys = sorted(key for key in {*then, *now} if key.startswith("task.") and key not in _OF_THE_PLACE)
    pairs = {key: (then.get(key), now.get(key)) for key in [*keys, "trainer.precision"]}
    pairs["card"] = (record.config.card.digest, config.card.digest(config.tier))
    pairs["data"] = (checksums_by_part(record.config.data), checksums_by_part(config.checksums))
    return {key: {"recorded": old, "now": new} for key, (old, new) in pairs.items() if old != new}


def _flat(given: Mapping[str, Any]) -> dict[str, Any]:
    groups = {group: value for group, value in given.items() if isinstance(value, Mapping)}
    found = {f"{group}.{key}": value for group, some in groups.items() for key, value in some.items()}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}


def checksums_by_part(sums: Mapping[str, Any]) -> list[list[str]]:
    """Checksums without the names of files: what a run's digest has of them."""
    return sorted([str(name).rpartition("/")[0], str(value)] for name, value in sums.items())


def _vocabulary(folder: Path, record: Record, data: SequenceDataModule, facts: Mapping[str, Any]) -> str:
    """The vocabulary that the run's model learnt: of the run's folder, or made again from the run's own data."""
    path = folder / data.vocabulary_file
    if data.vocabulary_file and path.is_file():
        try:
            text = atomic_files.read_bytes(path).decode()
        except (OSError, ValueError) as error:
            raise SeqbenchError(f"{path} cannot be read: {error}.") from error
    else:
        try:
            text = loading.build_datamodule(recorded_config(record)).vocabulary_text() or ""
        except SeqbenchError as error:
            raise SeqbenchError(
                f"other data must be read with the run's own vocabulary, and its folder keeps none and its data are "
                f"not as they were: {error}"
            ) from error
        path = folder
    if "tokenizer" in facts and facts["tokenizer"] != hashlib.sha256(text.encode()).hexdigest():
        raise SeqbenchError(
            f"the vocabulary of {path} is not the one that the run's record names; run the model again."
        )
    return text


def _check_fit(record: Record, spec: SequenceSpec) -> None:
    """Make sure that the data ask what the run's model can answer."""
    trained: dict[str, Any] = _recorded_spec(record.config).to_dict()
    asked: dict[str, Any] = spec.to_dict()
    for side, verb in (("input", "reads"), ("output", "answers")):
        then, now = ({k: v for k, v in data[side].items() if k not in _FREE} for data in (trained, asked))
        if then != now:
            raise SeqbenchError(
                f"the run's model {verb} {_told(then)}, and these data ask for {_told(now)}; give data and options "
                f"that leave it as it was."
            )


def _told(side: Mapping[str, Any]) -> str:
    inside = ", ".join(f"{key} {value}" for key, value in side.items() if key != "kind")
    return f"{side['kind']} ({inside})"


def load_module(run: Path) -> SequenceModule:
    """The module of a finished run with the weights of its best checkpoint, in evaluation mode.

    It needs no data: the record says what the task asked.

    Raises:
        SeqbenchError: there is no record or no checkpoint, or the weights do not fit.
    """
    folder = run if run.is_dir() else run.parent
    record = records.read_record(run)
    try:
        module = build.build_module_from_spec(*_described(record.config))
    except SeqbenchError:
        raise
    # A record may say anything, and what is made of it fails in any way.
    except Exception as error:
        raise SeqbenchError(
            f"the record in {folder} describes no module ({type(error).__name__}: "
            f"{one_line(error, 200)}); give the folder that a run left."
        ) from error
    load_weights(module, folder)
    return module.eval()


def _recorded_spec(recorded: RunDescription) -> SequenceSpec:
    """Return the spec in a record's ``config``.

    Raises:
        SeqbenchError: the record holds none, or one that is no spec.
    """
    try:
        if recorded.spec is not None:
            return SequenceSpec.from_dict(recorded.spec.to_dict())
    except (LookupError, TypeError):  # An unknown kind, or arguments that its class does not take.
        pass
    raise SeqbenchError("the record does not say what its model reads and answers; run the model again.")


def _described(recorded: RunDescription) -> tuple[RunConfig, SequenceSpec]:
    """The configuration and the spec in a record's ``config``."""
    saved: Any = recorded.options.to_dict()  # Names and arguments of plug-ins; what is built of them may fail.
    arch, encoder = dict(saved["arch"]), dict(saved.get("encoder") or {})
    config = RunConfig(
        card=cards.load_card(saved["task"]["name"]),
        tier=saved["tier"],
        arch=arch.pop("name"),
        seed=saved["seed"],
        arch_options=arch,
        encoder=encoder.pop("name", None),
        encoder_options=encoder,
        task_options={},
        body=saved["body"],
        optim=validate(cards.Optim, saved["optim"], "optim"),
    )
    return config, _recorded_spec(recorded)


def load_weights(module: SequenceModule, folder: Path) -> int:
    """Put a run's best checkpoint, chosen on validation, into its module; return the step it is of.

    Raises:
        SeqbenchError: there is none, or it does not fit.
    """
    path = folder / run_folder.BEST
    if not path.is_file():
        raise SeqbenchError(f"{folder} holds no {run_folder.BEST}; the run ended before its first validation.")
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        module.load_state_dict(saved["state_dict"])
        return int(saved["global_step"])
    except Exception as error:  # torch.load raises whatever its unpickler meets.
        raise SeqbenchError(f"{path} does not fit its record: {one_line(error, 300)}.") from error
