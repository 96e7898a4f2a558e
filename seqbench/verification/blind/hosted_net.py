"""The net under test in its own process: built from a record, with given weights, and asked for hidden vectors."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from seqbench.datamodules import loading
from seqbench.models import build, rebuild
from seqbench.models.bodies.stepping import continue_stream
from seqbench.models.decoding import search
from seqbench.models.module import SequenceModule
from seqbench.models.own_training import overridden_methods
from seqbench.models.weights import count_parameters, weights_digest
from seqbench.protocol.backbones import State, feeds_back_output, is_causal
from seqbench.protocol.config import RunConfig, TrainerOptions
from seqbench.protocol.identity import source_changes
from seqbench.protocol.record_fields import SourceDescription
from seqbench.protocol.registry import continues_streams
from seqbench.protocol.specs import Batch, SequenceSpec, TokenSequence
from seqbench.running import parameter_matching, trainer
from seqbench.running.diagnostics import cost
from seqbench.running.option_parser import OptionParser
from seqbench.utils.errors import SeqbenchError, one_line
from seqbench.verification.blind.blind_batches import BlindBatch
from seqbench.verification.blind.messages import Message, RawArray
from seqbench.verification.blind.raw_tensors import from_raw, to_raw

if TYPE_CHECKING:
    from pydantic import JsonValue

BATCH_TENSORS = ("inputs", "lengths", "decoder_inputs", "asked")
"""Tensors of a ``BlindBatch`` that a request may hold."""


class HostedNet:
    """The module of a recorded run with the weights of its checkpoint, built as a run builds it.

    Args:
        start: the first message: ``options``, ``spec``, ``sources``, ``accelerator`` and ``threads``; ``costs``,
            whether costs are measured; ``match``, the number of parameters and the tolerance for which a width is
            found, or None; and the weights by name. Without weights the net has its initial ones.

    Raises:
        SeqbenchError: the record describes no module that can be built here, or the weights do not fit it.
    """

    def __init__(self, start: Message) -> None:
        values = start.values
        if threads := _whole_number(values["threads"]):
            torch.set_num_threads(threads)
        self._config = _build_config(values)
        spec = SequenceSpec.from_dict(_mapping(values["spec"]))
        self._module = build.build_module_from_spec(self._config, spec)
        self._initial_digest = weights_digest(self._module)
        with trainer.silence_lightning():
            self._engine = trainer.build_trainer(self._config, Path(), [], self._module)
        # Weights of half or double precision are converted before the checkpoint is loaded into them, as in a run.
        self._engine.precision_plugin.convert_module(self._module)
        self._costs = _costs(self._module) if values["costs"] else {}
        self._matched = _matched_width(self._config, spec, values["match"])
        if start.arrays:
            _load_weights(self._module, {name: from_raw(array) for name, array in start.arrays.items()})
        self._loaded_digest = weights_digest(self._module)
        self._device = self._engine.strategy.root_device
        self._module.to(self._device).eval()
        self._carried: State = None

    def describe(self) -> dict[str, JsonValue]:
        """Return the fields of a ``NetDescription`` as plain data."""
        module, body = self._module, self._module.body
        backbone = body.decoding_backbone
        return {
            "parameters": {name: list(tensor.shape) for name, tensor in module.named_parameters()},
            "trainable": count_parameters(module),
            "initial_digest": self._initial_digest,
            "weights_digest": self._loaded_digest,
            "looks_ahead": not is_causal(backbone),
            "streaming": continues_streams(self._config.arch_entry.load()),
            "own_head": self._own_head,
            "feeds_back_output": feeds_back_output(backbone),
            "own_training": _own_training(module),
            "options": _resolved_options(self._config),
            "class_files": {name: dict(files) for name, files in self._config.class_files.items()},
            "device": str(self._device),
            "precision": str(self._engine.precision),
            "costs": self._costs,
            "matched_width": self._matched,
        }

    @property
    def _own_head(self) -> bool:
        """Whether the architecture has replaced the head of the task, so that its weights are not those of a map."""
        return type(self._module.objective.head) is not nn.Linear

    def answer(self, request: Message) -> dict[str, RawArray]:
        """Return the arrays that answer a request.

        Raises:
            SeqbenchError: the kind of the request is unknown, or the task has no decoding.
            Exception: the net raised an error.
        """
        blind = _read_batch(request)
        with self._evaluation(blind) as batch:
            if request.kind == "hidden_vectors":
                return {"hidden": to_raw(self._hidden_vectors(batch, keep_state=bool(request.values["keep_state"])))}
            if request.kind == "decode":
                return self._decode(batch)
        raise SeqbenchError(f"unknown request '{request.kind}'")

    @contextlib.contextmanager
    def _evaluation(self, blind: BlindBatch) -> Iterator[Batch]:
        """Give a batch on the device and in the precision of the run, in the mode of Lightning's evaluation."""
        plugin = self._engine.precision_plugin
        with torch.inference_mode(), plugin.test_step_context():
            batch: Batch = plugin.convert_input(blind.to_batch())
            yield batch.to(self._device)

    def _hidden_vectors(self, batch: Batch, keep_state: bool) -> Tensor:
        """Return one hidden vector for each target, or the output of the head if the architecture brings the head.

        The state after a chunk of a stream stays in this process.
        """
        hidden, carried = continue_stream(self._module.body, batch, self._carried)
        if keep_state:
            self._carried = carried
        if self._own_head:
            outputs: Tensor = self._module.objective.head(hidden)
            return outputs
        return hidden

    def _decode(self, batch: Batch) -> dict[str, RawArray]:
        """Return the tokens that the search of the task finds, joined, and their number in each row."""
        output = self._module.spec.output
        if not isinstance(output, TokenSequence):
            raise SeqbenchError(f"an output of kind {type(output).__name__} is not decoded")
        rows = search.decode(self._module.body, self._module.objective, batch, output)
        tokens = torch.tensor([token for row in rows for token in row], dtype=torch.int64)
        counts = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        return {"tokens": to_raw(tokens), "counts": to_raw(counts)}


