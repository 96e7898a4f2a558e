"""What a net process is asked: to build the net of a record, and to compute its outputs for a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn

from seqbench.models.objectives import build_objective
from seqbench.protocol.records import Record
from seqbench.protocol.specs import SequenceSpec
from seqbench.running.parameter_matching import parse_tolerance
from seqbench.utils.errors import SeqbenchError
from seqbench.utils.plain_data import short_repr
from seqbench.verification.blind import net_worker
from seqbench.verification.blind.blind_batches import BlindBatch
from seqbench.verification.blind.messages import Message
from seqbench.verification.blind.raw_tensors import to_raw

if TYPE_CHECKING:
    from pydantic import JsonValue


def recorded_spec(record: Record) -> SequenceSpec:
    """Return the inputs and outputs of the net.

    Raises:
        SeqbenchError: the record does not say them.
    """
    if record.config.spec is None:
        raise SeqbenchError("the record lacks the inputs and outputs of its model; run the model again.")
    try:
        return SequenceSpec.from_dict(record.config.spec.to_dict())
    except (LookupError, TypeError) as error:
        raise SeqbenchError(f"the record describes no inputs and outputs of a model: {error}") from error


def recorded_width(record: Record) -> int:
    """Return the width of the hidden vectors.

    Raises:
        SeqbenchError: the record does not say it.
    """
    width = record.config.options.arch.get("d_model")
    if not isinstance(width, int) or isinstance(width, bool) or width < 1:
        raise SeqbenchError(f"the record has the width arch.d_model {short_repr(width)}, expected a number above 0")
    return width


def output_width(spec: SequenceSpec) -> int:
    """Return the number of outputs of the head of a task for each target."""
    head = build_objective(spec, 1).head
    assert isinstance(head, nn.Linear)
    return head.out_features


def start_message(
    record: Record, weights: Mapping[str, Tensor], accelerator: str, threads: int, costs: bool = False
) -> Message:
    """Return the first message, which holds all that the net is built from.

    Args:
        record: record of the run.
        weights: weights and buffers by name.
        accelerator: ``cpu``, ``gpu`` or ``auto``.
        threads: CPU threads; 0 for PyTorch's choice.
        costs: whether the costs of the net are measured, and a recorded number of parameters is matched again.
    """
    config = record.config
    tolerance = config.size_match.tolerance if config.size_match else parse_tolerance(None)
    match: JsonValue = {"target": config.match_params, "tolerance": tolerance} if config.match_params else None
    values: dict[str, JsonValue] = {
        "options": config.options.to_dict(),
        "spec": config.spec.to_dict() if config.spec else None,
        "sources": {name: source.to_dict() for name, source in config.sources.items()},
        "accelerator": accelerator,
        "threads": threads,
        "costs": costs,
        "match": match if costs else None,
    }
    return Message(net_worker.START, values, {name: to_raw(tensor) for name, tensor in weights.items()})


def batch_message(kind: str, batch: BlindBatch, keep_state: bool) -> Message:
    """Return the request for the outputs of a batch.

    Args:
        kind: ``hidden_vectors`` or ``decode``.
        batch: the inputs.
        keep_state: whether the next chunk of a stream continues from the state after this one.
    """
    tensors = {
        "inputs": batch.inputs,
        "lengths": batch.lengths,
        "decoder_inputs": batch.decoder_inputs,
        "asked": batch.asked,
    }
    arrays = {name: to_raw(tensor) for name, tensor in tensors.items() if tensor is not None}
    return Message(kind, {"first": batch.first, "out_time": batch.out_time, "keep_state": keep_state}, arrays)
