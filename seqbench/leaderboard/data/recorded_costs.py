"""The costs in a record: parameters, operations, memory, times and speeds, and the machine where they were measured."""

from __future__ import annotations

from dataclasses import dataclass

from seqbench.protocol.records import Record

CONFIG_COSTS = ("parameters", "state_bytes", "flops_per_token")
"""Costs in ``config``, which are equal in every repetition of a run and on every machine."""
MEASURED_COSTS = ("seconds", "tokens_per_second", "decode_tokens_per_second", "peak_memory_bytes")
"""Costs in ``measured``, which differ between repetitions of a run and between machines."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine on which the costs of a run were measured, as the record states it.

    Args:
        device: accelerator, or processor and threads; empty if unknown.
        processor: model of the processor; empty if unknown.
        load: share of the machine's processor time that other processes used meanwhile; None if unknown.
        attempts: number of attempts in the folder of the run; None if unknown.
    """

    device: str = ""
    processor: str = ""
    load: float | None = None
    attempts: int | None = None


def recorded_machine(record: Record) -> Machine:
    """Return the machine of a run; what an older record does not state is unknown."""
    measured = record.measured
    processor = measured.processor.name if measured.processor else ""
    return Machine(measured.device or "", processor, measured.load, measured.attempts)


def recorded_costs(record: Record) -> dict[str, float]:
    """Return the costs that a record holds, by name; `tokens_per_second` says what a token is."""
    costs: dict[str, float | None] = {name: getattr(record.config, name) for name in CONFIG_COSTS}
    costs |= {name: getattr(record.measured, name) for name in MEASURED_COSTS}
    costs["tokens_per_second"] = tokens_per_second(record)
    return {name: cost for name, cost in costs.items() if cost is not None}


def tokens_per_second(record: Record) -> float | None:
    """Return the tokens per second of training, where a token is one time step of one sequence; None if unknown.

    Records without ``training_tokens`` count each feature of a step, so that a step of 88 features was 88 tokens. This
    function divides their speed by the number of features. It still counts padding, see `counts_padding`.
    """
    speed, spec = record.measured.tokens_per_second, record.config.spec
    if speed is None or spec is None or not counts_padding(record):
        return speed
    features = spec.input.get("dim", 1)
    # A context is one vector for a whole sequence, so that its size says nothing about time steps.
    if spec.input.get("kind") == "Context" or not isinstance(features, int) or features < 1:
        return None
    return speed / features


def counts_padding(record: Record) -> bool:
    """Return whether the speed of training counts padding, as in records of earlier versions of seqbench."""
    return record.measured.training_tokens is None