def _build_config(values: Mapping[str, JsonValue]) -> RunConfig:
    """Return the recorded configuration; classes that are given by their paths must have their recorded source."""
    options = _mapping(values["options"])
    try:
        config = rebuild.config_from_options(options)
    except (LookupError, TypeError, ValueError) as error:
        raise SeqbenchError(f"the recorded options describe no module: {type(error).__name__}: {error}") from error
    sources = {name: SourceDescription.model_validate(x) for name, x in _mapping(values["sources"]).items()}
    source_changes.require_recorded_files(sources, config.class_files)
    engine = TrainerOptions(
        accelerator=str(values["accelerator"]),
        precision=str(_mapping(options["trainer"])["precision"]),
        threads=_whole_number(values["threads"]),
    )
    return dataclasses.replace(config, trainer=engine)


def _costs(module: SequenceModule) -> dict[str, JsonValue]:
    """Return the size of the state and the operations of a token, with the reason for one that is unknown."""
    figures: Mapping[str, object] = cost.module_cost(module)
    return {name: _plain(value) for name, value in figures.items()}


def _matched_width(config: RunConfig, spec: SequenceSpec, match: JsonValue) -> int | None:
    """Return the width whose number of parameters is nearest to a target; None without a target.

    Raises:
        SeqbenchError: no width is near enough.
    """
    if match is None:
        return None
    target, tolerance = _mapping(match)["target"], _mapping(match)["tolerance"]
    assert isinstance(tolerance, float | int)
    fixed = set(config.arch_options) - {"d_model"}
    chosen = parameter_matching.match_parameters(config, _whole_number(target), float(tolerance), fixed, spec)
    return int(chosen.arch_options["d_model"])


def _load_weights(module: SequenceModule, weights: Mapping[str, Tensor]) -> None:
    try:
        module.load_state_dict(weights)
    except RuntimeError as error:
        raise SeqbenchError(f"the weights of the checkpoint do not fit the net: {one_line(error, 300)}") from error


def _own_training(module: SequenceModule) -> JsonValue:
    """Return the methods that a module with training of its own overrides; None for a backbone."""
    return None if type(module) is SequenceModule else [*overridden_methods(type(module))]


def _resolved_options(config: RunConfig) -> dict[str, JsonValue]:
    """Return the options of the architectures with the defaults of their signatures, by group.

    Raises:
        SeqbenchError: an option is unknown, or its value has the wrong type.
    """
    given = {"arch": dict(config.arch_options)}
    classes: dict[str, type] = {"arch": config.arch_entry.load()}
    if config.encoder_entry is not None:
        given["encoder"], classes["encoder"] = dict(config.encoder_options), config.encoder_entry.load()
    parser = OptionParser(classes, loading.import_datamodule_class(config.card))
    parser.set_defaults({"task": config.task_options, "optim": dataclasses.asdict(config.optim), "body": config.body})
    parsed = parser.parse(given, {})
    return {group: {key: _plain(value) for key, value in parsed[group].items()} for group in given}


def _read_batch(request: Message) -> BlindBatch:
    """Return the batch of a request."""
    tensors = {name: from_raw(array) for name, array in request.arrays.items()}
    first = request.values["first"]
    return BlindBatch(
        inputs=tensors["inputs"],
        lengths=tensors["lengths"],
        out_time=_whole_number(request.values["out_time"]),
        first=None if first is None else bool(first),
        decoder_inputs=tensors.get("decoder_inputs"),
        asked=tensors.get("asked"),
    )


def _plain(value: object) -> JsonValue:
    """Return an option as JSON holds it, with lists instead of tuples."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _mapping(value: JsonValue) -> dict[str, JsonValue]:
    assert isinstance(value, dict)
    return value


def _whole_number(value: JsonValue) -> int:
    assert isinstance(value, int)
    return value
